"""The machine's clock as one process sees it, which can be made to jump."""

from __future__ import annotations

import importlib
import time
from datetime import datetime, timedelta, tzinfo

ASK = tuple(f"infra.runtime.{name}" for name in ("acts", "ledger", "line", "standing"))
"""The modules of the runtime that ask the machine for the date, and ask `datetime` for nothing else."""
_seconds, _nanoseconds = time.time, time.time_ns


class JumpingClock:
    """What `time.time`, `time.time_ns` and the runtime's `datetime.now` say; monotonic clocks go on as they are."""

    ahead = timedelta(0)
    was_asked = False
    """Since it jumped."""

    def install(self) -> None:
        """From here on this process sees it. AttributeError where a module asks no more."""
        clock = self

        class Jumped(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                clock.was_asked |= bool(clock.ahead)
                return datetime.now(tz) + clock.ahead

        time.time = lambda: _seconds() + clock.ahead.total_seconds()
        time.time_ns = lambda: _nanoseconds() + int(clock.ahead.total_seconds() * 1e9)
        for name in ASK:
            module = importlib.import_module(name)
            if module.datetime is not datetime:
                raise AttributeError(f"{name} does not ask for the date")
            module.datetime = Jumped  # type: ignore[attr-defined]
