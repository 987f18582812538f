"""The runtime on the real broker and database: two rooms, a stream between them, timers, repeats, bad letters."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import APIRouter
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel
from pymongo import IndexModel
from structlog.testing import capture_logs

from contracts.events.assets import ReadingReceivedV1
from contracts.events.event import Event
from contracts.events.inspections import InspectionDueV1, InspectionMissedV1
from contracts.values import Moment
from infra.runtime import bus
from infra.runtime.acts import Act
from infra.runtime.bundles import Bundle
from infra.runtime.clock import MovableClock
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry
from infra.runtime.letters import Letter, Outgoing, seal
from infra.runtime.room import Room
from infra.runtime.security import Identity, allow
from infra.runtime.settings import RuntimeSettings
from infra.runtime.states import State
from infra.runtime.telemetry import start_traces
from infra.runtime.timers import cause_of
from tests.live.rooms import KEY, move, opened, settings_in, settle

pytestmark = pytest.mark.live
START = datetime(2026, 4, 1, tzinfo=UTC)


class Seen(State):
    COLLECTION: ClassVar[str] = "seen"
    times: int = 0
    missed: bool = False


class Unique(State):
    COLLECTION: ClassVar[str] = "unique"
    only: str


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
        if due.task == "clash":
            entry.write(Unique(id="the first", only="one"))
            entry.wake(due.closes, "clash", "the second")

    @ears.gathers(ReadingReceivedV1)
    async def take_readings(batch: Sequence[tuple[Letter, ReadingReceivedV1]], entry: Entry) -> None:
        await entry.db.readings.insert_many([{"_id": letter.id} for letter, _ in batch])

    @ears.wakes("clash")
    async def clash_when_woken(wake: Wake, entry: Entry) -> None:
        """Two timers that want the same: what a unique index refuses, only the commit shows."""
        if await entry.db.mended.find_one({}) is None:
            entry.write(Unique(id=wake.key, only="one"))

    @ears.wakes("close", needs=lambda task: [(Seen, task)])
    async def miss_when_closed(wake: Wake, entry: Entry) -> None:
        seen = await entry.load(Seen, wake.key)
        assert seen
        entry.write(seen.model_copy(update={"missed": True}))
        bring_forward(wake, entry)
        shared = {"agreement": "a", "lot": "l", "site": "s", "plan": "p", "opens": wake.due, "closes": wake.due}
        entry.say(InspectionMissedV1(at=wake.due, task=wake.key, **shared))

    unique = IndexModel([("only", 1)], unique=True)
    return Room("incidents", ears, APIRouter(), {"seen": (), "unique": (unique,), "readings": ()}, settings=settings)


def bring_forward(wake: Wake, entry: Entry) -> None:
    """One timer may set another anew."""
    if wake.key == "hurry":
        entry.wake(wake.due + timedelta(minutes=1), "close", "soon")


@dataclass
class Town:
    rooms: dict[str, Room]
    clients: dict[str, httpx.AsyncClient]

    async def post(self, room: str, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self.clients[room].post(path, json=body, headers={"x-api-key": KEY, **headers})

    async def say(self, *events: Event, **spoilt: Any) -> None:
        """As another service would; `spoilt` replaces fields of the body."""
        producer = bus.new_producer(self.rooms["incidents"].settings, "another")
        await producer.start()
        for event in events:
            letter = seal(event, id=uuid.uuid4().hex, said_at=START, correlation="c", causation="c", trace={})
            body = json.dumps(json.loads(letter.value) | spoilt).encode()
            topic = self.rooms["incidents"].settings.streams + letter.topic
            await producer.send(topic, body, key=letter.key, headers=list(letter.headers))
        await producer.stop()

    async def parked(self) -> list[dict[str, Any]]:
        return (await self.clients["incidents"].get("/runtime/parked", headers={"x-api-key": KEY})).json()  # type: ignore[no-any-return]

    async def redrive(self, id: str) -> httpx.Response:
        return await self.post("incidents", f"/runtime/redrive/{id}", {})

    async def settle(self) -> None:
        await settle(self.clients.values())

    async def move(self, at: datetime) -> None:
        await move(self.clients.values(), at)


@pytest.fixture
def settings(platform: Any, tmp_path: Path) -> RuntimeSettings:
    return settings_in(tmp_path, platform, bad_in_a_row_max=3)


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


def planned(task: str, hours: float = 1) -> dict[str, Any]:
    return {"task": task, "opens": START.isoformat(), "closes": (START + timedelta(hours=hours)).isoformat()}


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


def reading(minute: int = 0) -> ReadingReceivedV1:
    at = START + timedelta(minutes=minute)
    return ReadingReceivedV1(
        at=at, reading=f"s/minute/{minute}", site="s", kind="minute", time=at, values={}, received_at=at
    )


async def test_time_that_no_calendar_has_is_parked_beside_its_batch(town: Town) -> None:
    await town.say(reading(1))
    await town.say(reading(2), time="0001-01-01T00:00:00+08:00")
    await town.say(reading(3))
    db = town.rooms["incidents"].ledger.db
    async with asyncio.timeout(20):
        while await db.readings.count_documents({}) < 2 or not await town.parked():
            await asyncio.sleep(0.05)
    (row,) = await town.parked()
    assert (row["handler"], "time" in row["reason"]) == (None, True)


async def test_letter_that_cannot_be_read_is_traced_as_an_error(town: Town) -> None:
    spans = InMemorySpanExporter()
    start_traces("incidents", SimpleSpanProcessor(spans))
    await town.say(reading(1), time="never")
    async with asyncio.timeout(20):
        while not await town.parked():
            await asyncio.sleep(0.05)
    start_traces("incidents")
    (row,) = await town.parked()
    failed = [span for span in spans.get_finished_spans() if not span.status.is_ok]
    assert row["id"] == f"{failed[0].attributes['om.event_id']}|unreadable"  # type: ignore[index]


async def test_bad_letters_among_good_ones_do_not_stop_the_line(town: Town) -> None:
    db = town.rooms["incidents"].ledger.db
    for n in range(5):
        await town.say(reading(2 * n), time="never")
        await town.say(reading(2 * n + 1))
        async with asyncio.timeout(20):
            while await db.readings.count_documents({}) < n + 1:
                await asyncio.sleep(0.05)
    assert len(await town.parked()) == 5
    assert town.rooms["incidents"].health.report() == {}


async def test_second_redrive_finds_nothing(town: Town) -> None:
    await town.post("inspections", "/plan", planned("poison"))
    await town.settle()
    (row,) = await town.parked()
    assert "cannot be handled" in (await town.redrive(row["id"])).json()["still"]
    await town.rooms["incidents"].ledger.db.parked.update_one({"_id": row["id"]}, {"$set": {"handler": "nobody"}})
    answers = await asyncio.gather(town.redrive(row["id"]), town.redrive(row["id"]))
    assert sorted(answer.status_code for answer in answers) == [200, 404]


async def test_timer_that_cannot_commit_is_parked_and_holds_up_no_other(town: Town) -> None:
    await town.post("inspections", "/plan", planned("clash"))
    await town.post("inspections", "/plan", planned("other"))
    await town.settle()
    await town.move(START + timedelta(hours=3))
    await town.settle()
    assert (await seen(town, "other") or {})["missed"] and (await seen(town, "clash") or {})["missed"]
    (row,) = await town.parked()
    assert (row["id"], row["type"]) == ("timer|clash|the second", "timer")
    assert "timers" not in town.rooms["incidents"].health.report()
    await town.rooms["incidents"].ledger.db.mended.insert_one({})
    assert (await town.redrive(row["id"])).json()["ok"]
    await town.settle()
    assert await town.parked() == [] and await town.rooms["incidents"].ledger.db.timers.count_documents({}) == 0


async def test_failed_page_keeps_the_order_of_timers(town: Town) -> None:
    """One cannot commit, and with it no page that it is in; behind it one brings another forward, before a third."""
    for task, hours in (("clash", 1), ("hurry", 1.5), ("later", 2), ("soon", 9)):
        await town.post("inspections", "/plan", planned(task, hours))
    await town.settle()
    with capture_logs() as lines:
        await town.move(START + timedelta(hours=3))
        await town.settle()
    fired = [line["key"] for line in lines if (line["event"], line.get("timer")) == ("timer fired", "close")]
    assert fired == ["clash", "hurry", "soon", "later"]


async def test_timer_set_anew_says_anew(town: Town) -> None:
    """The same due time, armed twice: hearers must not take the second saying for the first."""
    causes = set()
    for _ in range(2):
        await town.post("inspections", "/plan", planned("one"))
        await town.settle()
        row = await town.rooms["incidents"].ledger.db.timers.find_one({"_id": "close|one"})
        causes.add(cause_of(row or {}))
    assert len(causes) == 2


async def test_event_too_large_for_its_stream_is_refused(town: Town) -> None:
    answer = await town.post("inspections", "/plan", planned("x" * 5_000_000))
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (413, "too-large")
    await town.settle()
    assert town.rooms["inspections"].health.report() == {}


async def test_stop_commits_all_that_was_heard(settings: RuntimeSettings) -> None:
    async with town_of(settings) as town:
        for _ in range(3):
            await town.post("inspections", "/plan", planned(uuid.uuid4().hex))
        await town.settle()
    stream = f"{settings.streams}inspections/"
    ends = {where: end for where, end in (await bus.ends(settings)).items() if where.startswith(stream) and end >= 0}
    committed = await bus.committed(settings, "incidents", ["inspections"])
    assert ends and {where: at for where, at in committed.items() if at >= 0} == ends


async def test_room_tells_how_it_stands(town: Town) -> None:
    await town.post("inspections", "/plan", planned("poison"))
    await town.post("inspections", "/plan", planned("good"))
    await town.settle()
    two = Bundle("forgotten", (Outgoing("1", "incidents", b"k", b"v", ()), Outgoing("2", "incidents", b"k", b"v", ())))
    row = two.row("gone-0", int(datetime.now(UTC).timestamp() - 90) * 1_000_000)
    await town.rooms["incidents"].ledger.db.outbox.insert_one(row)
    standing = (await town.clients["incidents"].get("/runtime/state", headers={"x-api-key": KEY})).json()
    assert (standing["service"], standing["opened"], standing["faults"]) == ("incidents", True, {})
    assert (standing["parked"], standing["outbox"]["waiting"]) == (1, 2)
    assert standing["outbox"]["oldest_seconds"] >= 90
    assert standing["timers"]["overdue"] == 0 and standing["timers"]["next_due"]
    streams = [row for row in standing["streams"] if row["topic"].endswith("inspections")]
    assert sum(row["end"] + 1 for row in streams) == 2 and all(row["lag"] == 0 for row in streams)


async def test_gauges_tell_what_the_database_holds(town: Town) -> None:
    await town.post("inspections", "/plan", planned("poison"))
    await town.settle()
    shown = (await town.clients["incidents"].get("/metrics")).text
    assert 'watchbill_parked_letters{service="incidents"} 1.0' in shown
    assert 'watchbill_outbox_waiting{service="incidents"} 0.0' in shown
    assert (
        'watchbill_timers_overdue{service="incidents"} 0.0' in shown and 'watchbill_build{service="incidents"' in shown
    )


async def test_state_that_cannot_be_read_is_parked(town: Town) -> None:
    """Its letter is put aside, and those behind it go on."""
    await town.rooms["incidents"].ledger.db.seen.insert_one({"_id": "broken", "times": "many", "_v": 1})
    await town.post("inspections", "/plan", planned("broken"))
    await town.post("inspections", "/plan", planned("whole"))
    await town.settle()
    assert [row["id"] for row in await town.parked()] and (await seen(town, "whole") or {})["times"] == 1


async def test_memory_of_the_inbox_may_be_changed(settings: RuntimeSettings) -> None:
    for days in (30, 7):
        async with town_of(settings.model_copy(update={"inbox_keep_days": days})) as town:
            indexes = await town.rooms["incidents"].ledger.db.inbox.index_information()
            assert indexes["at_1"]["expireAfterSeconds"] == days * 86_400


async def test_no_key_no_answer(town: Town) -> None:
    answer = await town.clients["inspections"].post("/plan", json=planned("x"))
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert isinstance(town.rooms["inspections"].clock, MovableClock)
