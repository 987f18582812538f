"""When the work was really done, by a phone whose wall clock may be wrong (W4).

The monotonic clock of a phone cannot be set, only restarted: what it counted between the work and the post is taken
back from our own time. Without it, the wall clock is set right by what it shows while posting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from contracts.values import Words, whole_milliseconds
from services.inspections.domain.refusal import Flaw, Refused

AHEAD = timedelta(minutes=2)
"""A done moment may be so far ahead of our clock; it then counts as now."""
DRIFT = timedelta(minutes=2)
"""Wall and monotonic clock may differ by so much between the work and the post."""


class Readings(NamedTuple):
    """What a phone's clocks showed: `done_…` at the work, `now_…` at the sending. Seconds are monotonic."""

    done_wall: datetime
    now_wall: datetime | None = None
    done_seconds: Decimal | None = None
    now_seconds: Decimal | None = None

    @property
    def elapsed(self) -> timedelta | None:
        """How long ago the work was, by the monotonic clock; None without it, or when it was restarted since."""
        if self.done_seconds is None or self.now_seconds is None or self.now_seconds < self.done_seconds:
            return None
        return timedelta(milliseconds=int((self.now_seconds - self.done_seconds) * 1000))


@dataclass(frozen=True, slots=True)
class Timing:
    """When it was done, UTC. `offset`: our time minus the phone's wall clock. `proven`: by the monotonic clock."""

    done: datetime
    offset: timedelta | None
    proven: bool
    clock_changed: bool


def timing_of(readings: Readings, now: datetime, since: datetime) -> Timing:
    """The corrected moment; `Refused` 422 when it lies ahead of `now`, or before the site was there."""
    elapsed = readings.elapsed
    offset = now - readings.now_wall if readings.now_wall is not None else None
    done = now - elapsed if elapsed is not None else readings.done_wall + (offset or timedelta())
    _check(done, now, since)
    return Timing(whole_milliseconds(min(done, now)), offset, elapsed is not None, _clock_changed(readings))


def _clock_changed(readings: Readings) -> bool:
    """Whether the wall clock ran otherwise than the monotonic one between the work and the post."""
    if readings.elapsed is None or readings.now_wall is None:
        return False
    return abs(readings.now_wall - readings.done_wall - readings.elapsed) > DRIFT


def _check(done: datetime, now: datetime, since: datetime) -> None:
    if done > now + AHEAD:
        words = Words(zh="完成时间晚于当前时间", en="The work would be done in the future")
        raise _impossible("done-in-future", words, Words(zh=f"不晚于 {_told(now)}", en=f"at most {_told(now)}"))
    if done < since:
        words = Words(zh="完成时间早于站点启用日期", en="The work would be done before the site was there")
        raise _impossible("done-before-site", words, Words(zh=f"不早于 {_told(since)}", en=f"at least {_told(since)}"))


def _impossible(code: str, words: Words, expected: Words) -> Refused:
    return Refused(422, code, words, (Flaw("done_at", expected),))


def _told(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
