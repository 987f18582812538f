"""The conductor: moves one clock for all services, and takes the next step only when the bus is quiet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

_PATIENCE_SECONDS = 120.0


class Quiet(NamedTuple):
    """A service that has nothing left to do for what was said up to here, on the streams that it hears."""

    said: Mapping[str, int]
    hears: frozenset[str]
    next_due: datetime | None


class Conductor:
    """Over HTTP with the service key. A service that is away is waited for: it comes back by itself."""

    def __init__(self, http: Mapping[str, str], key: str, clock_file: Path) -> None:
        self._clients = {
            name: httpx.AsyncClient(base_url=url, headers={"x-api-key": key}, timeout=60) for name, url in http.items()
        }
        self._clock_file = clock_file
        self._said: dict[str, int] = {}
        self._quiet: dict[str, Quiet] = {}
        self.now: datetime | None = None
        self._horizon: datetime | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def move(self, now: datetime, horizon: datetime) -> None:
        """Sets everybody's clock, before anything is sent to them; timers fire up to `horizon`."""
        self.turn(now, horizon)
        await asyncio.gather(*(self._ask(name, "/runtime/clock", self._time()) for name in self._clients))

    def turn(self, now: datetime, horizon: datetime) -> None:
        """Sets the clock, of which everybody is told when next asked to settle."""
        self.now, self._horizon = now, horizon
        written = self._clock_file.with_suffix(".new")
        written.write_text(json.dumps(self._time()))
        written.replace(self._clock_file)

    def _time(self) -> dict[str, str]:
        assert self.now and self._horizon
        return {"now": self.now.isoformat(), "horizon": self._horizon.isoformat()}

    async def _ask(self, name: str, path: str, body: Any) -> dict[str, Any]:
        """Asks until there is an answer: a killed service is started again by its supervisor."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                try:
                    answer = await self._clients[name].post(path, json=body)
                    if answer.status_code == 200:
                        return dict(answer.json())
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)

    def said_on(self, topic: str) -> int:
        """How much has been said on a stream: it grows when something happened there."""
        return sum(offset + 1 for where, offset in self._said.items() if where.startswith(f"{topic}/"))

    async def settle(self, touched: Collection[str] | None = None) -> datetime | None:
        """Returns when all is quiet, with the next due time of any timer. `touched`: the services that were given
        something from outside since; None: any may have been.

        Who was quiet, has heard all that was said since, and has no timer due, is not asked again.
        """
        for name in self._clients if touched is None else touched:
            self._quiet.pop(name, None)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while asked := [name for name in self._clients if not self._is_quiet(name)]:
                await self._settle(asked)
        return min((quiet.next_due for quiet in self._quiet.values() if quiet.next_due), default=None)

    def _is_quiet(self, name: str) -> bool:
        known = self._quiet.get(name)
        if known is None or (known.next_due and self._horizon and known.next_due <= self._horizon):
            return False
        return not any(
            offset > known.said.get(where, -1)
            for where, offset in self._said.items()
            if where.rpartition("/")[0] in known.hears
        )

    async def _settle(self, asked: Sequence[str]) -> None:
        """Asks these for all that is known to have been said; those that are quiet then are known to be."""
        said = dict(self._said)
        body = {"said": said, "within_seconds": 5.0, "move": self._time() if self.now else None}
        answers = await asyncio.gather(*(self._ask(name, "/runtime/settle", body) for name in asked))
        for name, answer in zip(asked, answers, strict=True):
            for where, offset in answer["said"].items():
                self._said[where] = max(offset, self._said.get(where, -1))
            if answer["quiet"]:
                due = datetime.fromisoformat(answer["next_due"]) if answer["next_due"] else None
                self._quiet[name] = Quiet(said, frozenset(answer["hears"]), due)
