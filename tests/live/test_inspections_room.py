"""The inspections room on the real broker and database: the list, posts from the field, what was missed."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import APIRouter

from contracts.events.assets import AgreementPublishedV1
from contracts.events.inspections import InspectionDoneV1, InspectionDueV1, InspectionEvent, InspectionMissedV1
from contracts.values import Moment
from infra.runtime.acts import Act
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.room import Room
from infra.runtime.security import Identity, allow, hash_of_key
from infra.runtime.settings import RuntimeSettings
from infra.runtime.states import State
from services.inspections.app import room_for
from services.inspections.settings import InspectionsSettings
from tests.inspections.papers import PHOTOS, agreement, at

pytestmark = pytest.mark.live
CALLERS = {
    "service-": ("service", ""),
    "keeper--": ("supplier", "keeper"),
    "rival---": ("supplier", "rival"),
    "buyer---": ("buyer", "office"),
}
PLACE = {"latitude": 30.5, "longitude": 114.3, "accuracy_metres": 8}
BOTH = [{"item": "inlet", "ok": True}, {"item": "door", "ok": False, "answer": "锁坏"}]


class Heard(State):
    """An event as another room heard it."""

    COLLECTION: ClassVar[str] = "heard"
    type: str
    task: str
    agreement: str
    at: Moment
    in_window: bool | None = None


def neighbour(settings: RuntimeSettings) -> Room:
    """Publishes agreements, and keeps what is said of inspections."""
    router, ears = APIRouter(), Ears("assets")

    @router.post("/publish", dependencies=[allow("service")])
    async def publish(published: AgreementPublishedV1, act: Act) -> AgreementPublishedV1:
        async def say(entry: Entry, caller: Identity) -> AgreementPublishedV1:
            entry.say(published)
            return published

        return await act("publish", published, say)

    def keep(event: InspectionEvent, entry: Entry) -> None:
        inside = event.in_window if isinstance(event, InspectionDoneV1) else None
        about = {"task": event.task, "agreement": event.agreement, "at": event.at, "in_window": inside}
        entry.write(Heard(id=entry.cause, type=event.type(), **about))

    @ears.hears(InspectionDueV1)
    async def keep_due(due: InspectionDueV1, entry: Entry) -> None:
        keep(due, entry)

    @ears.hears(InspectionDoneV1)
    async def keep_done(done: InspectionDoneV1, entry: Entry) -> None:
        keep(done, entry)

    @ears.hears(InspectionMissedV1)
    async def keep_missed(missed: InspectionMissedV1, entry: Entry) -> None:
        keep(missed, entry)

    return Room("assets", ears, router, {Heard.COLLECTION: ()}, settings=settings)


@dataclass
class Town:
    """Two rooms. `agreement` is this town's own: all towns of a session hear the same streams."""

    agreement: str
    rooms: dict[str, Room]
    clients: dict[str, httpx.AsyncClient]
    now: datetime

    async def publish(self, version: int = 1) -> None:
        terms = agreement(id=self.agreement, version=version)
        event = AgreementPublishedV1(at=self.now, agreement=terms.id, version=version, digest="", document=terms)
        answer = await self._call("assets", "POST", "/publish", json=event.model_dump(mode="json"))
        assert answer.status_code == 200, answer.text
        await self.settle()

    async def get(self, path: str, caller: str = "keeper--", **query: str) -> httpx.Response:
        return await self._call("inspections", "GET", path, caller, params={"agreement": self.agreement, **query})

    async def states(self, **query: str) -> dict[str, str]:
        return {_short(task["task"]): task["state"] for task in (await self.get("/v1/tasks", **query)).json()}

    async def post(self, task: str, done: datetime, key: str = "", caller: str = "keeper--", **more: Any) -> Any:
        body = {"items": BOTH, "photos": PHOTOS[:2], "position": PLACE, "done_at": done.isoformat(), **more}
        headers = {"idempotency-key": key} if key else {}
        path = f"/v1/tasks/{self.agreement}/lot-1/{task}/result"
        answer = await self._call("inspections", "POST", path, caller, json=body, headers=headers)
        await self.settle()
        return answer

    async def heard(self, kind: type[InspectionEvent], task: str) -> list[tuple[datetime, bool | None]]:
        query = {"agreement": self.agreement, "type": kind.type(), "task": {"$regex": f"/{task}$"}}
        found = self.rooms["assets"].ledger.db.heard.find(query).sort("at", 1)
        return [(row["at"], row["in_window"]) async for row in found]

    async def move(self, now: datetime) -> None:
        self.now = now
        for room in self.rooms:
            move = {"now": now.isoformat(), "horizon": now.isoformat()}
            assert (await self._call(room, "POST", "/runtime/clock", json=move)).status_code == 200
        await self.settle()

    async def settle(self) -> None:
        said: dict[str, int] = {}
        while True:
            answers = [
                (await self._call(room, "POST", "/runtime/settle", json={"said": said})).json() for room in self.rooms
            ]
            now = {
                where: max(one["said"].get(where, -1) for one in answers) for one in answers for where in one["said"]
            }
            if all(one["quiet"] for one in answers) and now == said:
                return
            said = now

    async def _call(self, room: str, method: str, path: str, caller: str = "service-", **more: Any) -> httpx.Response:
        headers = {"x-api-key": f"{caller}key", "accept-language": "en", **more.pop("headers", {})}
        return await self.clients[room].request(method, path, headers=headers, **more)


def _short(task: str) -> str:
    return task.split("/", 2)[2]


@asynccontextmanager
async def opened(room: Room) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(room.api)
    client = httpx.AsyncClient(transport=transport, base_url="http://room")
    async with room.api.router.lifespan_context(room.api), client:
        until = time.monotonic() + 60
        while (await client.get("/health/ready")).status_code != 200:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        yield client


def write_keys(folder: Path) -> None:
    (folder / "keys.secret").write_bytes(b"s")
    keys = {
        name: {"hash": hash_of_key(f"{name}key", b"s"), "role": role, "name": name, "organisation": organisation}
        for name, (role, organisation) in CALLERS.items()
    }
    (folder / "keys.json").write_text(json.dumps(keys))


@pytest.fixture
async def town(platform: Any, tmp_path: Path) -> AsyncIterator[Town]:
    write_keys(tmp_path)
    mark = f"t{uuid.uuid4().hex[:8]}"
    settings = InspectionsSettings(
        kafka_servers=platform.kafka, mongo_url=platform.mongo, database_prefix=mark, clock="movable",
        secrets=tmp_path, instance=mark,
    )  # fmt: skip
    rooms = {room.name: room for room in (neighbour(settings), room_for(settings))}
    async with opened(rooms["assets"]) as assets, opened(rooms["inspections"]) as inspections:
        made = Town(f"air-{mark}", rooms, {"assets": assets, "inspections": inspections}, at(1))
        await made.move(at(6, 9))
        yield made


async def test_list_rolls_and_windows_close(town: Town) -> None:
    await town.publish()
    today = await town.states(site="s1", day="2026-04-06")
    assert today == {
        "check/s1/20260405T2200Z": "due",
        "check/s1/20260406T0400Z": "due",
        "patrol/s1/20260405T1600Z": "due",
    }
    assert await town.states(site="s1", day="2026-04-13") == {
        "check/s1/20260412T2200Z": "due",
        "patrol/s1/20260412T1600Z": "due",
    }
    await town.move(at(6, 12))
    assert await town.heard(InspectionMissedV1, "check/s1/20260405T2200Z") == [(at(6, 12), None)]
    await town.publish(version=2)
    await town.move(at(8))
    assert len(await town.states(site="s1", plan="check", day="2026-04-14")) == 2
    assert len(await town.states(state="missed")) == 2 * 4
    assert await town.heard(InspectionDueV1, "check/s1/20260405T2200Z") == [(at(6, 9), None)]
    assert await town.heard(InspectionDueV1, "check/s1/20260413T2200Z") == [(at(8), None)]
    assert [
        plan["version"] for plan in (await town.get("/v1/plans")).json() if plan["agreement"] == town.agreement
    ] == [2, 2]


async def test_one_key_gives_one_result(town: Town) -> None:
    await town.publish()
    patrol, done = "patrol/s1/20260405T1600Z", at(6, 8)
    phone: dict[str, Any] = {"monotonic_done_seconds": 50}
    first = await town.post(patrol, done, "k", device_now=at(6, 9).isoformat(), monotonic_now_seconds=3650, **phone)
    await town.move(at(6, 10))
    again = await town.post(patrol, done, "k", device_now=at(6, 10).isoformat(), monotonic_now_seconds=7250, **phone)
    assert (first.status_code, again.status_code, first.json()) == (201, 200, again.json())
    assert await town.heard(InspectionDoneV1, patrol) == [(at(6, 8), True)]
    assert (await town.post(patrol, at(6, 9), "other")).json()["type"].endswith("already-done")

    shown = (await town.get(f"/v1/tasks/{town.agreement}/lot-1/{patrol}")).json()
    assert (shown["state"], shown["title"]["en"], shown["warnings"]) == ("done", "patrol", [])
    assert [item["title"]["zh"] for item in shown["items"]] == ["inlet（中）", "door（中）"]

    same_photos = (await town.post("patrol/s2/20260405T1600Z", at(6, 9))).json()
    assert [warning["code"] for warning in same_photos["warnings"]] == ["photo-seen-before"]
    lazy = await town.post("check/s1/20260405T2200Z", at(6, 9), items=[{"item": "roof", "ok": True}])
    assert [error["field"] for error in lazy.json()["errors"]] == ["items.inlet", "items.roof"]
    assert (await town.post("patrol/s1/20260412T1600Z", at(6, 9))).json()["type"].endswith("not-open")
    refused = [(await town.post(patrol, at(6, 9), caller=who)).status_code for who in ("rival---", "buyer---")]
    assert (refused, (await town.get("/v1/tasks", "rival---")).json()) == ([404, 403], [])

    await town.move(at(13))
    assert await town.heard(InspectionMissedV1, patrol) == []


async def test_late_post_outweighs_the_miss(town: Town) -> None:
    await town.publish()
    await town.move(at(14, 12))
    one, other = "patrol/s1/20260405T1600Z", "patrol/s2/20260405T1600Z"
    assert await town.heard(InspectionMissedV1, one) == [(at(13), None)]
    assert list((await town.states(site="s1", plan="check")).values()) == ["missed"] * 17 + ["due"] * 13
    hours = timedelta(hours=40)
    wrong: dict[str, Any] = {
        "device_now": (town.now + timedelta(days=9)).isoformat(),
        "monotonic_now_seconds": 40 * 3600,
    }
    late = await town.post(one, town.now - hours + timedelta(days=9), monotonic_done_seconds=0, **wrong)
    assert (late.json()["state"], late.json()["warnings"]) == ("done", [])
    assert await town.heard(InspectionDoneV1, one) == [(town.now - hours, True)]

    outside = (await town.post(other, at(13, 1), photos=[PHOTOS[2], PHOTOS[0]])).json()
    assert (outside["state"], outside["result"]["in_window"]) == ("missed", False)
    assert await town.heard(InspectionDoneV1, other) == [(at(13, 1), False)]
    await town.move(at(15) + timedelta(minutes=1))
    assert (await town.post(other, at(12))).json()["type"].endswith("locked")
    assert (await town.states(site="s1", plan="patrol", month="2026-04", due_by=at(13).isoformat())) == {one: "done"}
