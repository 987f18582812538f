"""An entry: what one handler makes of one event, a list of intentions, dropped whole if the handler fails."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from motor.motor_asyncio import AsyncIOMotorDatabase

from contracts.events.event import Event
from contracts.ids import id_of
from infra.runtime.letters import Outgoing, seal
from infra.runtime.states import S, State

if TYPE_CHECKING:
    from infra.runtime.ledger import Page

Database = AsyncIOMotorDatabase[dict[str, Any]]
Key = tuple[type[State], str]
_IDS = uuid.UUID("6f5b8a4e-5f7b-4a53-9b0e-7c1f6f0b5a11")


def event_id(cause: str, handler: str, n: int) -> str:
    """The id of what a handler says: the same cause says the same, however often it is heard."""
    return id_of(_IDS, f"{cause}|{handler}|{n}")


@dataclass(frozen=True, slots=True)
class Said:
    """An event to be said, with the id it gets."""

    id: str
    event: Event
    causation: str


@dataclass
class Entry:
    """What one handler makes of one event."""

    page: Page
    cause: str
    handler: str
    now: datetime
    correlation: str
    trace: Mapping[str, str] = field(default_factory=dict)
    traces: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """By cause, where one entry is made of many letters: what each of them causes lies in its own trace."""
    writes: dict[Key, State | None] = field(default_factory=dict)
    says: list[Said] = field(default_factory=list)
    timers: dict[str, tuple[str, str, datetime | None]] = field(default_factory=dict)

    async def load(self, model: type[S], id: str) -> S | None:
        """The state as this page knows it: what earlier entries wrote, else what the database holds."""
        if (model, id) in self.writes:
            return self.writes[model, id]  # type: ignore[return-value]
        return await self.page.load(model, id)

    def write(self, state: State) -> None:
        """The state is to be remembered in place of what was there."""
        self.writes[type(state), state.id] = state

    def erase(self, model: type[State], id: str) -> None:
        """The state is to be forgotten."""
        self.writes[model, id] = None

    def say(self, event: Event, *, cause: str | None = None) -> str:
        """The event is to be said; returns its id. `cause` names another causing letter than this entry's."""
        said = Said(event_id(cause or self.cause, self.handler, len(self.says)), event, cause or self.cause)
        self.says.append(said)
        return said.id

    def wake(self, due: datetime, name: str, key: str) -> None:
        """Wakes this service at `due`: one timer per (name, key), a new due replaces the old."""
        self.timers[f"{name}|{key}"] = (name, key, due)

    def unwake(self, name: str, key: str) -> None:
        """Takes a timer back."""
        self.timers[f"{name}|{key}"] = (name, key, None)

    async def find(self, model: type[S], query: Mapping[str, Any]) -> list[S]:
        """Committed states by query: it does not see what this page has not written yet."""
        cursor = self.page.ledger.db[model.COLLECTION].find(dict(query)).sort("_id", 1)
        return [model.of(document) async for document in cursor]

    @property
    def mark(self) -> str:
        """By which a timer tells which cause has set it."""
        return id_of(_IDS, self.cause)

    @property
    def db(self) -> Database:
        """The database of this room, for gatherings, which are idempotent by themselves."""
        return self.page.ledger.db

    def sealed(self) -> list[Outgoing]:
        """What it says, as letters in its own trace."""
        return [
            seal(
                said.event,
                id=said.id,
                said_at=self.now,
                correlation=self.correlation,
                causation=said.causation,
                trace=self.traces.get(said.causation, self.trace),
            )
            for said in self.says
        ]
