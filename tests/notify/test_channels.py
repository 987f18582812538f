"""The channels: the twins in memory and the real ones, over real HTTP and SMTP, held to the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from infra.local.sinks.both import Sinks
from infra.local.sinks.mail_server import MailSink
from infra.local.sinks.mood import Order
from services.notify.channels.closed import Closed
from services.notify.channels.kannel import Account, KannelGateway
from services.notify.channels.memory import MemoryGateway, MemoryMail
from services.notify.channels.ports import Mail, MailServer, Sms, SmsGateway
from services.notify.channels.receipts import ReceiptKeys, report_of
from services.notify.channels.smtp import Mailbox, SmtpServer
from services.notify.domain.outcomes import Handed, Refused


@asynccontextmanager
async def answering(status: int, body: str) -> AsyncIterator[str]:
    """A gateway that always gives this answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/cgi-bin/sendsms"


def lets_in(_: SMTP, __: Session, ___: Envelope, ____: str, data: Any) -> AuthResult:
    return AuthResult(success=isinstance(data, LoginPassword) and data.password == b"right", handled=False)


@asynccontextmanager
async def closed_mail_server(sink: MailSink) -> AsyncIterator[int]:
    """A mail server that takes nothing without the right password."""

    def speak() -> SMTP:
        return SMTP(sink, hostname="localhost", authenticator=lets_in, auth_required=True, auth_require_tls=False)

    server = await asyncio.get_running_loop().create_server(speak, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


TEXT = "【值守单】木兰湖站，数据中断 100% + a&b"
SPAN = SpanContext(0xABCDEF, 0x1234, is_remote=True, trace_flags=TraceFlags(1))


@dataclass
class Way:
    """A channel under test: how to send over it, what arrived, how to make it refuse the next try."""

    send: Callable[[str], Awaitable[Handed | Refused]]
    texts: Callable[[], list[tuple[str, str]]]
    refuse: Callable[[bool], None]
    repeats: Callable[[], int]


def sms(notice: str) -> Sms:
    return Sms(notice, "19900000001", TEXT)


def mail(notice: str) -> Mail:
    return Mail(notice, "ann@example.com", "[紧急] 标题", f"{TEXT}\n第二行\n")


def kannel(sinks: Sinks) -> KannelGateway:
    return KannelGateway(Account(sinks.sms_url, "watchbill", "open sesame"))


def smtp(sinks: Sinks) -> SmtpServer:
    return SmtpServer(Mailbox("127.0.0.1", sinks.smtp_port, "watchbill@example.com", starttls=False))


def order(permanent: bool) -> Order:
    return Order(mode="permanent" if permanent else "temporary", times=1)


def refusal(permanent: bool) -> Refused:
    return Refused(permanent=permanent, reason="told so")


def sms_in_memory(_: Sinks) -> Way:
    gateway = MemoryGateway()
    return Way(
        lambda notice: gateway.send(sms(notice)), lambda: [(one.to, one.text) for one in gateway.taken.values()],
        lambda permanent: gateway.refusals.append(refusal(permanent)), lambda: gateway.repeats,
    )  # fmt: skip


def sms_over_http(sinks: Sinks) -> Way:
    gateway, box = kannel(sinks), sinks.sms.box
    return Way(
        lambda notice: gateway.send(sms(notice)), lambda: [(row["to"], row["text"]) for row in box.rows],
        lambda permanent: sinks.sms.mood.take(order(permanent)), lambda: sum(box.repeats.values()),
    )  # fmt: skip


def mail_in_memory(_: Sinks) -> Way:
    server = MemoryMail()
    return Way(
        lambda notice: server.send(mail(notice)), lambda: [(one.to, one.text) for one in server.taken.values()],
        lambda permanent: server.refusals.append(refusal(permanent)), lambda: server.repeats,
    )  # fmt: skip


def mail_over_smtp(sinks: Sinks) -> Way:
    server, box = smtp(sinks), sinks.mail.box
    return Way(
        lambda notice: server.send(mail(notice)), lambda: [(row["to"], row["text"]) for row in box.rows],
        lambda permanent: sinks.mail.mood.take(order(permanent)), lambda: sum(box.repeats.values()),
    )  # fmt: skip


@pytest.fixture(params=[sms_in_memory, sms_over_http, mail_in_memory, mail_over_smtp])
def way(request: pytest.FixtureRequest, sinks: Sinks) -> Way:
    made: Way = request.param(sinks)
    return made


async def test_message_arrives_as_it_was(way: Way) -> None:
    outcome = await way.send("n-1")
    assert isinstance(outcome, Handed)
    assert outcome.provider_id
    ((to, text),) = way.texts()
    assert to in ("19900000001", "ann@example.com")
    assert text.startswith(TEXT)


async def test_same_notice_arrives_once(way: Way) -> None:
    outcomes = [await way.send(notice) for notice in ("n-1", "n-1", "n-2")]
    assert outcomes[0] == outcomes[1] != outcomes[2]
    assert (len(way.texts()), way.repeats()) == (2, 1)


@pytest.mark.parametrize("permanent", [True, False])
async def test_refusal_tells_whether_it_passes(way: Way, permanent: bool) -> None:
    way.refuse(permanent)
    outcome = await way.send("n-1")
    assert isinstance(outcome, Refused)
    assert outcome.permanent is permanent
    assert not way.texts()
    assert isinstance(await way.send("n-1"), Handed)


async def test_451_passes_and_550_stays(sinks: Sinks) -> None:
    outcomes = []
    for permanent in (False, True):
        sinks.mail.mood.take(order(permanent))
        outcomes.append(await smtp(sinks).send(mail("n-1")))
    assert outcomes == [
        Refused(permanent=False, reason="451 4.3.0 [address] try again later"),
        Refused(permanent=True, reason="550 5.1.1 [address] no such mailbox"),
    ]


@pytest.mark.parametrize(
    ("status", "body", "permanent", "account"),
    [
        (401, "who are you", False, True), (403, "Authorization failed for sendsms", False, True),
        (403, "Not routable. Do not try again.", True, False), (404, "Not Found", True, False),
        (400, "Missing receiver number or text, rejected", True, False), (429, "slow down", False, False),
        (408, "too slow", False, False), (500, "oops", False, False), (202, "9: what is this", False, False),
    ],
)  # fmt: skip
async def test_gateways_answer_tells_whose_trouble(status: int, body: str, permanent: bool, account: bool) -> None:
    async with answering(status, body) as url:
        outcome = await KannelGateway(Account(url, "u", "p")).send(sms("n-1"))
    assert isinstance(outcome, Refused)
    assert (outcome.permanent, outcome.account) == (permanent, account)


async def test_wrong_password_is_our_trouble(sinks: Sinks) -> None:
    sinks.sms.user, sinks.sms.password = "watchbill", "another"
    assert await kannel(sinks).send(sms("n-1")) == Refused(
        permanent=False, reason="403 Authorization failed for sendsms", account=True
    )


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(
    ("user", "password", "code"), [("watchbill", "wrong", "535"), (None, None, "530"), ("watchbill", "right", "")]
)
async def test_mail_login_is_our_trouble(tmp_path: Path, user: str | None, password: str | None, code: str) -> None:
    sink = MailSink.at(tmp_path)
    async with closed_mail_server(sink) as port:
        server = SmtpServer(Mailbox("127.0.0.1", port, "watchbill@example.com", user, password, starttls=False))
        outcome = await server.send(mail("n-1"))
    if not code:
        assert isinstance(outcome, Handed)
        return
    assert isinstance(outcome, Refused)
    assert (outcome.permanent, outcome.account, outcome.reason[:3], sink.box.rows) == (False, True, code, [])


async def test_dead_network_may_pass() -> None:
    nobody = 1  # the port of tcpmux: nobody listens there
    gateway = KannelGateway(Account(f"http://127.0.0.1:{nobody}/cgi-bin/sendsms", "u", "p"))
    server = SmtpServer(Mailbox("127.0.0.1", nobody, "watchbill@example.com", starttls=False))
    for outcome in (await gateway.send(sms("n-1")), await server.send(mail("n-1"))):
        assert isinstance(outcome, Refused)
        assert not outcome.permanent and not outcome.unsure
        assert outcome.reason.startswith("no answer: ")


async def test_slow_gateway_times_out(sinks: Sinks) -> None:
    sinks.sms.mood.take(Order(mode="slow", seconds=1.0, times=1))
    hasty = KannelGateway(Account(sinks.sms_url, "u", "p", timeout_seconds=0.2))
    assert await hasty.send(sms("n-1")) == Refused(permanent=False, reason="no answer: ReadTimeout", unsure=True)


async def test_slow_mail_server_leaves_a_doubt(sinks: Sinks) -> None:
    sinks.mail.mood.take(Order(mode="slow", seconds=1.0, times=1))
    box = Mailbox("127.0.0.1", sinks.smtp_port, "watchbill@example.com", starttls=False, timeout_seconds=0.2)
    outcome = await SmtpServer(box).send(mail("n-1"))
    assert isinstance(outcome, Refused) and outcome.unsure and outcome.reason.startswith("no answer: ")


async def test_closed_channel_refuses_for_good() -> None:
    closed: tuple[SmsGateway, MailServer] = (Closed(), Closed())
    assert (await closed[0].send(sms("n"))).model_dump()["permanent"]
    assert (await closed[1].send(mail("n"))).model_dump()["permanent"]


async def test_trace_leads_to_the_phone(sinks: Sinks) -> None:
    with trace.use_span(NonRecordingSpan(SPAN)):
        await kannel(sinks).send(sms("n-1"))
        await smtp(sinks).send(mail("n-1"))
    assert sinks.sms.box.rows[0]["traceparent"] == f"00-{0xABCDEF:032x}-{0x1234:016x}-01"
    assert sinks.mail.box.rows[0]["trace"] == f"{0xABCDEF:032x}"


async def test_mail_carries_notice_and_title(sinks: Sinks) -> None:
    await smtp(sinks).send(mail("n-1"))
    (row,) = sinks.mail.box.rows
    assert (row["key"], row["title"], row["from"]) == ("<n-1@example.com>", "[紧急] 标题", "watchbill@example.com")


def test_receipt_key_opens_its_notice_only() -> None:
    keys = ReceiptKeys(b"secret")
    assert keys.fits("n-1", keys.key("n-1"))
    assert not keys.fits("n-2", keys.key("n-1"))
    assert not ReceiptKeys(b"other").fits("n-1", keys.key("n-1"))


def test_no_secret_takes_no_receipt() -> None:
    keys = ReceiptKeys(b"")
    assert not keys.fits("n-1", keys.key("n-1"))
    assert keys.address("http://notify", "n-1") == ""


def test_receipt_address_is_filled_by_gateway() -> None:
    address = ReceiptKeys(b"secret").address("http://notify:8000/", "n-1")
    assert address.startswith("http://notify:8000/v1/receipts/sms?notice=n-1&key=")
    assert address.endswith("&type=%d")


def test_kannels_numbers_are_known() -> None:
    assert [report_of(kind) for kind in (1, 2, 4, 8, 16, 32)] == [
        "delivered", "undelivered", "underway", "underway", "undelivered", None,
    ]  # fmt: skip
