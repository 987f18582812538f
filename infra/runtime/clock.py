"""The service clock: the system's, or one that a conductor moves in steps (the demo and the tests)."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from contracts.values import whole_milliseconds

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the time, in UTC and whole milliseconds, and up to when timers may fire."""

    def now(self) -> datetime:
        """The time of this service."""
        ...

    def horizon(self) -> datetime:
        """Timers due up to here may fire."""
        ...

    def stir(self) -> None:
        """Something became due: whoever waits looks again."""
        ...

    async def stirred(self, within_seconds: float) -> None:
        """Waits until the clock was moved or stirred, at most so long."""
        ...


class _Stirring:
    def __init__(self) -> None:
        self._stirred = asyncio.Event()

    def stir(self) -> None:
        self._stirred.set()

    async def stirred(self, within_seconds: float) -> None:
        try:
            async with asyncio.timeout(within_seconds):
                await self._stirred.wait()
        except TimeoutError:
            return
        self._stirred.clear()


class SystemClock(_Stirring):
    """The machine's clock."""

    def now(self) -> datetime:
        return whole_milliseconds(datetime.now(UTC))

    def horizon(self) -> datetime:
        return self.now()


class MovableClock(_Stirring):
    """Stands still until it is moved. The horizon may lag behind, so that what came in is heard before timers fire."""

    def __init__(self, now: datetime, horizon: datetime | None = None) -> None:
        super().__init__()
        self._now, self._horizon = whole_milliseconds(now), whole_milliseconds(horizon or now)

    @classmethod
    def at_last(cls, written: Path | None) -> MovableClock:
        """The clock as the conductor left it, or long ago where it has not begun."""
        if written is None or not written.exists():
            return cls(_LONG_AGO)
        last = json.loads(written.read_text())
        return cls(datetime.fromisoformat(last["now"]), datetime.fromisoformat(last["horizon"]))

    def now(self) -> datetime:
        return self._now

    def horizon(self) -> datetime:
        return self._horizon

    def move(self, now: datetime, horizon: datetime) -> None:
        """Sets the clock. A clock that goes back would make the past undecided: ValueError."""
        if now < self._now or horizon < self._horizon or horizon > now:
            raise ValueError(f"the clock goes forward only, horizon behind: {self._now} -> {now}, {horizon}")
        self._now, self._horizon = whole_milliseconds(now), whole_milliseconds(horizon)
        self.stir()
