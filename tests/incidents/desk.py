"""A desk for handlers: entries over a dictionary instead of a database, with the timers they set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from contracts.agreements.agreement import Agreement
from contracts.events.assets import AgreementPublishedV1
from contracts.events.event import Event
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry
from infra.runtime.states import State


class Desk:
    """One service's memory. Every state goes through its document, as it would in the database."""

    def __init__(self, ears: Ears, now: datetime) -> None:
        self.ears, self.now = ears, now
        self.kept: dict[tuple[type[State], str], dict[str, Any]] = {}
        self.timers: dict[tuple[str, str], datetime] = {}
        self.said: list[Event] = []
        self.heard = 0
        self.ledger = SimpleNamespace(db=SimpleNamespace(name=f"desk-{uuid4().hex}"))

    async def load(self, model: type[State], id: str) -> State | None:
        document = self.kept.get((model, id))
        return model.of({**document, "_v": 1}) if document else None

    async def hear(self, *events: Event) -> None:
        """Hears events at the time of the desk's clock."""
        for event in events:
            for hearing in self.ears.hearings[type(event)]:
                await self._enter(partial(hearing.handler, event))

    async def publish(self, agreement: Agreement) -> None:
        document = {"agreement": agreement.id, "version": agreement.version, "digest": "d", "document": agreement}
        await self.hear(AgreementPublishedV1(at=self.now, **document))

    async def pass_time(self, until: datetime) -> None:
        """Moves the clock, firing each timer at its due time."""
        while due := min(((at, *known) for known, at in self.timers.items() if at <= until), default=None):
            at, name, key = due
            del self.timers[name, key]
            self.now = max(self.now, at)
            await self._enter(partial(self.ears.wakings[name].handler, Wake(name, key, at)))
        self.now = until

    async def act(self, work: Callable[[Entry], Awaitable[Any]]) -> Any:
        """Runs what an API post would."""
        return await self._enter(work)

    async def _enter(self, work: Callable[[Entry], Awaitable[Any]]) -> Any:
        self.heard += 1
        entry = Entry(self, f"cause-{self.heard}", "handler", self.now, "correlation")  # type: ignore[arg-type]
        result = await work(entry)
        for (model, id), state in entry.writes.items():
            assert state is not None
            self.kept[model, id] = state.document()
        for name, key, due in entry.timers.values():
            self.timers.pop((name, key), None)
            if due is not None:
                self.timers[name, key] = due
        self.said += [said.event for said in entry.says]
        return result

    def told(self, *types: type[Event], since: int = 0) -> list[Any]:
        """What was said of these types, in order."""
        return [event for event in self.said[since:] if isinstance(event, types)]


def every(step: timedelta, start: datetime, end: datetime) -> list[datetime]:
    return [start + n * step for n in range((end - start) // step)]
