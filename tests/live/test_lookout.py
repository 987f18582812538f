"""What one member of a service has heard is not ahead of another that takes its streams over."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from fastapi import APIRouter

from contracts.events.inspections import InspectionDueV1
from infra.runtime import bus
from infra.runtime.connections import kafka_options
from infra.runtime.ears import Ears
from infra.runtime.feed import Feed
from infra.runtime.health import Health
from infra.runtime.ledger import Entry
from infra.runtime.letters import seal
from infra.runtime.lookout import Lookout
from infra.runtime.room import Room
from infra.runtime.settings import RuntimeSettings
from tests.live.rooms import CONDUCTOR, opened, settings_in
from tests.live.test_cluster import due
from tests.live.test_runtime import START

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]
TASKS = 40


@dataclass
class Took:
    """A feed that has all of a stream, and got nothing since: it heard nothing of it. `looks`: how often it was looked
    at."""

    assigned: frozenset[TopicPartition]
    name: str = "feed inspections"
    is_closing: bool = False
    is_in_group: bool = True
    line: Any = field(default_factory=lambda: SimpleNamespace(name="line", topics=("inspections",), heard={}))
    looks: int = 0

    async def position(self, where: TopicPartition) -> int:
        return 0

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        self.looks += 1
        return self.assigned


async def say(settings: RuntimeSettings) -> None:
    await bus.ensure_topics(settings)
    async with bus.new_producer(settings, "another") as producer:
        for number in range(TASKS):
            task = f"t{number}"
            letter = seal(due(task), id=task, said_at=START, correlation=task, causation=task, trace={})
            await producer.send_and_wait(
                settings.streams + letter.topic, letter.value, key=task.encode(), headers=list(letter.headers)
            )


async def commit_all(settings: RuntimeSettings, where: frozenset[TopicPartition]) -> None:
    """As another member of incidents that has heard everything."""
    group = bus.group_of(settings, "incidents", ("inspections",))
    async with AIOKafkaConsumer(**kafka_options(settings), group_id=group, enable_auto_commit=False) as other:
        other.assign(list(where))
        await other.commit(await other.end_offsets(list(where)))


@pytest.mark.parametrize("by_another", [True, False], ids=["heard by another", "heard by nobody"])
async def test_only_what_nobody_heard_is_ahead(platform: Any, tmp_path: Path, by_another: bool) -> None:
    settings = settings_in(tmp_path, platform, stuck_after_seconds=1.0)
    await say(settings)
    every = await bus.partitions(settings)
    feed = Took(frozenset(one for one in every if one.topic == f"{settings.streams}inspections"))
    if by_another:
        await commit_all(settings, feed.assigned)
    health = Health(stuck_after_seconds=1.0)
    looking = asyncio.create_task(Lookout(settings, "incidents", [cast(Feed, feed)], health).run())
    async with asyncio.timeout(60):
        while feed.looks < 4:  # by then three looks have been judged
            await asyncio.sleep(0.05)
    assert health.is_busy(feed.name) is not by_another and health.faults == {}
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_member_without_a_share_misses_nothing(platform: Any, tmp_path: Path) -> None:
    """It is in the group, and the others, who have all of the streams, may stand still on purpose."""
    settings = settings_in(tmp_path, platform, stuck_after_seconds=1.0)
    await say(settings)
    for is_in_group in (True, False):
        feed, health = Took(frozenset(), is_in_group=is_in_group), Health(stuck_after_seconds=1.0)
        looking = asyncio.create_task(Lookout(settings, "incidents", [cast(Feed, feed)], health).run())
        async with asyncio.timeout(60):
            while feed.looks < 4:
                await asyncio.sleep(0.05)
        assert health.is_busy(feed.name) is not is_in_group and health.faults == {}
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def test_mark_of_a_transaction_is_no_record(platform: Any, tmp_path: Path) -> None:
    """As at the end of a stream that was mirrored with its transactions: there is nothing left to be heard."""
    settings, heard = settings_in(tmp_path, platform, stuck_after_seconds=1.0), set[str]()
    room = _member(settings, "0", heard)
    async with opened(room):
        producer = AIOKafkaProducer(**kafka_options(settings), transactional_id=settings.instance)
        async with producer, producer.transaction():
            letter = seal(due("t"), id="t", said_at=START, correlation="t", causation="t", trace={})
            await producer.send(
                settings.streams + letter.topic, letter.value, key=letter.key, headers=list(letter.headers)
            )
        (feed,) = room.feeds
        async with asyncio.timeout(30):
            while not heard or await _passed(feed) == 0:
                await asyncio.sleep(0.05)
        (at,) = [where for where, offset in room.heard.items() if offset >= 0]
        assert (await bus.ends(settings))[at] == room.heard[at] + 1, "the mark has an offset of its own"
        health = Health(stuck_after_seconds=1.0)
        lookout = Lookout(settings, "incidents", room.feeds, health)
        async with AIOKafkaConsumer(**kafka_options(settings), enable_auto_commit=False) as asker:
            for _ in range(3):
                await lookout._look(asker, feed)
                assert not health.is_busy(feed.name)


async def _passed(feed: Feed) -> int:
    """How many offsets lie behind it that were no records."""
    heard = feed.line.heard
    positions = {where: await feed.position(where) for where in feed.assignment}
    return sum(at - 1 - heard[f"{where.topic}/{where.partition}"] for where, at in positions.items() if at)


async def test_state_of_a_member_counts_what_others_heard(platform: Any, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, platform)
    heard: dict[str, set[str]] = {"0": set(), "1": set()}
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(opened(_member(settings, name, heard[name]))) for name in heard]
        await say(settings)
        async with asyncio.timeout(60):
            while len(heard["0"] | heard["1"]) < TASKS or any([await _lag(member) for member in members]):
                await asyncio.sleep(0.1)
    assert heard["0"] and heard["1"], "each had a share"


def _member(settings: RuntimeSettings, instance: str, heard: set[str]) -> Room:
    ears = Ears("incidents")

    @ears.hears(InspectionDueV1)
    async def hear_due(due: InspectionDueV1, entry: Entry) -> None:
        heard.add(due.task)

    own = settings.model_copy(update={"instance": instance, "clock": "system"})
    return Room("incidents", ears, APIRouter(), settings=own)


async def _lag(member: Any) -> int:
    streams = (await member.get("/runtime/state", headers=CONDUCTOR)).json()["streams"]
    return sum(stream["lag"] for stream in streams)
