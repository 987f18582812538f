"""The watchdog: ends a process that takes no further work, so that its supervisor starts it again."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import structlog

from infra.runtime.health import Health
from infra.runtime.leaving import Leaving

log = structlog.get_logger()
_LOOK_SECONDS = 1.0
_PAUSED_SECONDS = 5.0


class Watchdog:
    """A thread, for a loop that is blocked cannot look after itself.

    Lost is a service of which a line is stuck, a background task has ended, or whose loop has not turned for as long as
    a line may take. What waits for broker or database is not lost, nor is a line that stopped because all was bad: a
    restart would help neither. It is asked to stop first, and ended when it has not left in time.
    """

    def __init__(self, service: str, health: Health, leaving: Leaving, stop: Callable[[], None]) -> None:
        self._service, self._health, self._leaving, self._stop = service, health, leaving, stop
        self._turned = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._ticking = self._loop.create_task(self._tick())

    def start(self) -> None:
        """Looks after the running loop from now on."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    async def _tick(self) -> None:
        while True:
            self._turned = time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)

    def _watch(self) -> None:
        while not (lost := self._lost()):
            looked = time.monotonic()
            time.sleep(_LOOK_SECONDS)
            if time.monotonic() - looked > _PAUSED_SECONDS:  # the whole process stood still: let it go on first
                self._turned = time.monotonic()
                time.sleep(_LOOK_SECONDS)
        log.critical("service ends itself", service=self._service, lost=lost)
        self._leaving.watch()
        self._loop.call_soon_threadsafe(self._stop)

    def _lost(self) -> dict[str, str]:
        if time.monotonic() - self._turned > self._health.stuck_after_seconds:
            return {"loop": "does not turn"}
        return self._health.lost()
