"""The incidents room on the real broker and database: readings in, faults and breaches out, and its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from pydantic import BaseModel
from pymongo.errors import DuplicateKeyError

from contracts.events.assets import AgreementPublishedV1
from contracts.events.catalog import EVENTS
from contracts.events.event import Event
from infra.runtime.acts import Act
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.room import Room
from infra.runtime.security import Identity, Role, allow
from infra.runtime.settings import RuntimeSettings
from services.incidents.api import router
from services.incidents.handlers import ears
from services.incidents.store import INDEXES
from tests.incidents.site_stories import GAS, PM, STEP, TOWN, agreement, at, lot, measured, reading
from tests.live.rooms import CONDUCTOR, move, opened, settings_in, settle, token

pytestmark = pytest.mark.live


class Telling(BaseModel):
    tells: list[tuple[str, dict[str, Any]]]


class Told(BaseModel):
    ids: list[str]


def teller(settings: RuntimeSettings) -> Room:
    """A room that says what it is told to."""
    telling = APIRouter()

    @telling.post("/tell", dependencies=[allow("service")])
    async def tell(story: Telling, act: Act) -> Told:
        async def say(entry: Entry, caller: Identity) -> Told:
            return Told(ids=[entry.say(EVENTS[name].model_validate(data)) for name, data in story.tells])

        return await act("tell", story, say)

    return Room("assets", Ears("assets"), telling, settings=settings)


@dataclass
class Town:
    name: str
    """Names this town's site: all towns of a session hear the same streams."""
    rooms: dict[str, httpx.AsyncClient]
    room: Room

    @property
    def site(self) -> str:
        return f"lake-{self.name}"

    async def publish(self) -> None:
        assets = tuple(asset.model_copy(update={"id": self.asset(asset.id)}) for asset in TOWN.assets)
        sites = (TOWN.model_copy(update={"id": self.site, "assets": assets}),)
        terms = agreement(lot().model_copy(update={"sites": sites})).model_copy(update={"id": f"air-{self.name}"})
        about = {"agreement": terms.id, "version": 1, "digest": "d", "document": terms}
        await self.tell(AgreementPublishedV1(at=at("05:00"), **about))

    def asset(self, asset: str) -> str:
        return f"{asset}-{self.name}"

    async def hear(self, *times: datetime, **values: Any) -> None:
        await self.tell(*(reading(time, **values).model_copy(update={"site": self.site}) for time in times))

    async def tell(self, *events: Event) -> None:
        story = {"tells": [(event.type(), event.model_dump(mode="json")) for event in events]}
        answer = await self.rooms["assets"].post("/tell", json=story, headers=CONDUCTOR)
        assert answer.status_code == 200, answer.text
        await self.settle()

    async def move(self, now: datetime) -> None:
        await move(self.rooms.values(), now)
        await self.settle()

    async def settle(self) -> None:
        await settle(self.rooms.values())

    async def get(self, path: str, role: Role = "buyer", organisation: str = "city") -> Any:
        answer = await self.rooms["incidents"].get(path, headers=self._token(role, organisation))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(
        self, path: str, role: Role = "supplier", organisation: str = "blue-sky", key: str = "", **body: Any
    ) -> httpx.Response:
        headers = {**self._token(role, organisation), **({"idempotency-key": key} if key else {})}
        return await self.rooms["incidents"].post(path, json=body, headers=headers)

    def _token(self, role: Role, organisation: str) -> dict[str, str]:
        return token(self.room.settings, role, organisation)


@asynccontextmanager
async def town_in(folder: Path, platform: Any, **more: Any) -> AsyncIterator[Town]:
    """A town that has heard nothing yet."""
    folder.mkdir(exist_ok=True)
    settings = settings_in(folder, platform, **more)
    room = Room("incidents", ears=ears, router=router, indexes=INDEXES, settings=settings)
    async with opened(teller(settings)) as tells, opened(room) as incidents:
        made = Town(settings.instance, {"assets": tells, "incidents": incidents}, room)
        await made.move(at("05:00"))
        yield made


@pytest.fixture
async def town(platform: Any, tmp_path: Path) -> AsyncIterator[Town]:
    async with town_in(tmp_path, platform) as made:
        await made.publish()
        yield made


async def gas_fault(town: Town) -> str:
    """The fault of two marked readings, opened at 06:05."""
    await town.move(at("06:10"))
    await town.hear(at("06:00"), at("06:00") + STEP, so2=measured(3, "D"))
    (fault,) = await town.get(f"/v1/faults?state=open&site={town.site}")
    found: str = fault["id"]
    return found


async def test_reading_becomes_a_clock(town: Town) -> None:
    fault = await gas_fault(town)
    await town.hear(at("06:00"), so2=measured(3, "D"))
    assert await town.get(f"/v1/faults?month=2026-02&site={town.site}") == []
    (shown,) = await town.get(f"/v1/faults?month=2026-03&site={town.site}")
    assert (shown["asset"], shown["kind"], shown["state"]) == (town.asset(GAS), "analyser-fault", "open")
    assert [clock["due"] for clock in shown["clocks"]] == ["2026-03-03T02:05:00Z"]
    assert await town.get(f"/v1/faults?number={fault[:8]}") == [shown]
    assert await town.get("/v1/faults?number=00000000") == []
    (told,) = await town.get(f"/v1/faults/{fault}/clocks")
    assert (told["clock"]["state"], set(told["lines"][0])) == ("running", {"zh", "en"})
    await town.move(at("10:30"))
    assert (await town.get(f"/v1/faults/{fault}"))["clocks"][0]["state"] == "paused"
    silent = [each for each in await town.get(f"/v1/faults?site={town.site}") if each["kind"] == "line-down"]
    assert [each["opened_at"] for each in silent] == ["2026-03-02T22:40:00Z"]


async def test_fault_closed_too_early_is_open_again(town: Town) -> None:
    """Over, so the supplier says, five minutes before it was due; the next value is marked as all before it."""
    fault, marked = await gas_fault(town), measured(3, "D")
    for late in range(25, 230, 25):
        await town.move(at("06:10") + timedelta(minutes=late))
        await town.hear(at("06:05") + timedelta(minutes=late), so2=marked)
    await town.move(at("10:00"))
    over = (await town.post(f"/v1/faults/{fault}/resolution", at=at("10:00").isoformat())).json()
    assert (over["state"], over["clocks"][0]["state"]) == ("resolved", "met")
    await town.move(at("10:11"))
    await town.hear(at("10:05"), so2=marked)
    (shown,) = await town.get(f"/v1/faults?site={town.site}")
    assert (shown["id"], shown["state"], shown["resolved_at"]) == (fault, "open", None)
    assert [step["step"] for step in shown["steps"]] == ["FaultResolved", "FaultReopened"]
    assert (shown["clocks"][0]["state"], shown["clocks"][0]["breached_at"]) == ("breached", "2026-03-03T02:05:00Z")
    late_post = await town.post(f"/v1/faults/{fault}/resolution", at=at("10:02").isoformat())
    assert (late_post.status_code, late_post.json()["type"]) == (409, "urn:watchbill:problem:still-there")
    (told,) = await town.get(f"/v1/faults/{fault}/clocks")
    assert any("解决不成立" in line["zh"] for line in told["lines"])


async def test_call_opens_a_doubted_fault_again(town: Town) -> None:
    fault = await gas_fault(town)
    await town.post(f"/v1/faults/{fault}/resolution", at=at("06:09").isoformat())
    body = {"site": town.site, "asset": town.asset(GAS), "kind": "analyser-fault", "text": "no display"}
    before = await town.post("/v1/calls", "buyer", "city", **body, at=at("06:08").isoformat())
    assert (before.status_code, before.json()["fault"]) == (409, fault)
    again = await town.post("/v1/calls", "buyer", "city", **body, at=at("06:10").isoformat())
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (201, fault, "open")
    assert [step["step"] for step in again.json()["steps"]] == ["FaultResolved", "FaultReopened"]
    assert again.json()["steps"][1]["note"] == "no display"
    (shown,) = await town.get(f"/v1/faults?site={town.site}")
    assert (shown["id"], shown["clocks"][0]["state"]) == (fault, "running")


async def test_call_is_taken_once(town: Town) -> None:
    body = {"site": town.site, "asset": town.asset(PM), "kind": "analyser-fault", "text": "no display"}
    body |= {"at": at("04:50").isoformat()}
    first = await town.post("/v1/calls", "buyer", "city", "call-1", **body)
    again = await town.post("/v1/calls", "buyer", "city", "call-1", **body)
    other = await town.post("/v1/calls", "buyer", "city", **body)
    assert (first.status_code, again.json()["id"], other.status_code) == (201, first.json()["id"], 409)
    assert other.json()["fault"] == first.json()["id"]
    await town.move(at("09:00"))
    (clock,) = (await town.get(f"/v1/faults/{first.json()['id']}"))["clocks"]
    assert (clock["state"], clock["due"]) == ("breached", "2026-03-03T00:50:00Z")
    wrong = await town.post("/v1/calls", "buyer", "city", **{**body, "kind": "line-down"})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:watchbill:problem:unfit-kind")


async def test_supplier_records_its_work(town: Town) -> None:
    fault = await gas_fault(town)
    phone = {"done_seconds": "100", "sent_seconds": "160.5"}
    arrival = await town.post(f"/v1/faults/{fault}/arrival", at=at("03:00").isoformat(), phone=phone)
    assert arrival.json()["steps"][0]["at"] == "2026-03-02T22:08:59.500000Z"
    pause: dict[str, Any] = {"at": at("06:08").isoformat(), "reason": "access"}
    assert (await town.post(f"/v1/faults/{fault}/pause", **pause)).status_code == 422
    paused = await town.post(f"/v1/faults/{fault}/pause", **pause, evidence="gate locked")
    assert paused.json()["steps"][1]["evidence"] == ["gate locked"]
    await town.move(at("06:30"))
    await town.post(f"/v1/faults/{fault}/resume", at=at("06:15").isoformat(), reason="access")
    solved = await town.post(f"/v1/faults/{fault}/resolution", at=at("06:20").isoformat(), note="lamp changed")
    assert solved.status_code == 201, solved.text
    (clock,) = solved.json()["clocks"]
    assert (clock["state"], clock["ended_at"]) == ("met", "2026-03-02T22:20:00Z")
    late = await town.post(f"/v1/faults/{fault}/arrival", at=at("06:25").isoformat())
    assert (late.status_code, late.json()["type"]) == (409, "urn:watchbill:problem:step-after-resolution")


async def test_phone_may_try_again(town: Town) -> None:
    fault = await gas_fault(town)
    where = {"latitude": "30.6", "longitude": "114.3", "accuracy_metres": "8"}
    body: dict[str, Any] = {"at": at("06:08").isoformat(), "position": where}
    tries = [("", "160"), ("", "190"), ("x", "190")]
    first, again, other = [
        await town.post(
            f"/v1/faults/{fault}/arrival",
            key="arrival-1",
            **body,
            note=note,
            phone={"done_seconds": "100", "sent_seconds": sent},
        )
        for note, sent in tries
    ]
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert again.json() == first.json()
    assert [step["at"] for step in again.json()["steps"]] == ["2026-03-02T22:09:00Z"]


async def test_long_ago_is_for_the_administrator(town: Town) -> None:
    fault = await gas_fault(town)
    await town.move(at("06:10") + timedelta(days=2))
    body = {"at": at("06:09").isoformat()}
    late = await town.post(f"/v1/faults/{fault}/resolution", **body)
    assert (late.status_code, late.json()["type"]) == (409, "urn:watchbill:problem:too-late")
    assert "48小时" in late.json()["title"] + late.json().get("detail", "")
    assert (await town.post(f"/v1/faults/{fault}/resolution", "administrator", "us", **body)).status_code == 201


async def test_call_of_another_time_is_refused(town: Town) -> None:
    body: dict[str, Any] = {"site": town.site, "asset": town.asset(PM), "kind": "analyser-fault", "text": "no display"}
    early = await town.post("/v1/calls", "administrator", "us", **body, at="2015-01-01T00:00:00Z")
    before = await town.post("/v1/calls", "administrator", "us", **body, at="2025-12-31T23:59:59+08:00")
    late = await town.post("/v1/calls", "buyer", "city", **body, at=(at("04:59") - timedelta(days=2)).isoformat())
    first = await town.post("/v1/calls", "administrator", "us", **body, at="2026-01-01T00:00:00+08:00")
    assert [answer.json()["type"].rpartition(":")[2] for answer in (early, before, late)] == [
        "unfit-at",
        "unfit-at",
        "too-late",
    ]
    assert [answer.status_code for answer in (early, before, late, first)] == [422, 422, 409, 201]


async def test_other_suppliers_see_nothing(town: Town) -> None:
    fault = await gas_fault(town)
    assert await town.get("/v1/faults", "supplier", "grey-sky") == []
    body: dict[str, Any] = {"at": at("06:08").isoformat()}
    assert (await town.post(f"/v1/faults/{fault}/arrival", organisation="grey-sky", **body)).status_code == 404
    assert (await town.post(f"/v1/faults/{fault}/arrival", "buyer", **body)).status_code == 403


async def test_database_refuses_a_second_open_fault(town: Town) -> None:
    fault = await gas_fault(town)
    document = await town.room.ledger.db.faults.find_one({"_id": fault})
    assert document
    with pytest.raises(DuplicateKeyError):
        await town.room.ledger.db.faults.insert_one({**document, "_id": "another"})
