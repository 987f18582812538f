"""The runtime on the real broker and database: two rooms, a stream between them, timers, repeats, bad letters."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import APIRouter
from pydantic import BaseModel

from contracts.events.inspections import InspectionDueV1, InspectionMissedV1
from contracts.values import Moment
from infra.runtime import bus
from infra.runtime.acts import Act
from infra.runtime.clock import MovableClock
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry
from infra.runtime.room import Room
from infra.runtime.security import Identity, allow, hash_of_key
from infra.runtime.settings import RuntimeSettings
from infra.runtime.states import State

pytestmark = pytest.mark.live
START = datetime(2026, 4, 1, tzinfo=UTC)
KEY = "service1-secret"


class Seen(State):
    COLLECTION: ClassVar[str] = "seen"
    times: int = 0
    missed: bool = False


class Planned(BaseModel):
    task: str
    opens: Moment
    closes: Moment


def planner(settings: RuntimeSettings) -> Room:
    router = APIRouter()

    @router.post("/plan", dependencies=[allow("service")])
    async def plan(planned: Planned, act: Act) -> Planned:
        async def put(entry: Entry, caller: Identity) -> Planned:
            entry.say(due(planned, act.now))
            return planned

        return await act("plan", planned, put)

    return Room("inspections", Ears("inspections"), router, settings=settings)


def due(planned: Planned, at: datetime) -> InspectionDueV1:
    shared = {"agreement": "a", "lot": "l", "site": "s", "plan": "p", "opens": planned.opens, "closes": planned.closes}
    return InspectionDueV1(at=at, task=planned.task, **shared)


def watcher(settings: RuntimeSettings) -> Room:
    ears = Ears("incidents")

    @ears.hears(InspectionDueV1, needs=lambda due: [(Seen, due.task)])
    async def remember_task_on_due(due: InspectionDueV1, entry: Entry) -> None:
        if due.task == "poison":
            raise ValueError("this one cannot be handled")
        seen = await entry.load(Seen, due.task) or Seen(id=due.task)
        entry.write(seen.model_copy(update={"times": seen.times + 1}))
        entry.wake(due.closes, "close", due.task)

    @ears.wakes("close", needs=lambda task: [(Seen, task)])
    async def miss_when_closed(wake: Wake, entry: Entry) -> None:
        seen = await entry.load(Seen, wake.key)
        assert seen
        entry.write(seen.model_copy(update={"missed": True}))
        shared = {"agreement": "a", "lot": "l", "site": "s", "plan": "p", "opens": wake.due, "closes": wake.due}
        entry.say(InspectionMissedV1(at=wake.due, task=wake.key, **shared))

    return Room("incidents", ears, APIRouter(), {"seen": ()}, settings=settings)


@dataclass
class Town:
    rooms: dict[str, Room]
    clients: dict[str, httpx.AsyncClient]

    async def post(self, room: str, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self.clients[room].post(path, json=body, headers={"x-api-key": KEY, **headers})

    async def settle(self) -> None:
        said: dict[str, int] = {}
        while True:
            answers = [(await self.post(room, "/runtime/settle", {"said": said})).json() for room in self.rooms]
            heard = {where: max(a["said"].get(where, -1) for a in answers) for a in answers for where in a["said"]}
            if all(a["quiet"] for a in answers) and heard == said:
                return
            said = heard

    async def move(self, at: datetime) -> None:
        for room in self.rooms:
            move = {"now": at.isoformat(), "horizon": at.isoformat()}
            assert (await self.post(room, "/runtime/clock", move)).status_code == 200


@asynccontextmanager
async def opened(room: Room) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(room.api)
    client = httpx.AsyncClient(transport=transport, base_url="http://room")
    async with room.api.router.lifespan_context(room.api), client:
        async with asyncio.timeout(30):
            while (await client.get("/health/ready")).status_code != 200:
                await asyncio.sleep(0.02)
        yield client


@pytest.fixture
def settings(platform: Any, tmp_path: Path) -> RuntimeSettings:
    (tmp_path / "keys.secret").write_bytes(b"s")
    known = {"hash": hash_of_key(KEY, b"s"), "role": "service", "name": "conductor"}
    (tmp_path / "keys.json").write_text(json.dumps({KEY[:8]: known}))
    prefix = f"t{uuid.uuid4().hex[:8]}"
    return RuntimeSettings(
        kafka_servers=platform.kafka, mongo_url=platform.mongo, database_prefix=prefix, clock="movable",
        secrets=tmp_path, instance=prefix, bad_in_a_row_max=3,
    )  # fmt: skip


@asynccontextmanager
async def town_of(settings: RuntimeSettings) -> AsyncIterator[Town]:
    rooms = {room.name: room for room in (planner(settings), watcher(settings))}
    async with opened(rooms["inspections"]) as plans, opened(rooms["incidents"]) as watches:
        made = Town(rooms, {"inspections": plans, "incidents": watches})
        await made.move(START)
        yield made


@pytest.fixture
async def town(settings: RuntimeSettings) -> AsyncIterator[Town]:
    async with town_of(settings) as made:
        yield made


def planned(task: str) -> dict[str, Any]:
    return {"task": task, "opens": START.isoformat(), "closes": (START + timedelta(hours=1)).isoformat()}


async def seen(town: Town, task: str) -> dict[str, Any] | None:
    return await town.rooms["incidents"].ledger.db.seen.find_one({"_id": task})


async def test_event_reaches_the_next_room(town: Town) -> None:
    task = uuid.uuid4().hex
    assert (await town.post("inspections", "/plan", planned(task))).status_code == 200
    await town.settle()
    assert (await seen(town, task) or {})["times"] == 1


async def test_same_key_has_one_effect(town: Town) -> None:
    task = uuid.uuid4().hex
    first = await town.post("inspections", "/plan", planned(task), **{"idempotency-key": task})
    again = await town.post("inspections", "/plan", planned(task), **{"idempotency-key": task})
    other = await town.post("inspections", "/plan", planned("other"), **{"idempotency-key": task})
    await town.settle()
    assert (first.json(), again.status_code, other.status_code) == (again.json(), 200, 422)
    assert (await seen(town, task) or {})["times"] == 1


async def test_timer_fires_when_clock_reaches(town: Town) -> None:
    task = uuid.uuid4().hex
    await town.post("inspections", "/plan", planned(task))
    await town.settle()
    assert not (await seen(town, task) or {})["missed"]
    await town.move(START + timedelta(hours=3))
    await town.settle()
    assert (await seen(town, task) or {})["missed"]


async def test_poison_is_parked_others_go_on(town: Town) -> None:
    task = uuid.uuid4().hex
    await town.post("inspections", "/plan", planned("poison"))
    await town.post("inspections", "/plan", planned(task))
    await town.settle()
    parked = (await town.clients["incidents"].get("/runtime/parked", headers={"x-api-key": KEY})).json()
    assert [(row["handler"], "cannot be handled" in row["reason"]) for row in parked] == [
        ("remember_task_on_due", True)
    ]
    assert (await seen(town, task) or {})["times"] == 1


async def test_stop_commits_all_that_was_heard(settings: RuntimeSettings) -> None:
    async with town_of(settings) as town:
        for _ in range(3):
            await town.post("inspections", "/plan", planned(uuid.uuid4().hex))
        await town.settle()
    stream = f"{settings.streams}inspections/"
    ends = {where: end for where, end in (await bus.ends(settings)).items() if where.startswith(stream) and end >= 0}
    committed = await bus.committed(settings, "incidents", ["inspections"])
    assert ends and {where: at for where, at in committed.items() if at >= 0} == ends


async def test_no_key_no_answer(town: Town) -> None:
    answer = await town.clients["inspections"].post("/plan", json=planned("x"))
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert isinstance(town.rooms["inspections"].clock, MovableClock)
