"""Pages that renew themselves, and forms that ask as they change: what the script is told, and what it is answered."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.metadata import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from infra.runtime.ops import ParkedView
from infra.runtime.standing import Outbox, Overdue, Standing, Stream
from infra.runtime.telemetry import start_traces
from services.console.asking import Asking, Away, ClockLine
from services.console.people import PEOPLE
from tests.console.markup import Markup
from tests.console.papers import SITE, at, breached, opened, resolved
from tests.live.test_console_room import HTML, Town, running

pytestmark = pytest.mark.live
ASKING = {
    "/": {"search", "live"}, f"/?site={SITE}&q=F": {"search", "live"}, "/traces": {"search"},
    "/services": {"live"}, "/parked": {"live"}, "/faults/F": {"live"}, "/faults/G": set[str](),
}  # fmt: skip
"""By page what in it asks for a part of it."""
RENEWED = [path for path, asking in ASKING.items() if "live" in asking]


class Services(Asking):
    """Services that answer, but for scoring."""

    async def standing(self, service: str) -> Standing:
        if service == "scoring":
            raise Away("ConnectError")
        streams = [Stream(topic="incidents", partition=0, heard=3, end=5, lag=2)]
        timers = Overdue(overdue=0, oldest_overdue_seconds=0.0, next_due=None)
        return Standing(
            service=service, version="0.1.0", now=at(0), opened=True, faults={}, streams=streams, parked=1,
            outbox=Outbox(waiting=1, oldest_seconds=2.0), timers=timers,
        )  # fmt: skip

    async def parked(self, service: str) -> list[ParkedView]:
        if service == "scoring":
            raise Away("ConnectError")
        return [ParkedView(id="a/b'c", type="T", handler=None, reason="no", topic="t", offset=3, at=at(0))]

    async def clocks(self, fault: str) -> tuple[ClockLine, ...]:
        raise Away("ConnectError")


@pytest.fixture
async def town(tmp_path: Path, platform: Any) -> AsyncIterator[Town]:
    """Fault F is open, fault G is not any more."""
    async with running(tmp_path, platform) as found:
        found.room.api.state.asking = Services({"incidents": "http://incidents", "scoring": "http://scoring"}, "")
        other: dict[str, Any] = {"fault": "G", "asset": f"{SITE}.o3"}
        await found.say(opened(), breached(), opened(**other), resolved(2).model_copy(update=other))
        yield found


@pytest.fixture
async def browser(town: Town) -> httpx.AsyncClient:
    return await town.sign_in("li")


async def read(browser: httpx.AsyncClient, path: str, **headers: str) -> Markup:
    answer = await browser.get(path, headers=headers)
    assert answer.status_code == 200, (path, answer.text)
    return Markup(answer.text)


async def test_script_is_the_packages_own(town: Town, browser: httpx.AsyncClient) -> None:
    (script,) = (await read(browser, "/")).tagged("script")
    answer = await browser.get(script["src"], headers={"accept": "*/*"})
    (shipped,) = [file for file in files("django-htmx") or () if file.match("static/django_htmx/htmx-2.min.js")]
    assert (answer.status_code, answer.content) == (200, shipped.read_binary())
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "private, max-age=86400"
    digest = base64.b64encode(hashlib.sha384(answer.content).digest()).decode()
    assert (
        script["integrity"] == f"sha384-{digest}" and hashlib.sha256(answer.content).hexdigest()[:12] in script["src"]
    )
    assert (await town.console.get(script["src"])).status_code == 401


async def test_policy_lets_that_script_run_and_nothing_else(town: Town, browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy.pop("default-src") == policy.pop("base-uri") == policy.pop("frame-ancestors") == "'none'"
    assert policy == dict.fromkeys(("style-src", "img-src", "form-action", "script-src", "connect-src"), "'self'")
    for path in ASKING:
        text = (await browser.get(path)).text
        assert text.count("<script") == 1 and "></script>" in text, path
        ran = {
            name
            for one in Markup(text).elements
            for name in one.attributes
            if re.match(r"on|hx-on|hx-vars|style", name)
        }
        assert not ran and "js:" not in text and "javascript:" not in text, path
    door = await town.console.get("/login", headers=HTML)
    assert "script" not in door.headers["content-security-policy"] and "hx-" not in door.text


async def test_script_runs_no_text_and_keeps_no_page(browser: httpx.AsyncClient) -> None:
    page = await read(browser, "/")
    (told,) = [json.loads(one["content"]) for one in page.tagged("meta") if one.attributes.get("name") == "htmx-config"]
    assert told == {
        "allowEval": False, "allowScriptTags": False, "includeIndicatorStyles": False, "selfRequestsOnly": True,
        "historyCacheSize": 0, "refreshOnHistoryMiss": True, "timeout": 30_000,
    }  # fmt: skip
    script = (await browser.get(page.tagged("script")[0]["src"])).text
    known = re.search(r"config:\{historyEnabled:(.*?)responseHandling:", script)
    assert known and all(f",{option}:" in known[1] for option in told)


@pytest.mark.parametrize("path", ASKING)
async def test_what_asks_finds_its_part_in_the_answer(browser: httpx.AsyncClient, path: str) -> None:
    page = await read(browser, path)
    asking = page.having("hx-get")
    assert {one["id"] for one in asking} == ASKING[path]
    for one in asking:
        answer = await read(browser, one["hx-get"], **page.asks_with)
        assert "[" not in one["hx-trigger"]  # a condition would be run as text
        for part in ("hx-select", "hx-select-oob", "hx-target", "hx-sync"):
            for wanted in re.findall(r"#([\w-]+)", one.attributes.get(part, "")):
                assert page.by(wanted) and answer.by(wanted), wanted


@pytest.mark.parametrize("path", RENEWED)
async def test_part_renews_itself_again(browser: httpx.AsyncClient, path: str) -> None:
    page = await read(browser, path)
    live = page.by("live")
    assert (live["hx-trigger"], live["hx-select"], live["hx-swap"]) == ("every 10s", "#live", "outerHTML")
    answer = await read(browser, live["hx-get"], **page.asks_with)
    assert answer.by("live") == live
    assert httpx.URL(live["hx-get"]).copy_remove_param("lang") == httpx.URL(path)


@pytest.mark.parametrize("path", RENEWED)
async def test_nothing_that_is_opened_or_typed_into_is_renewed(browser: httpx.AsyncClient, path: str) -> None:
    page = await read(browser, path)
    renewed = {"live", *re.findall(r"#([\w-]+)", page.by("live").attributes.get("hx-select-oob", ""))}
    held = [one for one in page.elements if one.tag in ("details", "input", "select", "form", "button")]
    assert held and not [one for one in held if renewed & {*one.inside, one.attributes.get("id", "")}]
    for link in [one for one in page.tagged("a") if "live" in one.inside]:
        assert re.fullmatch(r"[\w%/-]+", link["id"])  # by it the script finds what had the focus


async def test_fault_that_is_over_is_not_renewed(browser: httpx.AsyncClient) -> None:
    page = await read(browser, "/faults/G")
    assert page.by("live").attributes == {"id": "live"}


async def test_streams_stand_open_while_they_are_renewed(browser: httpx.AsyncClient) -> None:
    page = await read(browser, "/services")
    assert page.by("live")["hx-select-oob"] == "#streams" and page.by("streams").inside == ()
    text = (await browser.get("/services")).text
    assert "incidents/0" in text and "没有应答" in text
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in text


@pytest.mark.parametrize("path", ["/", "/traces"])
async def test_form_asks_what_it_would_ask_without_script(browser: httpx.AsyncClient, path: str) -> None:
    form = (await read(browser, path)).by("search")
    assert (form["method"], form["action"]) == ("get", form["hx-get"]) == ("get", path)
    assert (form["hx-trigger"], form["hx-push-url"], form["hx-sync"]) == ("change, submit", "true", "this:replace")
    if path == "/":  # a form that asks is not overtaken by the clock, and its answer has a place to go to
        assert (await read(browser, path)).by("live")["hx-sync"] == "#search:drop"


async def test_renewing_leaves_the_end_of_a_session_where_it_was(town: Town, browser: httpx.AsyncClient) -> None:
    page, sessions = await read(browser, "/"), town.room.ledger.db.sessions
    (before,) = await sessions.find({}).to_list(None)
    for _ in range(3):
        answer = await browser.get("/", headers=page.asks_with | {"hx-trigger": "live"})
        assert answer.status_code == 200 and "set-cookie" not in answer.headers
    assert await sessions.find({}).to_list(None) == [before]
    await sessions.update_one({"_id": before["_id"]}, {"$set": {"expires": datetime.now(UTC)}})
    assert (await browser.get("/", headers=page.asks_with)).headers["hx-redirect"] == "/login"


async def test_who_is_signed_out_is_led_to_the_door(town: Town, browser: httpx.AsyncClient) -> None:
    page = await read(browser, "/")
    for path in RENEWED:
        answer = await town.console.get(path, headers=page.asks_with)
        assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")
        assert answer.headers["content-type"] == "application/problem+json"


async def test_page_of_another_session_or_role_is_loaded_anew(town: Town, browser: httpx.AsyncClient) -> None:
    page, again = await read(browser, "/"), await town.sign_in("li")
    folder = town.room.settings.secrets
    known = json.loads((folder / PEOPLE).read_text())
    known["li"]["role"] = "auditor"
    for session, changed in ((again, False), (browser, True)):
        if changed:
            (folder / PEOPLE).write_text(json.dumps(known))
        answer = await session.get("/", headers=page.asks_with)
        assert (answer.status_code, answer.headers["hx-refresh"]) == (403, "true")
        assert (await session.get("/")).status_code == 200
    fresh = await read(browser, "/")
    await read(browser, "/", **fresh.asks_with)


async def test_part_that_may_not_be_seen_loads_the_page_anew(town: Town) -> None:
    buyer = await town.sign_in("buyer")
    page = await read(buyer, "/")
    for path, status in {"/services": 403, "/faults/none": 404}.items():
        answer = await buyer.get(path, headers=page.asks_with)
        assert (answer.status_code, answer.headers["hx-refresh"]) == (status, "true")


async def test_console_that_starts_leaves_a_page_as_it_is(town: Town, browser: httpx.AsyncClient) -> None:
    page = await read(browser, "/")
    town.room.health.opened = False
    answer = await browser.get("/services", headers=page.asks_with)
    town.room.health.opened = True
    assert answer.status_code == 503
    assert not {"hx-redirect", "hx-refresh", "location"} & set(answer.headers)


async def test_part_is_in_the_language_of_its_page(browser: httpx.AsyncClient) -> None:
    english = await read(browser, "/?lang=en")
    await browser.get("/?lang=zh")
    answer = await browser.get(english.by("live")["hx-get"], headers=english.asks_with)
    assert "faults, the newest first" in answer.text and "set-cookie" not in answer.headers
    assert json.loads(english.by("search")["hx-vals"]) == {"lang": "en"}
    assert "按开始时间倒序" in (await browser.get("/")).text


async def test_renewing_leaves_no_span_and_no_line(town: Town, browser: httpx.AsyncClient) -> None:
    spans = InMemorySpanExporter()
    start_traces("console", SimpleSpanProcessor(spans))
    page = await read(browser, "/")
    with capture_logs() as lines:
        for path in RENEWED:
            await read(browser, path, **page.asks_with)
    start_traces("console")
    assert (spans.get_finished_spans(), lines) == ((), [])
