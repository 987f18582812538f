"""A member of a service over the real database, with a broker that takes everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar, cast

from aiokafka import AIOKafkaProducer

from infra.runtime.bundles import Bundle
from infra.runtime.clock import SystemClock
from infra.runtime.connections import mongo_client
from infra.runtime.ears import Ears, Wake
from infra.runtime.health import Health
from infra.runtime.ledger import Entry, Ledger, Page
from infra.runtime.members import Members
from infra.runtime.relay import Relay
from infra.runtime.settings import RuntimeSettings
from infra.runtime.states import State
from infra.runtime.timers import Timers
from tests.live.test_cluster import due

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
Handler = Callable[[Wake, Entry], Awaitable[None]]


class Rung(State):
    """How often a bell was rung."""

    COLLECTION: ClassVar[str] = "bells"
    times: int = 0


@dataclass
class Batch:
    """Letters that go to Kafka together."""

    ids: list[str] = field(default_factory=list)

    def append(self, *, headers: list[tuple[str, bytes]], **_: Any) -> bool:
        self.ids.append(dict(headers)["ce_id"].decode())
        return True

    def record_count(self) -> int:
        return len(self.ids)


@dataclass
class Kafka:
    """A broker that takes everything; `said` are the ids in their order. It answers nobody until `here` is set."""

    said: list[str] = field(default_factory=list)
    here: asyncio.Event = field(default_factory=asyncio.Event)

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
        await self.here.wait()
        self.said += batch.ids
        taken = asyncio.get_running_loop().create_future()
        taken.set_result(SimpleNamespace(topic=topic, partition=partition, offset=len(self.said)))
        return taken


@dataclass
class Member:
    ledger: Ledger
    relay: Relay
    timers: Timers
    members: Members
    health: Health

    async def says(self, *names: str) -> list[str]:
        """Commits so many letters without a word, as one that dies then; returns their ids."""
        return [letter.id for bundle in await self.commits(*names) for letter in bundle.letters]

    async def commits(self, *names: str) -> list[Bundle]:
        """Commits a letter of each name in one page; they wait to be said."""
        return await self.ledger.commit(self.page(*names))

    def page(self, *names: str) -> Page:
        """One that says a letter of each name."""
        page = self.ledger.page()
        for name in names:
            entry = page.entry(name, "says", name)
            entry.say(due(name))
            page.accept(entry)
        return page

    async def outbox(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = await self.ledger.db.outbox.find({}).to_list(None)
        return rows


async def rings(wake: Wake, entry: Entry) -> None:
    bell = await entry.load(Rung, wake.key) or Rung(id=wake.key)
    entry.write(bell.model_copy(update={"times": bell.times + 1}))
    entry.say(due(wake.key))


@asynccontextmanager
async def member(settings: RuntimeSettings, name: str, kafka: Kafka, handler: Handler = rings) -> AsyncIterator[Member]:
    ears, health = Ears("inspections"), Health(60.0)
    ears.wakes("ring")(handler)
    ears.wakes("call", outside=True)(handler)
    client = mongo_client(settings, name)
    ledger = Ledger(client, f"{settings.database_prefix}_inspections", SystemClock(), name)
    await ledger.prepare({"bells"}, 30)
    relay = Relay("inspections", ledger, cast(AIOKafkaProducer, kafka), health, settings)
    timers = Timers(ears, ledger, relay, ledger.clock, health, settings)
    relaying = asyncio.create_task(relay.run())
    try:
        yield Member(ledger, relay, timers, Members(ledger, relay, timers, health), health)
    finally:
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)
        client.close()
