"""The console on the real broker and database: spans, the chronicle, who finds what, and signing in as people do."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from pydantic import BaseModel

from contracts.events.assets import AgreementPublishedV1
from contracts.events.catalog import EVENTS
from contracts.events.event import Event
from infra.runtime.acts import Act
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.ops import ParkedView
from infra.runtime.room import Room
from infra.runtime.security import Identity, allow
from services.console.app import room_for
from services.console.asking import Asking
from services.console.domain.spans import Attribute, Span
from services.console.people import PEOPLE, hash_of_password
from services.console.sessions import Book, BookInMongo, Session
from services.console.settings import ConsoleSettings
from services.console.store import keep_rows, keep_spans, rows_that
from tests.console.book import BookInMemory
from tests.console.papers import AGREEMENT, SITE, at, breached, opened, row
from tests.console.test_otlp import sent
from tests.live.rooms import CONDUCTOR, move, settings_in, settle, token
from tests.live.rooms import opened as entered

pytestmark = pytest.mark.live
PASSWORD = "correct horse"
HTML = {"accept": "text/html"}
PROTOBUF = {"content-type": "application/x-protobuf"}


class Told(BaseModel):
    ids: list[str]


class Telling(BaseModel):
    tells: list[tuple[str, dict[str, Any]]]


@dataclass
class Town:
    teller: httpx.AsyncClient
    console: httpx.AsyncClient
    room: Room

    async def say(self, *events: Event) -> list[str]:
        """Says these events, and returns their ids when the console has heard them."""
        tells = [(event.type(), event.model_dump(mode="json")) for event in events]
        traced = {"traceparent": f"00-{uuid.uuid4().hex}-00f067aa0ba902b7-01"}
        answer = await self.teller.post("/tell", json={"tells": tells}, headers=CONDUCTOR | traced)
        assert answer.status_code == 200, answer.text
        await settle([self.teller, self.console])
        return list(answer.json()["ids"])

    async def sign_in(self, name: str) -> httpx.AsyncClient:
        """A browser of somebody who has signed in."""
        browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.room.api), base_url="http://room", headers=HTML, trust_env=False
        )
        form = {"name": name, "password": PASSWORD, "csrf": csrf_of(await browser.get("/login"))}
        answer = await browser.post("/login", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        return browser


def csrf_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def people(folder: Path, **roles: tuple[str, str]) -> None:
    hashed = hash_of_password(PASSWORD)
    known = {name: {"hash": hashed, "role": role, "organisation": org} for name, (role, org) in roles.items()}
    (folder / PEOPLE).write_text(json.dumps(known))


def teller(settings: Any) -> Room:
    telling = APIRouter()

    @telling.post("/tell", dependencies=[allow("service")])
    async def tell(story: Telling, act: Act) -> Told:
        async def say(entry: Entry, caller: Identity) -> Told:
            return Told(ids=[entry.say(EVENTS[kind].model_validate(body)) for kind, body in story.tells])

        return await act("tell", story, say)

    return Room("assets", Ears("assets"), telling, settings=settings)


@asynccontextmanager
async def running(folder: Path, platform: Any) -> AsyncIterator[Town]:
    settings = settings_in(folder, platform)
    people(
        folder, li=("administrator", "owner"), buyer=("buyer", "wuhan-emc"), stranger=("buyer", "elsewhere"),
        ours=("supplier", "supplier-a"), other=("supplier", "supplier-b"), auditor=("auditor", "audit"),
    )  # fmt: skip
    console = room_for(ConsoleSettings.model_validate(settings.model_dump()))
    async with entered(teller(settings)) as says, entered(console) as hears:
        await move([says, hears], at(0))
        yield Town(says, hears, console)


@pytest.fixture
async def town(tmp_path: Path, platform: Any) -> AsyncIterator[Town]:
    async with running(tmp_path, platform) as found:
        published = AgreementPublishedV1(
            at=at(-24), agreement=AGREEMENT.id, version=AGREEMENT.version, digest="d", document=AGREEMENT
        )
        await found.say(published)
        yield found


async def test_span_sent_twice_is_kept_once(town: Town) -> None:
    body, memory = sent()
    for _ in range(2):
        answer = await town.console.post("/v1/traces", content=body, headers=CONDUCTOR | PROTOBUF)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    trace = f"{memory.get_finished_spans()[0].context.trace_id:032x}"
    spans = (await town.console.get(f"/v1/traces/{trace}", headers=token(town.room.settings, "auditor", "a"))).json()
    assert [(span["name"], span["depth"], span["error"]) for span in spans] == [("upper", 0, None), ("lower", 1, "crc")]


async def test_span_is_forgotten_after_its_time(town: Town) -> None:
    body, _ = sent()
    await town.console.post("/v1/traces", content=body, headers=CONDUCTOR | PROTOBUF)
    kept = await town.room.ledger.db.spans.find_one({})
    assert kept and timedelta(days=29) < kept["expires"] - datetime.now(UTC) <= timedelta(days=30)
    indexes = await town.room.ledger.db.spans.index_information()
    assert indexes["expires_1"]["expireAfterSeconds"] == 0


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\xff\xff", PROTOBUF, 400),
        (b"{}", {"content-type": "application/json"}, 415),
        (bytes(16_000_001), PROTOBUF, 413),
    ],
    ids=["unreadable", "json", "too much"],
)
async def test_what_is_no_span_is_refused(town: Town, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = await town.console.post("/v1/traces", content=body, headers=CONDUCTOR | headers)
    assert answer.status_code == status


async def test_fault_is_found_by_all_that_names_it(town: Town) -> None:
    fault, breach = await town.say(opened(), breached())
    await town.say(opened(fault="G", site="mulan-lake", asset="mulan-lake.o3", at=at(-48), since=at(-48)))
    (kept,) = await rows_that(town.room.ledger.db, {"_id": fault})
    browser = await town.sign_in("li")
    named = (fault, breach, "F", kept.trace, "wuhan-air&since=2026-04-07")
    for query in (*(f"q={name}" for name in named), f"site={SITE}", "since=2026-04-08"):
        page = (await browser.get(f"/?{query}")).text
        assert 'href="/faults/F"' in page and 'href="/faults/G"' not in page, query
    for query in ("q=nothing", "site=nowhere", "until=2026-04-01", "error=true"):
        assert 'href="/faults/F"' not in (await browser.get(f"/?{query}")).text, query


async def test_fault_is_found_by_the_number_in_an_sms(town: Town) -> None:
    await town.say(opened(fault="05c452db-47ca-55ce-86e8-b7091337e3e0"), opened(fault="06c452db-47ca"))
    page = (await (await town.sign_in("li")).get("/?q=05c452db")).text
    assert 'href="/faults/05c452db-' in page and 'href="/faults/06c452db' not in page


async def test_story_is_shown_to_those_concerned_only(town: Town) -> None:
    await town.say(opened(), breached())
    for name, sees in {"li": 200, "buyer": 200, "ours": 200, "auditor": 200, "other": 404, "stranger": 404}.items():
        browser = await town.sign_in(name)
        page = await browser.get("/faults/F")
        assert page.status_code == sees, name
        assert ("超过时限：“日间故障 4 小时解决”" in page.text) == (sees == 200)
        listed = (await browser.get("/")).text
        assert ('href="/faults/F"' in listed) == ("蔡甸索河" in listed) == (sees == 200)
        assert ('href="/traces' in page.text) == (name in ("li", "auditor"))


class OneParked(Asking):
    """Services of which one has put a letter aside."""

    async def parked_one(self, service: str, id: str) -> ParkedView:
        return ParkedView(
            id=id, type="NoticeRequestedV1", handler="tell", reason="ValueError: no", topic="notices", offset=3,
            at=at(0), headers={"ce_subject": "engineer-wang"}, body='{"person":"engineer-wang"}',
        )  # fmt: skip


async def test_only_administrators_read_what_a_parked_letter_holds(town: Town) -> None:
    town.room.api.state.asking = OneParked({"notify": "http://notify"}, "")
    for name, reads in {"li": True, "auditor": False}.items():
        page = await (await town.sign_in(name)).get("/parked/notify/one")
        assert (page.status_code, "ValueError: no" in page.text) == (200, True)
        assert ("engineer-wang" in page.text) == reads
    assert (await (await town.sign_in("buyer")).get("/parked/notify/one")).status_code == 403


async def test_page_speaks_english_when_asked(town: Town) -> None:
    await town.say(opened(), breached())
    browser = await town.sign_in("li")
    assert "Time limit passed" not in (await browser.get("/faults/F")).text
    assert "Time limit passed" in (await browser.get("/faults/F?lang=en")).text
    assert "What happened" in (await browser.get("/faults/F")).text


async def test_letter_heard_again_is_one_row(town: Town) -> None:
    (fault,) = await town.say(opened())
    db = town.room.ledger.db
    (kept,) = await rows_that(db, {"fault": "F"})
    assert (kept.id, kept.lot, len(kept.trace)) == (fault, "wuhan-air/lot-1", 32)
    await keep_rows(db, [kept, row("another", breached())])
    assert [one.id for one in await rows_that(db, {"fault": "F"})] == [fault, "another"]


async def test_stranger_is_shown_the_door(town: Town) -> None:
    answer = await town.console.get("/", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    page = await town.console.get("/login", headers=HTML)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script" not in page.text and "style=" not in page.text


async def test_wrong_password_is_said_on_the_page(town: Town) -> None:
    browser = httpx.AsyncClient(transport=httpx.ASGITransport(town.room.api), base_url="http://room", headers=HTML)
    form = {"name": "li", "password": "wrong", "csrf": csrf_of(await browser.get("/login"))}
    answer = await browser.post("/login", data=form)
    assert (
        answer.status_code == 403 and "登录名或密码不对" in answer.text and "watchbill-session" not in browser.cookies
    )
    assert 'value="li"' in answer.text and "wrong" not in re.findall(r'value="([^"]*)"', answer.text)
    forged = await browser.post("/login", data=form | {"csrf": "x", "password": PASSWORD})
    assert forged.status_code == 403 and "watchbill-session" not in browser.cookies


async def test_address_that_is_not_there_is_told_as_a_page(town: Town) -> None:
    """And what is asked wrongly; a program gets the document."""
    browser = await town.sign_in("li")
    for address, status in (("/nosuch", 404), ("/traces?since=yesterday", 422)):
        answer = await browser.get(address)
        assert (answer.status_code, answer.headers["content-type"][:9]) == (status, "text/html"), answer.text
        assert "回到故障列表" in answer.text
    assert "<code>query.since</code> 应为：" in answer.text
    program = await town.console.get("/nosuch")
    assert (program.status_code, program.headers["content-type"]) == (404, "application/problem+json")


async def test_other_language_of_a_page_is_on_this_host(town: Town) -> None:
    """An address that begins with two slashes names a host."""
    page = await (await town.sign_in("li")).get("http://room//elsewhere.example/x")
    assert page.status_code == 404 and 'href="/elsewhere.example/x?lang=en"' in page.text


async def test_session_cookie_is_for_this_site_only(town: Town) -> None:
    browser = httpx.AsyncClient(transport=httpx.ASGITransport(town.room.api), base_url="http://room", headers=HTML)
    form = {"name": "li", "password": PASSWORD, "csrf": csrf_of(await browser.get("/login"))}
    answer = await browser.post("/login", data=form)
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("watchbill-session=")]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie


async def test_signed_out_browser_is_a_stranger(town: Town) -> None:
    browser = await town.sign_in("li")
    csrf, kept = csrf_of(await browser.get("/")), browser.cookies["watchbill-session"]
    assert (await browser.post("/logout", data={"csrf": csrf})).status_code == 303
    answer = await town.console.get("/", headers=HTML | {"cookie": f"watchbill-session={kept}"})
    assert answer.headers["location"] == "/login"


@pytest.fixture(params=["mongo", "memory"])
def book(request: pytest.FixtureRequest, town: Town) -> Book:
    return BookInMongo(lambda: town.room.ledger.db, "a key") if request.param == "mongo" else BookInMemory()


async def test_book_remembers_sessions_and_tries(book: Book) -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    session = Session("id", "li", "proof", "csrf", later)
    await book.keep(session)
    assert await book.find("id") == session
    await book.drop("id")
    assert await book.find("id") is None
    assert [await book.tried("name|li", later) for _ in range(3)] == [1, 2, 3]
    assert await book.tried("name|wu", later) == 1


def frame(name: str, began: str, error: str | None = None, **about: Attribute) -> Span:
    """The only span of a trace of its own."""
    at = int(datetime.fromisoformat(f"2026-04-{began}+08:00").timestamp() * 1e9)
    named = {f"om.{key}": value for key, value in about.items()}
    return Span(name * 32, name * 16, "", "watchbill-assets", "receive frame", at, at + 1_000_000, error, named)


FRAMES = (
    frame("a", "08T23:50", site="s1", fault="F", agreement="air", event_id="one"),
    frame("b", "09T00:10", site="s1", fault="G", agreement="air", event_id="two", error="crc"),
    frame("c", "10T08:00", site="s2", fault="H", agreement="water", event_id="three"),
    frame("d", "11T08:00"),
)
"""Four traces: the spans of three name what they are about, the fourth is known by what was said in it."""


FOUND = {
    "": "abcd", "site=s1": "ab", "site=s2": "c", f"site={SITE}": "d", "q=G": "b", "q=K": "d",
    "q=air": "ab", "q=water": "c", "q=wuhan-air": "d", "q=three": "c", "q=said": "d", f"q={'b' * 32}": "b",
    "since=2026-04-09": "bcd", "until=2026-04-09": "ab", "since=2026-04-09&until=2026-04-10": "bc",
    "error=true": "b", "error=true&site=s2": "", "q=air&until=2026-04-08": "a", "q=nothing": "",
}  # fmt: skip
"""By what is asked for, which of them are found; the first two are twenty minutes apart, around a local midnight."""


async def test_traces_are_found_by_what_they_are_about(town: Town) -> None:
    await keep_spans(town.room.ledger.db, FRAMES, datetime.now(UTC), timedelta(days=1))
    await keep_rows(town.room.ledger.db, [row("said", opened(fault="K"), trace="d" * 32)])
    browser = await town.sign_in("li")
    pages = {query: (await browser.get(f"/traces?{query}")).text for query in FOUND}
    assert {query: "".join(sorted(re.findall(r'href="/traces/(.)', page))) for query, page in pages.items()} == FOUND


async def test_fault_is_found_by_an_error_in_its_trace(town: Town) -> None:
    await keep_spans(town.room.ledger.db, FRAMES, datetime.now(UTC), timedelta(days=1))
    rows = [row(name, opened(fault=name.upper()), trace=name * 32) for name in "abd"]
    await keep_rows(town.room.ledger.db, rows)
    browser = await town.sign_in("li")
    for query, found in (("", ["A", "B", "D"]), ("error=true", ["B"]), ("q=two", ["B"]), ("error=true&q=one", [])):
        assert sorted(re.findall(r'href="/faults/(.)', (await browser.get(f"/?{query}")).text)) == found, query


async def test_trace_is_shown_with_what_went_wrong(town: Town) -> None:
    body, memory = sent()
    await town.console.post("/v1/traces", content=body, headers=CONDUCTOR | PROTOBUF)
    trace = f"{memory.get_finished_spans()[0].context.trace_id:032x}"
    browser = await town.sign_in("li")
    page = (await browser.get(f"/traces/{trace}")).text
    assert "upper" in page and "crc" in page
    assert (await browser.get("/traces/none")).status_code == 404
