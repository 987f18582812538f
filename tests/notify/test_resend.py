"""A failed message sent once more by an administrator, over the API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from contracts.events.notify import NoticeDeliveredV1, NoticeFailedV1, NoticeSentV1
from infra.runtime import problems
from infra.runtime.security import Doorkeeper, hash_of_key
from services.notify.api import router_for
from services.notify.channels.memory import MemoryGateway, MemoryMail
from services.notify.channels.receipts import ReceiptKeys
from services.notify.counter import Counter
from services.notify.domain.messages import Message
from tests.notify import town
from tests.notify.desk import Desk, desk_with
from tests.notify.test_handlers import ANN, NEVER, SMS_ONLY

KEYS = ReceiptKeys(b"secret")


@dataclass
class Office:
    """A desk with one message that failed, and callers of its API."""

    desk: Desk
    gateway: MemoryGateway
    client: httpx.AsyncClient

    @property
    def message(self) -> Message:
        return self.desk.messages[0]

    async def resend(self, notice: str, role: str = "administrator", key: str = "") -> httpx.Response:
        headers = {"x-api-key": f"{role:-<14}key"} | ({"idempotency-key": key} if key else {})
        return await self.client.post(f"/v1/messages/{notice}/resend", headers=headers)

    async def report(self, sending: str, kind: int) -> httpx.Response:
        query = {"notice": sending, "key": KEYS.key(sending), "type": str(kind)}
        return await self.client.get("/v1/receipts/sms", params=query)


def keys_in(folder: Path) -> Path:
    roles = ("administrator", "supplier", "buyer", "auditor", "service", "logger")
    hashes = {role: hash_of_key(f"{role:-<14}key", b"s") for role in roles}
    keys = {f"{role:-<14}key"[:8]: {"hash": one, "role": role, "name": role} for role, one in hashes.items()}
    (folder / "keys.secret").write_bytes(b"s")
    (folder / "keys.json").write_text(json.dumps(keys))
    return folder


@asynccontextmanager
async def client_of(desk: Desk, secrets: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)
    app.include_router(router_for(KEYS))
    app.state.room, app.state.door = desk, Doorkeeper(secrets)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://room") as client:
        yield client


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    gateway = MemoryGateway()
    desk = await desk_with(Counter(gateway, MemoryMail()), SMS_ONLY, directory=ANN)
    gateway.refusals.append(NEVER)
    await desk.hear(town.opened(), "e-1")
    await desk.fire()
    async with client_of(desk, keys_in(tmp_path)) as client:
        yield Office(desk, gateway, client)


async def test_failed_message_goes_once_more(office: Office) -> None:
    failed = office.message
    assert (failed.state, office.gateway.taken) == ("failed", {})
    answer = await office.resend(failed.id)
    assert (answer.status_code, answer.json()) == (200, {"notice": failed.id, "state": "queued", "resent": 1})
    await office.desk.fire()
    assert (office.message.state, office.message.attempts) == ("handed", 2)
    assert list(office.gateway.taken) == [f"{failed.id}.1"]
    assert len(office.desk.said_of(NoticeFailedV1)) == len(office.desk.said_of(NoticeSentV1)) == 1


async def test_same_key_resends_once(office: Office) -> None:
    first = await office.resend(office.message.id, key="again-1")
    await office.desk.fire()
    second = await office.resend(office.message.id, key="again-1")
    await office.desk.fire()
    assert (second.status_code, second.json()) == (200, first.json())
    assert second.headers["idempotent-replay"] == "true"
    assert (office.message.resent, len(office.gateway.taken)) == (1, 1)


async def test_unknown_message_is_404(office: Office) -> None:
    answer = await office.resend("no-such")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["type"] == "urn:watchbill:problem:not-found"


async def test_message_that_has_not_failed_is_409(office: Office) -> None:
    await office.resend(office.message.id)
    for state in ("queued", "handed"):
        answer = await office.resend(office.message.id)
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
        assert (answer.json()["type"], answer.json()["detail"]) == ("urn:watchbill:problem:not-failed", state)
        await office.desk.fire()
    assert len(office.gateway.taken) == 1


@pytest.mark.parametrize("role", ["supplier", "buyer", "auditor", "service", "logger"])
async def test_only_administrators_resend(office: Office, role: str) -> None:
    assert (await office.resend(office.message.id, role)).status_code == 403
    assert office.message.state == "failed"


async def test_resent_message_is_tried_for_a_day(office: Office) -> None:
    await office.desk.fire(town.NOON + timedelta(days=5))
    office.gateway.refusals.extend([NEVER.model_copy(update={"permanent": False})] * 20)
    await office.resend(office.message.id)
    await office.desk.fire(town.NOON + timedelta(days=5, hours=20))
    assert (office.message.state, len(office.gateway.taken)) == ("handed", 1)


async def test_undelivered_message_is_really_sent_again(office: Office) -> None:
    """The gateway has its key already: with the same one it would not send. What it said of the first is over."""
    notice = office.message.id
    await office.resend(notice)
    await office.desk.fire()
    await office.report(f"{notice}.1", 2)
    assert office.message.state == "failed"
    await office.resend(notice)
    await office.desk.fire()
    assert (office.message.state, list(office.gateway.taken)) == ("handed", [f"{notice}.1", f"{notice}.2"])
    assert (await office.report(f"{notice}.1", 2)).json() == {"notice": notice, "state": "handed"}
    assert (await office.report(f"{notice}.2", 1)).json() == {"notice": notice, "state": "delivered"}
    assert len(office.desk.said_of(NoticeDeliveredV1)) == 1


async def test_late_delivery_of_first_sending_counts(office: Office) -> None:
    notice = office.message.id
    await office.resend(notice)
    await office.report(notice, 1)
    await office.desk.fire()
    assert (office.message.state, office.gateway.taken) == ("delivered", {})
