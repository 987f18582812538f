"""Patience: when a message that was refused for now is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field

from contracts.values import Frozen

_DOUBLINGS_MAX = 60
"""Beyond them any pause is at its longest; a power without end would overflow."""


class Patience(Frozen):
    """Pauses double from `first_seconds` up to `longest_seconds`; the last try is made at `age_seconds`.

    A gateway or mail server that is away for a night costs nothing but time (Bad input: nothing lost).
    """

    first_seconds: float = Field(default=30.0, gt=0)
    longest_seconds: float = Field(default=1_800.0, gt=0)
    age_seconds: float = Field(default=86_400.0, ge=0)

    def pause(self, tries: int) -> timedelta:
        """The pause after so many tries, one or more."""
        doubled = self.first_seconds * 2 ** min(tries - 1, _DOUBLINGS_MAX)
        return timedelta(seconds=min(doubled, self.longest_seconds))

    def next_try(self, tries: int, due: datetime, now: datetime) -> datetime | None:
        """The next try of what was due at `due` and was refused `tries` times; None where it is given up."""
        ends = due + timedelta(seconds=self.age_seconds)
        return min(now + self.pause(tries), ends) if now < ends else None
