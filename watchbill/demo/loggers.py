"""The loggers of a play: what every station sends, worked out ahead while the services are at work."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from infra.local.simulator.logger import LoggerLine
from infra.local.simulator.station import Sent, Station

AHEAD = timedelta(hours=3)


class Loggers:
    """A TCP line for each station, from a moment on."""

    def __init__(self, stations: Sequence[Station], host: str, port: int, starts: datetime) -> None:
        self._stations = stations
        self._lines = [LoggerLine(host, port) for _ in stations]
        self._pending: list[deque[Sent]] = [deque() for _ in stations]
        self._known_to = starts
        self._work: asyncio.Task[list[list[Sent]]] | None = None

    async def send(self, until: datetime) -> int:
        """Sends all that leaves the loggers up to `until`; returns how many pieces, once all have their answers."""
        while self._known_to < until:
            await self._know_more()
        batches = [_taken(pending, until) for pending in self._pending]
        if self._work is None:
            self._work = self._ahead()
        await asyncio.gather(*(line.send_all(batch) for line, batch in zip(self._lines, batches, strict=True) if batch))
        return sum(map(len, batches))

    async def _know_more(self) -> None:
        found = await (self._work or self._ahead())
        self._work, self._known_to = None, self._known_to + AHEAD
        for pending, pieces in zip(self._pending, found, strict=True):
            pending.extend(pieces)

    def _ahead(self) -> asyncio.Task[list[list[Sent]]]:
        start, end = self._known_to, self._known_to + AHEAD
        return asyncio.create_task(
            asyncio.to_thread(lambda: [station.frames(start, end) for station in self._stations])
        )

    async def close(self) -> None:
        """Hangs up."""
        if self._work is not None:
            await self._work
        await asyncio.gather(*(line.close() for line in self._lines))


def _taken(pending: deque[Sent], until: datetime) -> list[Sent]:
    taken: list[Sent] = []
    while pending and pending[0].at <= until:
        taken.append(pending.popleft())
    return taken
