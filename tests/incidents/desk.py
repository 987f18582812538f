"""A desk for handlers: entries over a dictionary instead of a database, with the timers they set.

What is said has the ids that the runtime would give it, and what has an id that was said before is dropped, as the
relay and every hearer drop it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from contracts.agreements.agreement import Agreement
from contracts.events.assets import AgreementPublishedV1
from contracts.events.event import Event
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry
from infra.runtime.states import State


class Desk:
    """One service's memory. Every state goes through its document, as it would in the database.

    `said`: what hearers take in; `dropped`: what they take for a repeat. `timers`: due time, and the cause that armed
    it.
    """

    def __init__(self, ears: Ears, now: datetime) -> None:
        self.ears, self.now = ears, now
        self.kept: dict[tuple[type[State], str], dict[str, Any]] = {}
        self.timers: dict[tuple[str, str], tuple[datetime, str]] = {}
        self.said: list[Event] = []
        self.dropped: list[Event] = []
        self.ids: set[str] = set()
        self.heard = 0
        self.ledger = SimpleNamespace(db=SimpleNamespace(name=f"desk-{uuid4().hex}"))

    async def load(self, model: type[State], id: str) -> State | None:
        document = self.kept.get((model, id))
        return model.of({**document, "_v": 1}) if document else None

    async def hear(self, *events: Event) -> None:
        """Hears events at the time of the desk's clock, each in a letter of its own."""
        for event in events:
            letter = self._new("letter")
            for hearing in self.ears.hearings[type(event)]:
                await self._enter(letter, hearing.name, partial(hearing.handler, event))

    async def publish(self, agreement: Agreement) -> None:
        document = {"agreement": agreement.id, "version": agreement.version, "digest": "d", "document": agreement}
        await self.hear(AgreementPublishedV1(at=self.now, **document))

    async def pass_time(self, until: datetime) -> None:
        """Moves the clock, firing each timer at its due time."""
        while due := min(((at, *known) for known, (at, _) in self.timers.items() if at <= until), default=None):
            at, name, key = due
            _, armed_by = self.timers.pop((name, key))
            self.now = max(self.now, at)
            waking, cause = self.ears.wakings[name], f"{name}|{key}@{at.isoformat()}|{armed_by}"
            await self._enter(cause, waking.name, partial(waking.handler, Wake(name, key, at)))
        self.now = until

    def due(self, name: str, key: str) -> datetime:
        """When this timer is due; KeyError where it is not set."""
        return self.timers[name, key][0]

    async def act(self, work: Callable[[Entry], Awaitable[Any]]) -> Any:
        """Runs what an API post would."""
        return await self._enter(self._new("act"), "act", work)

    def _new(self, name: str) -> str:
        self.heard += 1
        return f"{name}|{self.heard}"

    async def _enter(self, cause: str, handler: str, work: Callable[[Entry], Awaitable[Any]]) -> Any:
        entry = Entry(self, cause, handler, self.now, "correlation")  # type: ignore[arg-type]
        result = await work(entry)
        for (model, id), state in entry.writes.items():
            assert state is not None
            self.kept[model, id] = state.document()
        for name, key, due in entry.timers.values():
            self.timers.pop((name, key), None)
            if due is not None:
                self.timers[name, key] = due, str(uuid5(NAMESPACE_OID, cause))
        for said in entry.says:
            (self.dropped if said.id in self.ids else self.said).append(said.event)
            self.ids.add(said.id)
        return result

    def told(self, *types: type[Event], since: int = 0) -> list[Any]:
        """What was said of these types, in order."""
        return [event for event in self.said[since:] if isinstance(event, types)]


def every(step: timedelta, start: datetime, end: datetime) -> list[datetime]:
    return [start + n * step for n in range((end - start) // step)]
