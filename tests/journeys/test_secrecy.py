"""A day on which everything is tried that could let a secret out: no log, span, event or database holds one."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from pymongo import MongoClient
from ruamel.yaml import YAML

from contracts.agreements.agreement import Agreement
from contracts.events.catalog import OWNERS
from infra.deploy.asyncapi import rooms
from infra.local.place import Place
from infra.processes import PROCESSES
from infra.runtime.letters import Letter
from infra.runtime.telemetry import TRACE_KEY, trace_id_of
from services.assets.hj212 import Upload, upload_frames
from services.console.pages.visit import COOKIE
from services.console.settings import CONSOLE_KEY
from tests.journeys.collector import Collector
from tests.journeys.conftest import Town
from tests.journeys.leaks import forms, leaks
from tests.journeys.rude import RudeGateway, RudeMail
from tests.journeys.test_console import administrator, csrf_of
from tests.journeys.test_skeleton import at_once
from watchbill.conductor import Conductor
from watchbill.installation import Installation
from watchbill.secrets import ADMINISTRATOR, ADMINISTRATOR_PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
MORNING = datetime(2026, 4, 8, 7, 0, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
SITE = "caidian-suo-river"
PEOPLE = {
    "engineer": (
        "欧阳若兰",
        "13871045926",
        "ouyang.ruolan@field-supplier.example",
        ("supplier-a", "supplier-engineers"),
    ),
    "manager": ("司徒建业", "15927380461", "situ.jianye@field-supplier.example", ("supplier-a", "supplier-managers")),
    "supervisor": ("慕容晓峰", "18602738415", "murong.xiaofeng@buyer.example", ("wuhan-emc", "buyer-supervisors")),
    "member": ("诸葛静怡", "17786459302", "(zhuge)@buyer.example", ("wuhan-emc", "buyer-supervisors")),
}
CALLER, CALLERS_PHONE, STRANGERS_MAIL = "上官云飞", "13296487150", "yunfei.shangguan@somewhere.example"
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


@dataclass
class Day:
    """What the day left behind."""

    town: Town
    collector: Collector
    gateway: RudeGateway
    mail: RudeMail
    secrets: dict[str, str]

    @property
    def place(self) -> Place:
        return self.town.installation.place

    def log(self) -> list[dict[str, Any]]:
        """The services' own lines."""
        names = (process.name for process in PROCESSES)
        lines = (line for name in names for line in self.place.log(name).read_text("utf-8").splitlines())
        return [json.loads(line) for line in lines]

    def logs(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self.place.log("x").parent.glob("*")):
            yield f"logs/{path.name}", path.read_bytes()

    def spans(self) -> Iterator[tuple[str, bytes]]:
        """As they came, and each by its name."""
        for resource in self.collector.resources():
            yield "a resource", resource.resource.SerializeToString()
        for service, span in self.collector.spans():
            yield f"span {service}/{span.name}", span.SerializeToString()

    async def records(self) -> list[tuple[str, bytes]]:
        found = []
        for letter in await self.town.letters():
            headers = b"\n".join(name.encode() + b"=" + value for name, value in letter.headers)
            found.append(
                (f"record {letter.topic}/{letter.type}", b"\n".join((headers, letter.key or b"", letter.value)))
            )
        return found

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """All there are but the directory of people, which is notify's."""
        with MongoClient[dict[str, Any]](self.town.installation.platform.mongo) as client:
            for process in PROCESSES:
                database = client[f"watchbill_{process.name}"]
                for name in database.list_collection_names():
                    if (process.name, name) != ("notify", "directory"):
                        for document in database.get_collection(name, codec_options=_RAW).find({}):
                            yield f"{process.name}.{name}", document.raw


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def day(tmp_path_factory: pytest.TempPathFactory, agreement: Agreement) -> AsyncIterator[Day]:
    place, gateway, mail = Place.of(tmp_path_factory.mktemp("day")), RudeGateway(), RudeMail()
    async with AsyncExitStack() as stack:
        collector = stack.enter_context(Collector().listening())
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200",
            "WATCHBILL_SMS_URL": await stack.enter_async_context(gateway.listening()),
            "WATCHBILL_SMTP_PORT": str(await stack.enter_async_context(mail.listening())),
            "WATCHBILL_SMTP_USER": "mailer", "WATCHBILL_PATIENCE_SECONDS": "1", "WATCHBILL_LOG_LEVEL": "DEBUG",
        }  # fmt: skip
        contacts = _written(place.root / "contacts.yaml")
        installation = Installation(place, movable=True, contacts=contacts, variables=variables)
        installation.secrets.make()
        (place.secrets / "smtp-password").write_text(secrets.token_urlsafe(18))
        await stack.enter_async_context(installation)
        key = installation.secrets.key_of("conductor", "service")
        conductor = await stack.enter_async_context(Conductor(installation.http, key, installation.clock_file))
        made = Day(Town(installation, conductor), collector, gateway, mail, {})
        made.secrets |= _known_secrets(installation, agreement)
        await _play(made, agreement)
        yield made


def _written(path: Path) -> Path:
    people = [
        {"id": id, "name": name, "organisation": party, "groups": [group], "phones": [phone], "emails": [mail]}
        for id, (name, phone, mail, (party, group)) in PEOPLE.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    YAML().dump({"people": people}, path)
    return path


def _known_secrets(installation: Installation, agreement: Agreement) -> dict[str, str]:
    secret = installation.secrets
    loggers = secret.logger_passwords(site.logger.mn for site in agreement.lots[0].sites if site.logger)
    people = {
        f"{what} of {id}": one
        for id, row in PEOPLE.items()
        for what, one in zip(("name", "phone", "mail"), row[:3], strict=True)
    }
    caller = {"caller": CALLER, "caller's phone": CALLERS_PHONE, "a stranger's mail": STRANGERS_MAIL}
    names = ("sms-password", "smtp-password", "keys.secret", CONSOLE_KEY, TRACE_KEY)
    files = {name: (secret.shared / name).read_text().strip() for name in names}
    console = {"console's password": (secret.owner / ADMINISTRATOR_PASSWORD).read_text().strip()}
    keys = {"conductor's key": secret.key_of("conductor", "service"), "site's key": secret.key_of(SITE, "logger")}
    tokens = {"a token": secret.token("li", "auditor", "owner"), "a false token": secrets.token_urlsafe(40)}
    wrong = {"a false key": secrets.token_urlsafe(24), "a false password": "Q7ZW4K"}
    wrong |= {"a mistyped password": secrets.token_urlsafe(12)}
    private = {"token key": (secret.owner / "token-private.pem").read_text().splitlines()[1]}
    return {**loggers, **people, **caller, **files, **console, **keys, **tokens, **wrong, **private}


async def _play(day: Day, agreement: Agreement) -> None:
    town = day.town
    await town.at(MORNING)
    await town.publish(at_once(agreement))
    await _bad_frames(day, agreement)
    await _bad_requests(day)
    await _people_write(day, agreement)
    await _contacts_while_the_database_dies(day)
    for minutes in (0, 1, 3, 7, 15, 31):  # refusals that pass are tried again
        await town.at(MORNING + timedelta(minutes=minutes))
    await _crash_over_the_directory(day)
    await _administrator_at_the_console(day)
    await asyncio.sleep(1.0)  # the last spans are on their way


async def _bad_frames(day: Day, agreement: Agreement) -> None:
    """A flagged value that opens a fault, after frames with a wrong password, a damaged one, and an HTTP request."""
    logger = next(site.logger for site in agreement.lots[0].sites if site.id == SITE)
    assert logger
    values = {"a21004": {"avg": "31", "flag": "D"}}
    good, wrong = (
        b"".join(upload_frames(Upload(logger.mn, password, "2051", MORNING - timedelta(minutes=5), values), MORNING))
        for password in (day.secrets[logger.mn], day.secrets["a false password"])
    )
    key = day.secrets["site's key"]
    request = f"POST /v1 HTTP/1.1\r\nX-Api-Key: {key}\r\n\r\n{CALLERS_PHONE}\r\n".encode()
    damaged = [good.replace(b"Avg=31", b"Avg=37"), good.replace(b";PW=", b";PV="), good[:-40]]
    await day.town.send([request + b"".join(damaged) + wrong, good])


async def _bad_requests(day: Day) -> None:
    known, phone = day.secrets, PEOPLE["engineer"][1]
    token = {"authorization": f"Bearer {known['a token']}"}
    for process in PROCESSES:
        async with httpx.AsyncClient(base_url=day.town.installation.http[process.name]) as client:
            for headers in ({"authorization": f"Bearer {known['a false token']}"}, {"x-api-key": known["a false key"]}):
                answer = await client.get("/runtime/parked", headers=headers)
                assert answer.status_code == 401
            assert (await client.get("/runtime/parked", headers=token)).status_code == 403
            await client.get("/v1/none", params={"access_token": known["a false token"]})
    async with day.town.client("notify", "installer", "administrator", "owner") as client:
        wrong = {"people": [{"id": "engineer", "name": PEOPLE["engineer"][0], "phones": [phone + "x"]}]}
        assert (await client.put("/v1/contacts", json=wrong)).status_code == 422
    async with httpx.AsyncClient(base_url=day.town.installation.http["assets"]) as client:
        body = {"readings": [{"kind": phone, "time": MORNING.isoformat(), "values": {}}]}
        answer = await client.post(f"/v1/sites/{SITE}/readings", json=body, headers={"x-api-key": known["site's key"]})
        assert answer.status_code == 422


async def _people_write(day: Day, agreement: Agreement) -> None:
    """Numbers and addresses in their own words: in a call, in a remark, in a check-list."""
    async with day.town.client("incidents", "engineer", "supplier", "supplier-a") as client:
        call = {"site": SITE, "kind": "reported-fault", "at": MORNING.isoformat(), "caller": CALLER}
        answer = await client.post("/v1/calls", json={**call, "text": f"空调漏水，请回电{CALLERS_PHONE}"})
        assert answer.status_code == 201, answer.text
        note = {"at": MORNING.isoformat(), "note": f"see {STRANGERS_MAIL}"}
        path = f"/v1/faults/{answer.json()['id']}/acknowledgement"
        assert (await client.post(path, json=note)).status_code == 201
    async with day.town.client("inspections", "engineer", "supplier", "supplier-a") as client:
        tasks = (await client.get("/v1/tasks", params={"site": SITE, "plan": "remote-check", "state": "due"})).json()
        task = min(tasks, key=lambda one: one["opens"])["task"]
        plan = next(plan for plan in agreement.lots[0].plans if plan.id == "remote-check")
        items = [{"item": item.id, "ok": True, "answer": f"见 {STRANGERS_MAIL}"} for item in plan.items]
        answer = await client.post(f"/v1/tasks/{task}/result", json={"items": items, "done_at": MORNING.isoformat()})
        assert answer.status_code == 201, answer.text
    await day.town.conductor.settle()


async def _contacts_while_the_database_dies(day: Day) -> None:
    async with day.town.client("notify", "installer", "administrator", "owner") as client:
        contacts = (await client.get("/v1/contacts")).json()
        children = day.town.installation.children
        asked = asyncio.create_task(client.put("/v1/contacts", json=contacts))
        while not asked.done():  # longer than the driver waits
            children.kill("mongo")
            await asyncio.sleep(0.05)
        assert (await asked).status_code >= 500
        await children.until_ready("mongo")
        async with asyncio.timeout(60):
            while (await client.put("/v1/contacts", json=contacts)).status_code != 200:
                await asyncio.sleep(0.2)


async def _crash_over_the_directory(day: Day) -> None:
    """What the directory holds cannot be read any more: every handler and page that wants it falls over somebody's
    number."""
    with MongoClient[dict[str, Any]](day.town.installation.platform.mongo) as client:
        broken = {"people.0.phones": PEOPLE["engineer"][1], "people.1.name": [PEOPLE["manager"][0]]}
        client["watchbill_notify"].directory.update_one({"_id": "directory"}, {"$set": broken})
    async with day.town.client("notify", "installer", "administrator", "owner") as client:
        assert (await client.get("/v1/contacts")).status_code == 500
    async with day.town.client("incidents", "engineer", "supplier", "supplier-a") as client:
        call = {"site": "roadside", "kind": "reported-fault", "at": MORNING.isoformat(), "text": "门锁坏了"}
        assert (await client.post("/v1/calls", json=call)).status_code == 201
    await day.town.conductor.settle()


async def _administrator_at_the_console(day: Day) -> None:
    """Mistypes the password, also into the name's field and an address, then looks round and has a letter heard again,
    which fails again."""
    typed = day.secrets["a mistyped password"]
    async with httpx.AsyncClient(base_url=day.town.installation.http["console"], timeout=30) as stranger:
        form = {"name": ADMINISTRATOR, "csrf": csrf_of(await stranger.get("/login"))}
        assert (await stranger.post("/login", data=form | {"password": typed})).status_code == 403
        assert (await stranger.post("/login", data=form | {"password": typed, "csrf": "x"})).status_code == 403
        assert (await stranger.post("/login", data=form | {"name": typed, "password": "x"})).status_code == 403
        await stranger.get("/login", params={"password": typed})
    browser = await administrator(day.town)
    day.secrets["a session"] = browser.cookies[COOKIE]
    for path in ("/", "/services", "/traces", "/nosuch"):
        assert (await browser.get(path)).status_code == (404 if path == "/nosuch" else 200)
    letter = re.search(r'href="(/parked/notify/[^"]+)"', (await browser.get("/parked")).text)
    assert letter
    page = await browser.get(letter[1])
    again = await browser.post(letter[1], data={"csrf": csrf_of(page)})
    assert again.status_code == 200 and "仍无法处理" in again.text
    await browser.aclose()


async def test_day_had_all_it_was_to_have(day: Day) -> None:
    """Whoever finds nothing has to have looked where something was."""
    phrases = {(line["event"], line.get("service")) for line in day.log()}
    assert {
        ("letter handled", "incidents"), ("page handled", "assets"), ("letter parked", "notify"),
        ("provider refuses our account", "notify"), ("request failed", "notify"),
    } <= phrases  # fmt: skip
    spans = {(service, span.name) for service, span in day.collector.spans()}
    assert {service for service, _ in spans} == {process.name for process in PROCESSES} and (
        "console",
        "redrive",
    ) in spans
    assert any(span.status.code == Status.STATUS_CODE_ERROR for _, span in day.collector.spans())
    assert any(day.secrets["sms-password"] in asked and PEOPLE["engineer"][1] in asked for asked in day.gateway.asked)
    assert day.secrets["smtp-password"] in day.mail.told and PEOPLE["supervisor"][2] in day.mail.told


async def test_lines_name_their_letters(day: Day) -> None:
    """What finds a letter is not masked: a line says the ids that the letter carries, and a page says where it lies."""
    letters = {f"{one.topic}/{one.partition}/{one.offset}": one for one in await day.town.letters()}
    lines = [line for line in day.log() if line["event"] in ("letter handled", "letter parked")]
    said = {(line["at"], line["event_id"], line["type"], line["trace_id"]) for line in lines}
    heard = {at: letters[at] for at in {line["at"] for line in lines}}
    assert said == {(at, one.id, one.type, trace_id_of(one.attributes)) for at, one in heard.items()}
    told = {one.id for one in letters.values() if one.type == "FaultOpenedV1"}
    assert told and told <= {line["event_id"] for line in lines if line["service"] == "notify"}
    pages = [(line["service"], line["offsets"]) for line in day.log() if line["event"] == "page handled"]
    assert [line for line in lines if not any(_lies_in(line, page) for page in pages)] == []


def _lies_in(line: dict[str, Any], page: tuple[str, dict[str, str]]) -> bool:
    where, _, offset = line["at"].rpartition("/")
    first, _, last = page[1].get(where, "1-0").partition("-")
    return line["service"] == page[0] and int(first) <= int(offset) <= int(last)


async def test_each_letter_that_is_handled_has_its_line(day: Day) -> None:
    """At DEBUG; above it only those that caused something. Not of notify: it crashed, between a page and its lines."""
    letters = await day.town.letters()
    for room in rooms():
        if room.name != "notify":
            events = [hearing.event for hearings in room.ears.hearings.values() for hearing in hearings]
            handlers = Counter(event.type() for event in (*events, *room.ears.gatherings))
            wanted = {one.id: handlers[one.type] for one in letters if handlers[one.type]}
            lines = [line for line in day.log() if line["event"] == "letter handled" and line["service"] == room.name]
            assert Counter(line["event_id"] for line in lines) == wanted
            said = Counter[str]()
            for line in lines:
                said[line["event_id"]] += line["said"]
            own = {event.type() for event in OWNERS[room.name]}
            assert said <= Counter(cause_of(one) for one in letters if one.type in own)  # timers say the rest
            if room.name == "incidents":
                opened = {cause_of(one) for one in letters if one.type == "FaultOpenedV1" and cause_of(one) in wanted}
                assert opened and opened <= {line["event_id"] for line in lines if line["level"] == "info"} & set(+said)


def cause_of(letter: Letter) -> str:
    return letter.attributes["ce_causationid"]


async def test_reasons_say_what_was_left_out(day: Day) -> None:
    letters = await day.town.letters()
    bodies = {
        kind: [one.value.decode() for one in letters if one.type == kind] for kind in {one.type for one in letters}
    }
    failed, rejected, opened = bodies["NoticeFailedV1"], bodies["ReadingRejectedV1"], bodies["FaultOpenedV1"]
    assert any("[address] is nobody here" in body for body in failed)
    assert any("no mail can be written to this address" in body for body in failed)
    assert any("[number]" in body and "password=[secret]" in body for body in failed)
    assert any("wrong_password" in body and "PW=******" in body for body in rejected)
    assert any("X-Api-Key: ******" in body for body in rejected)
    assert any("请回电132****7150 (上**)" in body for body in opened)
    assert any("y***@somewhere.example" in body for body in bodies["InspectionDoneV1"])


LOOKS: dict[str, Callable[[Day], Any]] = {
    "logs": Day.logs, "spans": Day.spans, "records": Day.records, "documents": Day.documents
}  # fmt: skip


@pytest.mark.parametrize("where", LOOKS)
async def test_no_secret_is_left_behind(day: Day, where: str) -> None:
    found = LOOKS[where](day)
    places = list(await found if inspect.isawaitable(found) else found)
    assert places
    assert leaks(day.secrets, places) == []


@pytest.mark.parametrize("secret", ["13871045926", "欧阳若兰", "ouyang.ruolan@field-supplier.example", "a b&c=d/é"])
async def test_every_form_is_found(secret: str) -> None:
    for form in forms(secret):
        assert leaks({"it": secret}, [("here", b"before " + form + b" after")]) == [("here", "it")]
    assert leaks({"it": secret}, [("here", b"nothing")]) == []
