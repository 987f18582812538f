"""The conductor: moves one clock for all services, and takes the next step only when the bus is quiet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

_PATIENCE_SECONDS = 120.0
GATE = "assets"
"""Where frames come in: what it has said is asked first, so that the others wait for it in the same round."""


class NotQuiet(RuntimeError):
    """The services did not become quiet in time."""


class Conductor:
    """Over HTTP with the service key. A service that is away is waited for: it comes back by itself."""

    def __init__(self, http: Mapping[str, str], key: str, clock_file: Path) -> None:
        self._clients = {
            name: httpx.AsyncClient(base_url=url, headers={"x-api-key": key}, timeout=60) for name, url in http.items()
        }
        self._clock_file = clock_file
        self._said: dict[str, int] = {}
        self.now: datetime | None = None

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
        assert self.now
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

    async def settle(self, *, frames: bool = False) -> datetime | None:
        """Returns when all is quiet, with the next due time of any timer. `frames`: some were sent, so the gate is
        asked first, and the others wait for what it has said."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            if frames and GATE in self._clients:
                self._said = self._heard(await self._settle(GATE))
            asked, answers = set(self._clients), dict[str, dict[str, Any]]()
            while asked:
                before = self._said
                for name, answer in zip(asked, await asyncio.gather(*map(self._settle, asked)), strict=True):
                    answers[name] = answer
                self._said = self._heard(*answers.values())
                news = {
                    where.rpartition("/")[0] for where, offset in self._said.items() if offset > before.get(where, -1)
                }
                asked = {
                    name
                    for name, answer in answers.items()
                    if not answer["quiet"] or news.intersection(answer["hears"])
                }
        dues = [datetime.fromisoformat(answer["next_due"]) for answer in answers.values() if answer["next_due"]]
        return min(dues, default=None)

    def _heard(self, *answers: Mapping[str, Any]) -> dict[str, int]:
        """What is known to have been said, with these answers."""
        said = dict(self._said)
        for answer in answers:
            for where, offset in answer["said"].items():
                said[where] = max(offset, said.get(where, -1))
        return said

    async def _settle(self, name: str) -> dict[str, Any]:
        body = {"said": self._said, "within_seconds": 5.0, "move": self._time() if self.now else None}
        return await self._ask(name, "/runtime/settle", body)
