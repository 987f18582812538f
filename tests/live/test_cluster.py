"""Three brokers and several members of one group: joins, leaves, deaths, a lost leader, a pause that is too long.

Whatever happens to them, each task has its effect once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from fastapi import APIRouter
from prometheus_client import REGISTRY

from contracts.events.inspections import InspectionDueV1
from infra.runtime import bus
from infra.runtime.connections import kafka_options
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.letters import seal
from infra.runtime.room import Room
from infra.runtime.settings import RuntimeSettings
from infra.runtime.states import State
from tests.live.rooms import opened
from tests.live.secured import Secured, secured
from tests.live.test_runtime import START
from watchbill.installation import ROOT
from watchbill.secrets import Secrets

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
TASKS = 300
PAUSE_SECONDS = 12.0
POLL_SECONDS = 6.0


MEMBER = """
import asyncio
from fastapi import APIRouter
from contracts.events.inspections import InspectionDueV1
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.room import Room, run
ears = Ears("incidents")

@ears.hears(InspectionDueV1)
async def stand_still_on_due(due: InspectionDueV1, entry: Entry) -> None:
    print("at work", flush=True)
    await asyncio.Event().wait()

run(Room("incidents", ears, APIRouter()))
"""
"""A member that takes a page and never finishes it."""


class Times(State):
    COLLECTION: ClassVar[str] = "times"
    times: int = 0


@dataclass
class Group:
    """Members of one service; `slow`: a task whose handling takes too long, once."""

    town: Secured
    secrets: Path
    slow: str = ""
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    members: dict[str, AsyncExitStack] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)

    async def join(self, member: str) -> None:
        ears = Ears("incidents")

        @ears.hears(InspectionDueV1)
        async def count_task_on_due(due: InspectionDueV1, entry: Entry) -> None:
            if due.task == self.slow and not self.paused.is_set():
                self.paused.set()
                await asyncio.sleep(PAUSE_SECONDS)
            seen = await entry.load(Times, due.task) or Times(id=due.task)
            entry.write(seen.model_copy(update={"times": seen.times + 1}))

        settings = RuntimeSettings(**self.options(member))
        self.rooms[member] = Room("incidents", ears, APIRouter(), {"times": ()}, settings=settings)
        self.members[member] = stack = AsyncExitStack()
        await stack.enter_async_context(opened(self.rooms[member]))

    def options(self, member: str) -> dict[str, Any]:
        more = {"instance": member, "secrets": self.secrets, "max_poll_seconds": POLL_SECONDS}
        return self.town.options("incidents", **more)

    async def leave(self, member: str) -> None:
        await self.members.pop(member).aclose()

    async def counted(self) -> dict[str, int]:
        known = next(self.rooms[member] for member in self.members).ledger.db.times
        return {row["_id"]: row["times"] async for row in known.find({})}

    async def until_counted(self, wanted: set[str]) -> dict[str, int]:
        missing = wanted
        try:
            async with asyncio.timeout(90):
                while missing := wanted - set(found := await self.counted()):
                    await asyncio.sleep(0.2)
        except TimeoutError as late:
            raise AssertionError(f"missing: {sorted(missing)}; {self.town.children.states()}") from late
        return {task: times for task, times in found.items() if task in wanted}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    async with secured(tmp_path_factory.mktemp("cluster"), nodes=3) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def group(town: Secured, tmp_path: Path) -> AsyncIterator[Group]:
    secrets = Secrets(tmp_path)
    secrets.make()
    made = Group(town, secrets.shared)
    await made.join("0")
    yield made
    for member in list(made.members):
        await made.leave(member)


async def say(town: Secured, name: str, during: Callable[[], Awaitable[None]]) -> set[str]:
    """Says tasks, with something happening meanwhile, and at least until it has; all are acknowledged by then."""
    tasks: list[str] = []
    happening: asyncio.Task[None] | None = None
    async with bus.new_producer(town.settings("inspections"), "inspections") as producer:
        while happening is None or len(tasks) < TASKS or not happening.done():
            if len(tasks) == TASKS // 4:
                happening = asyncio.ensure_future(_done(during))
            task = f"{name}-{len(tasks)}"
            letter = seal(due(task), id=task, said_at=START, correlation=task, causation=task, trace={})
            await producer.send_and_wait(letter.topic, letter.value, key=task.encode(), headers=list(letter.headers))
            tasks.append(task)
            await asyncio.sleep(0.005 if len(tasks) < TASKS else 0.05)
    await happening
    return set(tasks)


async def _done(during: Callable[[], Awaitable[None]]) -> None:
    await during()


def due(task: str) -> InspectionDueV1:
    shared = {"agreement": "a", "lot": "l", "site": "s", "plan": "p", "opens": START, "closes": START}
    return InspectionDueV1(at=START, task=task, **shared)


async def test_join_and_leave_double_nothing(town: Secured, group: Group) -> None:
    async def change() -> None:
        await group.join("1")
        await group.leave("0")
        await group.join("2")

    tasks = await say(town, "rebalance", change)
    assert await group.until_counted(tasks) == dict.fromkeys(tasks, 1)


async def test_lost_leader_loses_nothing(town: Secured, group: Group) -> None:
    """The broker that leads a partition of the stream dies and comes back while it is written and read."""

    async def kill() -> None:
        town.children.kill(f"kafka-{await leader(town)}")

    before = town.children.restart_count
    tasks = await say(town, "leader", kill)
    assert await group.until_counted(tasks) == dict.fromkeys(tasks, 1)
    assert town.children.restart_count == before + 1
    assert await written(town, "leader") == dict.fromkeys(tasks, 1)  # test_lost_answers.py sees why


async def test_dead_member_loses_nothing(town: Secured, group: Group) -> None:
    """A process of the group is killed in the middle of a page: the group takes it for dead, and goes on without it."""
    environment = {f"WATCHBILL_{name.upper()}": str(value) for name, value in group.options("1").items()}
    member = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MEMBER, cwd=ROOT, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    assert member.stdout

    async def die() -> None:
        assert member.stdout and await member.stdout.readline() == b"at work\n"
        member.kill()
        await member.wait()

    tasks = await say(town, "death", die)
    assert await group.until_counted(tasks) == dict.fromkeys(tasks, 1)


async def test_too_long_a_pause_doubles_nothing(town: Secured, group: Group) -> None:
    """A member that does not ask for so long is taken for dead, and another hears the same again meanwhile."""
    group.slow = f"pause-{TASKS // 2}"
    await group.join("1")

    async def wait() -> None:
        await group.paused.wait()
        await asyncio.sleep(PAUSE_SECONDS)

    before = repeated()
    tasks = await say(town, "pause", wait)
    assert await group.until_counted(tasks) == dict.fromkeys(tasks, 1)
    assert repeated() > before


async def written(town: Secured, name: str) -> dict[str, int]:
    """How often each of these tasks stands in the stream."""
    options = {**kafka_options(town.settings("owner")), "auto_offset_reset": "earliest"}
    found: Counter[str] = Counter()
    async with AIOKafkaConsumer("inspections", **options) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(where) < end for where, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found.update(record.key.decode() for record in records)
    return {task: times for task, times in found.items() if task.startswith(f"{name}-")}


def repeated() -> float:
    """How many letters this process heard again, and left without effect."""
    return REGISTRY.get_sample_value("watchbill_letters_repeated_total", {"service": "incidents"}) or 0.0


async def leader(town: Secured) -> int:
    admin = AIOKafkaAdminClient(**kafka_options(town.settings("owner")))
    await admin.start()
    try:
        (topic,) = await admin.describe_topics(["inspections"])
        found: int = topic["partitions"][0]["leader"]
    finally:
        await admin.close()
    return found
