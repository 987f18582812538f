"""From the event to the phone over loopback: real HTTP, SMTP and delivery reports; and nothing leaks on the way."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI

from contracts.agreements.notices import Notices
from contracts.events.notify import NoticeDeliveredV1, NoticeFailedV1, NoticeSentV1
from infra.local.sinks.both import Sinks
from infra.local.sinks.mood import Order
from infra.runtime import problems
from infra.runtime.ears import Wake
from infra.runtime.ledger import Conflict
from infra.runtime.security import Identity
from services.notify.api import router_for
from services.notify.channels.kannel import Account, KannelGateway
from services.notify.channels.receipts import ReceiptKeys
from services.notify.channels.smtp import Mailbox, SmtpServer
from services.notify.counter import Counter
from services.notify.domain.directory import Directory
from services.notify.domain.patience import Patience
from services.notify.handovers import Handovers
from services.notify.views import view_of
from tests.notify import town
from tests.notify.desk import Desk, DeskPage, desk_with
from tests.notify.test_handlers import ANN, MAIL_ONLY, SMS_ONLY
from tests.notify.waiting import until

PASSWORD = "open-sesame-42"
SECRETS = (
    PASSWORD, *(phone for one in town.PEOPLE for phone in one.phones), *(one.name for one in town.PEOPLE),
    *(mail for one in town.PEOPLE for mail in one.emails),
)  # fmt: skip


@dataclass
class Street:
    """A desk that sends to the sinks, and is reached by them at `url`."""

    desk: Desk
    counter: Counter
    sinks: Sinks
    url: str
    keys: ReceiptKeys

    async def until(self, *states: str) -> None:
        """Waits until every message is in one of these states."""

        async def there() -> bool:
            return {message.state for message in self.desk.messages} <= set(states)

        await until(there)


@asynccontextmanager
async def served(desk: Desk, keys: ReceiptKeys) -> AsyncIterator[str]:
    """The API of notify over the desk, on a port of its own."""
    app = FastAPI()
    problems.install(app)
    app.include_router(router_for(keys))
    app.state.room = desk
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


Build = Callable[..., Awaitable[Street]]


@pytest.fixture
async def build(sinks: Sinks) -> AsyncIterator[Build]:
    """Makes the street; its desk takes the rules of notice and the directory."""
    keys = ReceiptKeys(b"secret")
    async with AsyncExitStack() as stack:

        async def make(
            notices: Notices = town.NOTICES, directory: Directory = town.DIRECTORY, keeps_keys: bool = True
        ) -> Street:
            account = Account(sinks.sms_url, "watchbill", PASSWORD, keeps_keys=keeps_keys)
            box = Mailbox("127.0.0.1", sinks.smtp_port, "us@example.com", starttls=False, keeps_ids=keeps_keys)
            counter = Counter(await stack.enter_async_context(KannelGateway(account)), SmtpServer(box))
            desk = await desk_with(counter, notices, directory=directory)
            url = await stack.enter_async_context(served(desk, keys))
            counter.receipts = lambda notice: keys.address(url, notice)
            return Street(desk, counter, sinks, url, keys)

        yield make


async def test_fault_reaches_phones_and_mailboxes(build: Build) -> None:
    street = await build()
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.fire()
    await street.until("handed", "delivered")

    async def reported() -> bool:
        return len(street.desk.in_state("delivered")) == 2

    await until(reported)
    assert {message.channel for message in street.desk.in_state("delivered")} == {"sms"}
    assert {message.channel for message in street.desk.in_state("handed")} == {"email"}
    assert sorted(row["to"] for row in street.sinks.sms.box.rows) == ["19900000001", "19900000002"]
    assert sorted(row["to"] for row in street.sinks.mail.box.rows) == ["ann@example.com", "boss@example.com"]
    assert len(street.desk.said_of(NoticeSentV1)) == 4
    assert len(street.desk.said_of(NoticeDeliveredV1)) == 2


async def test_storm_of_fifty_rings_four_times(build: Build) -> None:
    street = await build(SMS_ONLY, directory=ANN)
    for number in range(50):
        await street.desk.hear(town.opened(fault=f"fault-{number}"), f"e-{number}")
    await street.desk.fire(town.NOON + timedelta(minutes=10))
    texts = [row["text"] for row in street.sinks.sms.box.rows]
    assert len(texts) == 4
    assert "另有47条通知合并" in texts[3]


async def test_dead_process_does_not_double(build: Build) -> None:
    """The gateway took it, the process died before it was remembered, the next one tries again."""
    street = await build(SMS_ONLY, directory=ANN)
    street.sinks.sms.mood.take(Order(mode="lost", times=1))
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.fire()
    street.counter.handovers = Handovers()
    await street.desk.fire(town.NOON + timedelta(seconds=30))
    await street.until("delivered")
    assert len(street.sinks.sms.box.rows) == 1


async def test_crash_before_mark_sends_once(build: Build) -> None:
    street = await build(SMS_ONLY, directory=ANN)
    street.counter.receipts = lambda notice: ""
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.sort()
    forgetful = replace(street.counter, handovers=Handovers())
    (timer,) = street.desk.timers.values()
    page = street.desk.page()
    await forgetful.send_message_when_due(Wake("send", timer[2], timer[0]), page.entry("c", "send", "c"))
    await street.desk.fire()
    assert len(street.sinks.sms.box.rows) == 1
    assert sum(street.sinks.sms.box.repeats.values()) == 1
    assert street.desk.messages[0].provider_id == street.sinks.sms.box.rows[0]["id"]
    assert not street.desk.messages[0].maybe_twice


async def test_crash_at_a_gateway_without_keys_is_visible(build: Build) -> None:
    """Kannel's way: after a crash between hand-over and mark the phone rings twice, and the message says so."""
    street = await build(SMS_ONLY, directory=ANN, keeps_keys=False)
    street.sinks.sms.mood.take(Order(mode="forgetful"))
    street.counter.receipts = lambda notice: ""
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.sort()
    (id,) = street.desk.timers
    await street.desk.fire_one(id)  # the try is announced
    page, (due, _, key) = street.desk.page(), street.desk.timers[id]
    await street.counter.send_message_when_due(Wake("send", key, due), page.entry("c", "send", "c"))
    street.counter.handovers = Handovers()  # the process died before it was remembered
    with structlog.testing.capture_logs() as lines:
        await street.desk.fire()
    assert len(street.sinks.sms.box.rows) == 2
    (message,) = street.desk.messages
    assert (message.state, message.maybe_twice) == ("handed", True)
    assert [step.detail for step in message.history if step.detail] == ["may have gone out twice"]
    assert "message may have gone out twice" in {line["event"] for line in lines}
    assert view_of(message, town.DIRECTORY, Identity("li", "buyer", "owner")).maybe_twice


async def test_crash_at_a_mail_server_is_visible(build: Build) -> None:
    """The same mail goes twice, under one Message-ID, which few servers look at: the message says so."""
    street = await build(MAIL_ONLY, directory=ANN, keeps_keys=False)
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.sort()
    (id,) = street.desk.timers
    await street.desk.fire_one(id)
    page, (due, _, key) = street.desk.page(), street.desk.timers[id]
    await street.counter.send_message_when_due(Wake("send", key, due), page.entry("c", "send", "c"))
    street.counter.handovers = Handovers()
    await street.desk.fire()
    (message,) = street.desk.messages
    assert list(street.sinks.mail.box.repeats.values()) == [1]
    assert (message.state, message.maybe_twice) == ("handed", True)
    assert [step.detail for step in message.history if step.detail] == ["may have gone out twice"]


@pytest.mark.parametrize("keeps_keys", [True, False])
async def test_undisturbed_mail_goes_once(build: Build, keeps_keys: bool) -> None:
    street = await build(MAIL_ONLY, directory=ANN, keeps_keys=keeps_keys)
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.fire()
    assert (len(street.sinks.mail.box.rows), street.sinks.mail.box.repeats.total()) == (1, 0)
    assert (street.desk.messages[0].state, street.desk.messages[0].maybe_twice) == ("handed", False)


@pytest.mark.parametrize("paused_before", ["its hand-over is known", "the other looks"])
async def test_two_processes_at_one_message_leave_a_mark(build: Build, paused_before: str) -> None:
    """The group took the first for dead, and it goes on: the phone rings twice only where the message says so."""
    street = await build(SMS_ONLY, directory=ANN, keeps_keys=False)
    street.sinks.sms.mood.take(Order(mode="forgetful"))
    street.counter.receipts = lambda notice: ""
    other, desk = replace(street.counter, handovers=Handovers()), street.desk
    await desk.hear(town.opened(), "e-1")
    await desk.sort()
    (id,) = desk.timers
    await desk.fire_one(id)  # the first announces its try

    async def turn(counter: Counter) -> DeskPage:
        page, (due, _, key) = desk.page(), desk.timers[id]
        entry = page.entry(f"c-{counter.handovers.process}", "send", "c")
        await counter.send_message_when_due(Wake("send", key, due), entry)
        page.accept(entry)
        return page

    first, others = await turn(street.counter), await turn(other)
    if paused_before == "the other looks":
        await desk.commit(first)
        with pytest.raises(Conflict):
            await desk.commit(others)
    else:
        await desk.commit(others)
        await desk.commit(await turn(other))
        with pytest.raises(Conflict):
            await desk.commit(first)
    (message,) = desk.messages
    rang = len(street.sinks.sms.box.rows)
    assert (message.state, rang) == ("handed", 1 if paused_before == "the other looks" else 2)
    assert message.maybe_twice is (rang == 2)


async def test_undisturbed_gateway_without_keys_is_asked_once(build: Build) -> None:
    street = await build(SMS_ONLY, directory=ANN, keeps_keys=False)
    street.sinks.sms.mood.take(Order(mode="forgetful"))
    street.counter.receipts = lambda notice: ""
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.fire()
    assert len(street.sinks.sms.box.rows) == 1
    assert (street.desk.messages[0].state, street.desk.messages[0].maybe_twice) == ("handed", False)


async def test_answer_that_never_came_is_visible(build: Build) -> None:
    """The gateway took it and fell silent: the second try may be the second message."""
    street = await build(SMS_ONLY, directory=ANN, keeps_keys=False)
    street.counter.sms = KannelGateway(Account(street.sinks.sms_url, "watchbill", PASSWORD, timeout_seconds=0.2))
    street.sinks.sms.mood.take(Order(mode="slow", seconds=0.5, times=1))
    street.counter.receipts = lambda notice: ""
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.fire(town.NOON + timedelta(seconds=30))
    assert (street.desk.messages[0].state, street.desk.messages[0].maybe_twice) == ("handed", True)


async def test_refused_connection_leaves_no_doubt(build: Build) -> None:
    street = await build(SMS_ONLY, directory=ANN, keeps_keys=False)
    street.counter.sms = KannelGateway(Account("http://127.0.0.1:1/cgi-bin/sendsms", "watchbill", PASSWORD))
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.fire()
    street.counter.sms = KannelGateway(Account(street.sinks.sms_url, "watchbill", PASSWORD))
    await street.desk.fire(town.NOON + timedelta(seconds=30))
    assert not street.desk.messages[0].maybe_twice and street.desk.messages[0].attempts == 2


async def test_tries_until_its_age_then_failed(build: Build) -> None:
    street = await build(SMS_ONLY, directory=ANN)
    street.sinks.sms.mood.take(Order(mode="temporary"))
    street.counter.patience = Patience(age_seconds=450)
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.fire(town.NOON + timedelta(hours=1))
    (failed,) = street.desk.said_of(NoticeFailedV1)
    assert isinstance(failed, NoticeFailedV1)
    assert (failed.attempts, failed.reason) == (5, "503 Temporal failure, try again later.")


async def test_undelivered_report_is_a_failure(build: Build) -> None:
    street = await build(SMS_ONLY, directory=ANN)
    street.sinks.sms.mood.take(Order(mode="undelivered"))
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.fire()
    await street.until("failed")


@pytest.mark.parametrize("key", ["", "0" * 32])
async def test_report_needs_its_key(build: Build, key: str) -> None:
    street = await build(SMS_ONLY, directory=ANN)
    await street.desk.hear(town.opened(), "e-1")
    await street.desk.sort()
    (message,) = street.desk.messages
    async with httpx.AsyncClient(base_url=street.url) as client:
        query = {"notice": message.id, "key": key, "type": "1"}
        assert (await client.get("/v1/receipts/sms", params=query)).status_code == 401
        query["key"] = street.keys.key(message.id)
        assert (await client.post("/v1/receipts/sms", params=query)).json() == {"notice": message.id, "state": "queued"}
        assert (await client.get("/v1/receipts/sms", params={**query, "type": "5"})).status_code == 422
        other = {"notice": "unknown", "key": street.keys.key("unknown"), "type": "1"}
        assert (await client.get("/v1/receipts/sms", params=other)).status_code == 404


async def test_no_secret_in_events_or_logs(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    """Everything that can go wrong goes wrong once, with all logs on: neither says who has which number."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as lines:
        street = await build()
        street.sinks.mail.mood.take(Order(mode="permanent", times=1))
        street.sinks.sms.mood.take(Order(mode="temporary", times=1))
        await street.desk.hear(town.opened(), "e-1")
        await street.desk.hear(town.settled(), "e-2")
        await street.desk.fire(town.NOON + timedelta(minutes=5))
        await street.until("handed", "delivered", "failed")
    ours = [record for record in caplog.records if not record.name.startswith(("aiosmtpd", "mail.log"))]
    shown = [event.model_dump_json() for event in street.desk.said]
    shown += [str(line) for line in lines] + [record.getMessage() for record in ours] + list(street.desk.timers)
    shown += [str(message.document()) for message in street.desk.messages]
    assert len(street.desk.said) > 8
    assert [step.detail for message in street.desk.in_state("failed") for step in message.history if step.detail]
    assert not [(secret, text) for text in shown for secret in SECRETS if secret in text]
