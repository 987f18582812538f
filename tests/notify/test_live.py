"""Notify as a whole room: real broker, real database, real sinks, real delivery reports over its own API.

The streams are the session's: a new room hears what other tests said. Each hall has its own parties and agreement, so
that what was said elsewhere reaches nobody here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.agreements.folder import digest_of
from contracts.events.assets import AgreementPublishedV1
from contracts.events.event import Event
from infra.local.sinks.both import Sinks
from infra.local.sinks.mood import Order
from infra.runtime.letters import seal
from infra.runtime.room import Room
from infra.runtime.security import Role, hash_of_key
from services.notify.app import room_for
from services.notify.channels.receipts import ReceiptKeys
from services.notify.settings import NotifySettings
from tests.conftest import Platform
from tests.notify import town
from tests.notify.test_handlers import SMS_ONLY
from tests.notify.waiting import until

pytestmark = pytest.mark.live
ROLES: tuple[Role, ...] = ("administrator", "auditor", "supplier", "buyer", "service")
TRACE = "00-0000000000000000000000000abcdef0-00000000000012ab-01"


@dataclass
class Hall:
    """The running room, its sinks, and callers by role."""

    room: Room
    sinks: Sinks
    client: httpx.AsyncClient
    mark: str

    async def get(self, path: str, role: Role = "administrator", **query: str) -> Any:
        answer = await self.client.get(path, params=query, headers={"x-api-key": f"{role:-<12}key"})
        return answer.json() if answer.is_success else answer.status_code

    async def put(self, path: str, body: Any, role: Role = "administrator") -> httpx.Response:
        return await self.client.put(path, json=body, headers={"x-api-key": f"{role:-<12}key"})

    async def post(self, path: str, key: str, role: Role = "administrator") -> httpx.Response:
        headers = {"x-api-key": f"{role:-<12}key", "idempotency-key": key}
        return await self.client.post(path, headers=headers)

    async def say(self, event: Event, id: str, correlation: str = "") -> None:
        """As another service would."""
        first = correlation or id
        letter = seal(event, id=id, said_at=event.at, correlation=first, causation=first, trace={"traceparent": TRACE})
        await self.room.producer.send_and_wait(
            self.room.settings.streams + letter.topic, letter.value, key=letter.key, headers=list(letter.headers)
        )

    async def opened(self, correlation: str = "", **more: Any) -> None:
        """A fault opens in this hall's town."""
        await self.say(town.opened(agreement=f"town-{self.mark}", **more), f"e-{uuid.uuid4()}", correlation)

    async def until(self, state: str, count: int) -> list[Any]:
        """The messages in this state, once there are so many."""

        async def enough() -> bool:
            return len(await self.get("/v1/messages", state=state)) >= count

        await until(enough)
        return list(await self.get("/v1/messages", state=state))


def secrets_in(folder: Path, mark: str) -> Path:
    """Keys for a caller of each role."""
    folder.mkdir()
    (folder / "keys.secret").write_bytes(b"s")
    keys = {
        f"{role:-<12}key"[:8]: {
            "hash": hash_of_key(f"{role:-<12}key", b"s"), "role": role, "name": role, "organisation": f"keeper-{mark}",
        }
        for role in ROLES
    }  # fmt: skip
    (folder / "keys.json").write_text(json.dumps(keys))
    return folder


def contacts_in(folder: Path, mark: str) -> Path:
    path = folder / "contacts.yaml"
    people = [one.model_dump(mode="json") | {"organisation": f"{one.organisation}-{mark}"} for one in town.PEOPLE]
    path.write_text(json.dumps({"people": people}), "utf-8")
    return path


@asynccontextmanager
async def opened(settings: NotifySettings, sinks: Sinks) -> AsyncIterator[Hall]:
    room = room_for(settings)
    transport = httpx.ASGITransport(room.api)
    client = httpx.AsyncClient(transport=transport, base_url="http://room")

    async def ready() -> bool:
        return (await client.get("/health/ready")).status_code == 200

    async with room.api.router.lifespan_context(room.api), client:
        await until(ready, 60)
        yield Hall(room, sinks, client, settings.database_prefix)


@pytest.fixture
async def hall(platform: Platform, sinks: Sinks, tmp_path: Path) -> AsyncIterator[Hall]:
    prefix = f"n{uuid.uuid4().hex[:8]}"
    settings = NotifySettings(
        kafka_servers=platform.kafka, mongo_url=platform.mongo, database_prefix=prefix, instance=prefix,
        secrets=secrets_in(tmp_path / "secrets", prefix), contacts=contacts_in(tmp_path, prefix), sms_url=sinks.sms_url,
        smtp_host="127.0.0.1", smtp_port=sinks.smtp_port, smtp_starttls=False, timer_poll_seconds=0.05,
        send_retry_seconds=0.2, join_seconds=0.5,
    )  # fmt: skip
    async with opened(settings, sinks) as hall:
        yield hall


async def publish(hall: Hall, window: timedelta = timedelta(minutes=10), **routes: Any) -> None:
    groups = tuple(group.model_copy(update={"party": f"{group.party}-{hall.mark}"}) for group in town.GROUPS)
    rules = SMS_ONLY.model_copy(update={"quiet": None, "window": window, "groups": groups, **routes})
    agreement = town.agreement(town.lot(rules)).model_copy(update={"id": f"town-{hall.mark}"})
    published = AgreementPublishedV1(
        at=town.NOON, agreement=agreement.id, version=1, digest=digest_of(agreement), document=agreement
    )
    await hall.say(published, f"agreement-{uuid.uuid4()}")


async def test_room_tells_and_shows_by_role(hall: Hall) -> None:
    await publish(hall, routes=town.ROUTES)
    await hall.opened(at=datetime.now(UTC))
    await hall.say(town.settled(agreement=f"town-{hall.mark}"), f"e-{uuid.uuid4()}")
    shown = await hall.until("handed", 6)
    assert {one["name"] for one in shown} == {"张ann", "张boss", "张watch"}
    assert len(hall.sinks.sms.box.rows) == 2
    assert {row["traceparent"][:35] for row in hall.sinks.sms.box.rows} == {TRACE[:35]}
    masked = await hall.get("/v1/messages", "auditor")
    assert {(one["person"], one["name"]) for one in masked} == {(None, "张**")}
    assert {one["organisation"] for one in await hall.get("/v1/messages", "supplier")} == {f"keeper-{hall.mark}"}
    watched = next(one["id"] for one in shown if one["organisation"] == f"city-{hall.mark}")
    assert await hall.get(f"/v1/messages/{watched}", "supplier") == 404
    assert (await hall.get(f"/v1/messages/{watched}", "buyer"))["person"] == "watch"
    assert await hall.get("/v1/messages", "auditor", person="ann") == 403


async def test_storm_leaves_one_timer_and_bundle(hall: Hall) -> None:
    for number in range(50):
        await hall.opened(fault=f"fault-{number}")
    await publish(hall, window=timedelta(seconds=5))  # the faults have waited for it, and are told of at once
    handed = await hall.until("handed", 8)
    assert sorted(one["bundled"] for one in handed if one["person"] == "ann") == [1, 1, 1, 47]
    assert len(hall.sinks.sms.box.rows) == 8
    assert await hall.room.ledger.db.windows.count_documents({}) == 0


async def test_faults_of_one_reading_ring_once(hall: Hall) -> None:
    reading = f"reading-{uuid.uuid4()}"
    for number in range(3):
        await hall.opened(reading, fault=f"fault-{number}")
    await publish(hall)
    handed = await hall.until("handed", 2)
    assert {(one["person"], one["bundled"], one["template"]) for one in handed} == {
        ("ann", 3, "joined"), ("boss", 3, "joined"),
    }  # fmt: skip
    assert len(hall.sinks.sms.box.rows) == 2
    assert {row["traceparent"][:35] for row in hall.sinks.sms.box.rows} == {TRACE[:35]}
    assert len(await hall.until("bundled", 6)) == 6
    trays = await hall.room.ledger.db.trays.find({}).to_list(None)
    assert [tray["sheaves"] for tray in trays] == [[], []]


async def test_failed_message_is_sent_once_more(hall: Hall) -> None:
    await publish(hall)
    hall.sinks.sms.mood.take(Order(mode="permanent", times=2))
    await hall.opened()
    failed = (await hall.until("failed", 2))[0]
    assert (await hall.post(f"/v1/messages/{failed['id']}/resend", "k-1", "buyer")).status_code == 403
    answers = [await hall.post(f"/v1/messages/{failed['id']}/resend", "k-1") for _ in range(2)]
    assert [answer.json()["resent"] for answer in answers] == [1, 1]
    (handed,) = await hall.until("handed", 1)
    assert (handed["id"], handed["attempts"], handed["resent"]) == (failed["id"], 2, 1)
    assert len(hall.sinks.sms.box.rows) == 1


async def test_refused_message_is_sent_later(hall: Hall) -> None:
    await publish(hall)
    hall.sinks.sms.mood.take(Order(mode="temporary", times=3))
    await hall.opened()
    assert sum(one["attempts"] for one in await hall.until("handed", 2)) == 5


async def test_report_delivers_over_the_api(hall: Hall) -> None:
    await publish(hall)
    await hall.opened()
    for one in await hall.until("handed", 2):
        query = {"notice": one["id"], "key": ReceiptKeys(b"s").key(one["id"]), "type": "1"}
        assert (await hall.client.get("/v1/receipts/sms", params=query)).json()["state"] == "delivered"
    assert [step["state"] for step in (await hall.until("delivered", 2))[0]["history"]] == [
        "waiting", "queued", "handed", "delivered",
    ]  # fmt: skip


async def test_put_contacts_replace_the_file(hall: Hall) -> None:
    assert len((await hall.get("/v1/contacts"))["people"]) == 3
    assert await hall.get("/v1/contacts", "buyer") == 403
    body = {"people": [town.PEOPLE[0].model_dump(mode="json")]}
    assert (await hall.put("/v1/contacts", body)).json() == {"people": 1}
    assert (await hall.get("/v1/contacts"))["people"] == body["people"]
    wrong = {"people": [{**body["people"][0], "phones": ["not a number"]}]}
    refused = await hall.put("/v1/contacts", wrong)
    assert refused.status_code == 422
    assert "not a number" not in refused.text
