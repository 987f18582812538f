"""Two members of one service, as a StatefulSet of two: they share streams and timers; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.agreements.clocks import Within
from contracts.events.assets import AgreementPublishedV1
from contracts.events.event import Event
from infra.runtime.letters import Letter, open_record
from infra.runtime.room import Room
from infra.runtime.settings import RuntimeSettings
from services.incidents.api import router
from services.incidents.handlers import ears
from services.incidents.store import INDEXES
from tests.incidents.site_stories import FLAG, SOLVE, STEP, TOWN, agreement, lot, measured, reading
from tests.live.rooms import CONDUCTOR, opened, settings_in
from tests.live.test_incidents_room import teller

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
SITES = [f"lake-{number}" for number in range(12)]
STEPS, BAD_FROM = 12, 2
DUE_IN = timedelta(seconds=8)


@dataclass
class Town:
    """A town on the system's clock, whose incidents are two processes' work."""

    settings: RuntimeSettings
    tells: httpx.AsyncClient
    members: dict[str, AsyncExitStack] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)

    async def join(self, member: str) -> None:
        settings = self.settings.model_copy(update={"instance": member})
        self.rooms[member] = Room("incidents", ears, router, INDEXES, settings)
        self.members[member] = stack = AsyncExitStack()
        await stack.enter_async_context(opened(self.rooms[member]))

    async def leave(self, member: str) -> None:
        await self.members.pop(member).aclose()

    async def tell(self, *events: Event) -> None:
        story = {"tells": [(event.type(), event.model_dump(mode="json")) for event in events]}
        (await self.tells.post("/tell", json=story, headers=CONDUCTOR)).raise_for_status()

    async def publish(self) -> datetime:
        """Puts the sites under an agreement; returns when the first period starts, so that faults are due soon."""
        now = datetime.now(UTC).replace(microsecond=0)
        limit = (STEPS - BAD_FROM - 1) * STEP + DUE_IN
        solve = SOLVE.model_copy(update={"limits": (Within(time=limit),), "warns": (DUE_IN / 2,), "excludes": ()})
        sites = tuple(TOWN.model_copy(update={"id": site, "assets": _assets(site)}) for site in SITES)
        terms = agreement(lot((FLAG,), (solve,)).model_copy(update={"sites": sites}))
        await self.tell(AgreementPublishedV1(at=now, agreement=terms.id, version=1, digest="d", document=terms))
        return now - STEPS * STEP

    async def hear(self, start: datetime, steps: range) -> None:
        """A reading of each site for each step; from `BAD_FROM` on its analyser is marked."""
        for step in steps:
            value = measured(3, "D" if step >= BAD_FROM else "N")
            heard = (reading(start + step * STEP, so2=value).model_copy(update={"site": site}) for site in SITES)
            await self.tell(*heard)

    async def until_said(self, wanted: int) -> list[Letter]:
        """All that incidents have said, once it is so much and nothing waits any more."""
        async with asyncio.timeout(90):
            while True:
                said = await self._said()
                if len({letter.id for letter in said}) >= wanted and await self._nothing_waits():
                    return said
                await asyncio.sleep(0.2)

    async def _nothing_waits(self) -> bool:
        db = next(iter(self.rooms.values())).ledger.db
        if await db.outbox.find_one({}) or await db.timers.find_one({"due": {"$lte": datetime.now(UTC)}}):
            return False
        return not any(room.ledger.lock.locked() or room.health.report() for room in self.rooms.values())

    async def parked(self) -> int:
        return int(await next(iter(self.rooms.values())).ledger.db.parked.count_documents({}))

    async def _said(self) -> list[Letter]:
        topic = f"{self.settings.streams}incidents"
        everywhere = [TopicPartition(topic, partition) for partition in range(self.settings.kafka_partitions)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.brokers, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign(everywhere)
            await consumer.seek_to_beginning(*everywhere)
            ends, letters = await consumer.end_offsets(everywhere), list[Letter]()
            while any([await consumer.position(where) < ends[where] for where in everywhere]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    letters += [open_record(record) for record in records]
            return letters
        finally:
            await consumer.stop()


def _assets(site: str) -> tuple[Any, ...]:
    return tuple(asset.model_copy(update={"id": f"{asset.id}-{site}"}) for asset in TOWN.assets)


@pytest.fixture
async def town(platform: Any, tmp_path: Path) -> AsyncIterator[Town]:
    settings = settings_in(tmp_path, platform).model_copy(update={"clock": "system"})
    async with opened(teller(settings)) as tells:
        made = Town(settings, tells)
        for member in ("0", "1"):
            await made.join(member)
        yield made
        for member in list(made.members):
            await made.leave(member)


def once_a_site(*types: str) -> Counter[str]:
    """Each of these events as often as there are sites."""
    return Counter(dict.fromkeys(types, len(SITES)))


async def test_two_members_say_everything_once(town: Town) -> None:
    start = await town.publish()
    await town.hear(start, range(STEPS))
    wanted = once_a_site("FaultOpenedV1", "SlaWarnedV1", "SlaBreachedV1")
    said = await town.until_said(wanted.total())
    assert Counter(letter.type for letter in said) == wanted
    assert await town.parked() == 0
    heard = [{where for where, offset in room.heard.items() if offset >= 0} for room in town.rooms.values()]
    assert all(any("readings" in where for where in some) for some in heard)


async def test_overdue_timers_fire_after_both_were_away(town: Town) -> None:
    """Each hears its own share only of what was said meanwhile; a warning after the due time says nothing."""
    start = await town.publish()
    await town.hear(start, range(STEPS - 2))
    await town.until_said(len(SITES))
    await asyncio.gather(*(town.leave(member) for member in ("0", "1")))
    await town.hear(start, range(STEPS - 2, STEPS))
    await asyncio.sleep(max(0.0, (start + STEPS * STEP + DUE_IN - datetime.now(UTC)) / timedelta(seconds=1)))
    await asyncio.gather(*(town.join(member) for member in ("0", "1")))
    wanted = once_a_site("FaultOpenedV1", "SlaBreachedV1")
    assert Counter(letter.type for letter in await town.until_said(wanted.total())) == wanted
