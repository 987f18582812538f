"""Leaving: a room that was told to stop closes one part after the other, all of them by one deadline."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from signal import SIGTERM, signal

import structlog

log = structlog.get_logger()
UNFINISHED = 70
"""Exit code of a process that had to be ended at its deadline, whoever told it to stop: a signal or its watchdog."""
_HTTP_SHARE = 0.3


def end_well_when_stopped() -> None:
    """A process that is told to stop (SIGTERM) ends with 0: uvicorn raises the signal once more when all is closed."""
    signal(SIGTERM, end)


def end(*_: object) -> None:
    """Ends the process with 0, at once: a driver's threads are not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class Leaving:
    """`seconds` bound everything: what is not finished by then is left as after a crash, which loses nothing."""

    def __init__(self, service: str, seconds: float) -> None:
        self._service, self._seconds = service, seconds
        self._by: float | None = None
        self.told_at: float | None = None
        """When the process was told to stop, by the monotonic clock."""

    @property
    def http_seconds(self) -> int:
        """How long requests at work may take to finish; the rest is for the parts."""
        return max(1, int(self._seconds * _HTTP_SHARE))

    def begin(self) -> None:
        """The parts' turn. The time counts from when the process was told: what requests took of it is gone."""
        if self._by is None:
            gone = time.monotonic() - self.told_at if self.told_at else 0.0
            self._by = asyncio.get_running_loop().time() + self._seconds - gone
            log.info("service stops", service=self._service)

    def watch(self) -> None:
        """Ends the process at its deadline, whatever a driver's thread still waits for."""
        self.told_at = self.told_at or time.monotonic()
        guard = threading.Timer(self._seconds + 0.5, os._exit, (UNFINISHED,))
        guard.daemon = True
        guard.start()

    async def close(self, part: str, work: Callable[[], Awaitable[object]]) -> None:
        """Closes a part, or gives it up at the deadline."""
        by = self._by or asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(by):
                await work()
        except TimeoutError:
            log.warning("part given up", service=self._service, part=part)
        else:
            if self._by:
                log.info("part closed", service=self._service, part=part)
