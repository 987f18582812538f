"""A desk: the dispatch table of notify run over a dictionary, with the ledger's rules (one page, versions, timers)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import bson
from bson.codec_options import CodecOptions

from contracts.agreements.agreement import Agreement
from contracts.events.assets import AgreementPublishedV1
from contracts.events.event import Event
from infra.runtime.ears import Wake
from infra.runtime.ledger import Conflict, Entry, Page
from infra.runtime.states import S, State
from services.notify.counter import Counter
from services.notify.domain.directory import Directory
from services.notify.domain.messages import Message
from services.notify.handlers import ears_for
from tests.notify import town

Key = tuple[type[State], str]
_UTC: CodecOptions[Mapping[str, Any]] = CodecOptions(tz_aware=True)


class DeskPage:
    """One page: remembers the versions it saw."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.entries, self.seen = desk, list[Entry](), dict[Key, int]()
        self.written: dict[Key, State | None] = {}
        self.ledger = SimpleNamespace(db=SimpleNamespace(name=f"desk-{id(desk)}"))

    def entry(self, cause: str, handler: str, correlation: str) -> Entry:
        return Entry(cast(Page, self), cause, handler, self.desk.clock.now(), correlation)

    def accept(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.written.update(entry.writes)

    async def load(self, model: type[S], id: str) -> S | None:
        if (model, id) in self.written:
            return cast("S | None", self.written[model, id])
        version, raw = self.desk.states.get((model, id), (0, b""))
        self.seen.setdefault((model, id), version)
        return model.of(bson.decode(raw, _UTC)) if raw else None

    async def fetch(self, keys: Iterable[Key]) -> None:
        for model, id in keys:
            await self.load(model, id)


class Desk:
    """What is heard, said and due. As `ledger` and `room`, it also carries the API's acts."""

    def __init__(
        self,
        counter: Counter,
        directory: Directory = town.DIRECTORY,
        now: datetime = town.NOON,
        join: timedelta = timedelta(0),
    ) -> None:
        self.ears = ears_for(counter, join)
        self.time = now
        self.clock = SimpleNamespace(now=lambda: self.time)
        self.states: dict[Key, tuple[int, bytes]] = {}
        self.timers: dict[str, tuple[datetime, str, str]] = {}
        self.said: list[Event] = []
        self.heard: set[tuple[str, str]] = set()
        self.lock = asyncio.Lock()
        self.commits_lost = 0
        self.ledger, self.health = self, SimpleNamespace(opened=True)
        self.relay = SimpleNamespace(commit=self.commit)
        self._put(directory)

    async def publish(self, agreement: Agreement) -> None:
        """An agreement is in force."""
        published = AgreementPublishedV1(
            at=self.time, agreement=agreement.id, version=agreement.version, digest="", document=agreement
        )
        await self.hear(published, f"{agreement.id}@{agreement.version}")

    async def hear(self, event: Event, cause: str, correlation: str = "") -> None:
        """All handlers of the event, in one page."""
        await self.hear_all([(event, cause)], correlation)

    async def hear_all(self, events: Sequence[tuple[Event, str]], correlation: str = "") -> None:
        """All handlers of these events, in one page; what was heard before has no effect."""
        page = self.page()
        for event, cause in events:
            for hearing in self.ears.hearings[type(event)]:
                if (cause, hearing.name) in self.heard:
                    continue
                entry = page.entry(cause, hearing.name, correlation or cause)
                await hearing.handler(event, entry)
                page.accept(entry)
        await self.commit(page)
        self.heard |= {(entry.cause, entry.handler) for entry in page.entries}

    async def fire(self, upto: datetime | None = None) -> None:
        """Fires all timers due up to there, in order, moving the clock along."""
        upto = upto or self.time
        while due := sorted((due, id) for id, (due, _, _) in self.timers.items() if due <= upto):
            self.time = max(self.time, due[0][0])
            await self.fire_one(due[0][1])
        self.time = max(self.time, upto)

    async def sort(self) -> None:
        """Fires the timers that take sheaves out of their trays, and no other that is due."""
        for id, (due, name, _) in sorted(self.timers.items()):
            if name == "join" and due <= self.time:
                await self.fire_one(id)

    async def fire_one(self, id: str) -> None:
        """Fires one timer, again when its page is in conflict."""
        while id in self.timers:
            try:
                return await self._fire_once(id)
            except Conflict:
                continue
        return None

    async def _fire_once(self, id: str) -> None:
        due, name, key = self.timers[id]
        waking, page = self.ears.wakings[name], self.page()
        await page.fetch(waking.needs(key) if waking.needs else ())
        entry = page.entry(f"{id}@{due.isoformat()}", waking.name, id)
        await waking.handler(Wake(name, key, due), entry)
        page.accept(entry)
        if self.commits_lost:
            self.commits_lost -= 1
            raise Conflict("the database was away")
        await self.commit(page, fired=id)

    def page(self) -> DeskPage:
        return DeskPage(self)

    async def commit(self, page: DeskPage, fired: str | None = None) -> list[Any]:
        """All or nothing."""
        written = {key: state for entry in page.entries for key, state in entry.writes.items()}
        for key in written:
            if page.seen.get(key, self._version(key)) != self._version(key):
                raise Conflict(str(key))
        if fired:
            self.timers.pop(fired)
        for key, state in written.items():
            self.states.pop(key, None) if state is None else self._put(state)
        for entry in page.entries:
            self.said += [said.event for said in entry.says]
            for id, (name, key_of, due) in entry.timers.items():
                if due is None:
                    self.timers.pop(id, None)
                else:
                    self.timers[id] = (due, name, key_of)
        return []

    @property
    def messages(self) -> list[Message]:
        """All messages, by id."""
        return self.all(Message)

    def all(self, model: type[S]) -> list[S]:
        """All states of this kind, by id."""
        found = (model.of(bson.decode(raw, _UTC)) for (kind, _), (_, raw) in self.states.items() if kind is model)
        return sorted(found, key=lambda state: state.id)

    def in_state(self, state: str) -> list[Message]:
        return [message for message in self.messages if message.state == state]

    def said_of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.said if isinstance(event, kind)]

    def _version(self, key: Key) -> int:
        return self.states.get(key, (0, b""))[0]

    def _put(self, state: State) -> None:
        key = (type(state), state.id)
        self.states[key] = (self._version(key) + 1, bson.encode(state.document()))


async def desk_with(counter: Counter, notices: Any = None, **more: Any) -> Desk:
    """A desk that has heard of the town's agreement, with these rules of notice."""
    desk = Desk(counter, **more)
    _forget_parsed_agreements()
    await desk.publish(town.agreement(town.lot(notices or town.NOTICES)))
    return desk


def _forget_parsed_agreements() -> None:
    """The runtime keeps parsed agreements per process; each test has its own town."""
    from infra.runtime import agreements

    agreements._parsed.clear()
    agreements._places.clear()


MINUTES = timedelta(minutes=1)
