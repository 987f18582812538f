"""Health: red when something that must run has stopped, or when what comes in is no longer handled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field

import structlog

from infra.runtime.told import told

log = structlog.get_logger()


@dataclass
class Health:
    """What a service knows of its own state. Ready: it has opened and nothing is wrong."""

    stuck_after_seconds: float
    opened: bool = False
    faults: dict[str, str] = field(default_factory=dict)
    _waits: set[str] = field(default_factory=set)
    _busy_since: dict[str, float] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _ended_parts: set[str] = field(default_factory=set)

    def bad(self, part: str, reason: str, *, restart: bool = True) -> None:
        """This part is broken until it says otherwise. `restart`: a new start of this process may help."""
        (self._waits.discard if restart else self._waits.add)(part)
        if self.faults.get(part) != reason:
            log.error("part unhealthy", part=part, reason=reason)
        self.faults[part] = reason

    def good(self, part: str) -> None:
        """This part works again."""
        if self.faults.pop(part, None):
            log.info("part healthy again", part=part)

    def busy(self, part: str) -> None:
        """This part has taken work; it is stuck when `idle` does not follow in time."""
        self._busy_since.setdefault(part, time.monotonic())

    def idle(self, part: str) -> None:
        """This part has finished what it took."""
        self._busy_since.pop(part, None)

    def is_busy(self, part: str) -> bool:
        """Whether this part has work in hand."""
        return part in self._busy_since

    def report(self) -> dict[str, str]:
        """Everything that is wrong, by part; empty when healthy."""
        return {**self._stuck(), **self.faults}

    def lost(self) -> dict[str, str]:
        """What will not come back by itself, by part: stuck or ended. May be asked from another thread."""
        return self._stuck() | {part: self.faults.get(part, "ended") for part in list(self._ended_parts)}

    def _stuck(self) -> dict[str, str]:
        late = time.monotonic() - self.stuck_after_seconds
        busy = list(self._busy_since.items())
        return {part: "stuck: takes no further work" for part, since in busy if since < late}

    def waits(self, part: str) -> bool:
        """Whether a part's trouble lies outside this process: a restart would be in vain."""
        return part in self._waits

    def supervise(self, part: str, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs a background task whose end, good or bad, turns health red: a silent death is the worst fault."""
        task = asyncio.create_task(work, name=part)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        self._ended_parts.add(task.get_name())
        self.bad(task.get_name(), f"ended: {told(error)}" if error else "ended")

    async def close(self, except_for: str = "") -> None:
        """Ends the background tasks."""
        tasks = [task for task in self._tasks if task.get_name() != except_for]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
