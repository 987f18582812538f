"""Everything seen: from one frame to the score and the SMS in one tree of spans and one story, at the console."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contracts.agreements.agreement import Agreement
from infra.runtime.letters import Letter
from services.assets.hj212 import Upload, upload_frames
from services.assets.publisher import is_sampled
from tests.journeys.conftest import Town
from tests.journeys.test_skeleton import at_once

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
MORNING = datetime(2026, 4, 8, 7, 0, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
SITE = "caidian-suo-river"
Spans = list[dict[str, Any]]
Step = tuple[str, str]
FRAME, SEEN = ("assets", "receive frame"), ("incidents", "process readings")
BREACH = ("incidents", "wake warn")


async def spans_of(town: Town, trace: str, enough: Callable[[Spans], bool]) -> Spans:
    """The spans of a trace, once there are enough of them: services hand them over every second."""
    async with town.client("console", "li", "administrator", "owner") as console, asyncio.timeout(30):
        while not enough(spans := (await console.get(f"/v1/traces/{trace}")).json()):
            await asyncio.sleep(0.2)
    return list(spans)


def step(span: dict[str, Any]) -> Step:
    return span["service"].removeprefix("watchbill-"), span["name"]


def ways_down(spans: Spans) -> set[tuple[Step, ...]]:
    """For every span, which service's work stands under which: from the root down to it."""
    known = {span["span"]: span for span in spans}
    found = set()
    for span in spans:
        way = [span]
        while (upper := known.get(way[0]["parent"])) is not None:
            way.insert(0, upper)
        found.add(tuple(map(step, way)))
    return found


def upload(agreement: Agreement, town: Town, at: datetime, flag: str) -> list[bytes]:
    """The frames of one five-minute reading of the station."""
    logger = next(site.logger for site in agreement.lots[0].sites if site.id == SITE)
    assert logger
    password = town.installation.secrets.logger_passwords([logger.mn])[logger.mn]
    return upload_frames(Upload(logger.mn, password, "2051", at, {"a21004": {"avg": "31", "flag": flag}}), at)


async def test_services_stand_under_the_frame(town: Town, agreement: Agreement) -> None:
    await town.at(MORNING)
    await town.publish(at_once(agreement))
    await town.send(upload(agreement, town, MORNING - timedelta(minutes=5), "D"))
    due = MORNING + timedelta(hours=4)
    await town.at(due)
    await town.at(due + timedelta(seconds=3))
    said = {letter.type: letter for letter in await town.letters()}
    trace = trace_of(said["SlaBreachedV1"])
    assert any(trace in (row.get("traceparent") or "") for row in town.sink("sms"))

    heard, joined, sends = ("notify", "process incidents"), ("notify", "wake join"), ("notify", "wake send")
    ways = {
        (FRAME, SEEN, heard, joined, sends),
        (FRAME, SEEN, BREACH, heard, joined, sends),
        (FRAME, SEEN, BREACH, ("scoring", "process incidents"), ("scoring", "wake post-score")),
    }
    spans = await spans_of(town, trace, lambda found: ways <= ways_down(found))
    assert [step(span) for span in spans if not span["depth"]] == [FRAME]
    assert not any(span["lost_parent"] or span["error"] for span in spans)

    fault = said["FaultOpenedV1"].event.fault  # type: ignore[union-attr]
    async with town.client("console", "li", "administrator", "owner") as console:
        listed = (await console.get("/", params={"q": trace})).text
        story = (await console.get(f"/faults/{fault}")).text
    assert f'href="/faults/{fault}"' in listed
    digest = said["ReadingReceivedV1"].event.digest  # type: ignore[union-attr]
    for told in (
        digest[:12],
        "超过时限：“日间故障 4 小时解决”",
        "chen-yu",
        "已送达",
        "分（截至当时）",
        "wake post-score",
    ):
        assert told in story, told


async def test_all_but_readings_is_traced(town: Town, agreement: Agreement) -> None:
    """Faults, notices, commands and what went wrong leave spans always, plain readings one in a hundred."""
    await town.at(MORNING)
    await town.publish(agreement)
    times = [MORNING - timedelta(minutes=5 * n) for n in range(200, 0, -1)]
    good = [frame for at in times for frame in upload(agreement, town, at, "N")]
    broken = upload(agreement, town, MORNING, "N")[0].replace(b"=31", b"=32", 1)
    await town.send(good)
    await send_broken(town, broken)
    async with town.client("incidents", "wu-fang", "buyer", "wuhan-emc") as phone:
        call = {"site": SITE, "at": MORNING.isoformat(), "text": "x"}
        kinds = [kind.id for kind in agreement.lots[0].fault_kinds if kind.reportable]
        answer = await phone.post("/v1/calls", json=call | {"kind": kinds[0]})
        assert answer.status_code == 201, answer.text
    await town.at(MORNING + timedelta(minutes=1))
    letters = await town.letters()
    called = {trace_of(one) for one in letters if one.type == "FaultOpenedV1" and one.correlation.startswith("act|")}
    (command,) = called
    await spans_of(town, command, lambda found: did(found, "incidents", "act "))

    for kind, service, work in (
        ("FaultOpenedV1", "incidents", ""),
        ("NoticeRequestedV1", "notify", "wake "),
        ("NoticeSentV1", "notify", "wake send"),
        ("AgreementPublishedV1", "assets", "act "),
    ):
        traces = {trace_of(letter) for letter in letters if letter.type == kind}
        assert traces, kind
        for trace in traces:
            await spans_of(town, trace, lambda found: did(found, service, work))  # noqa: B023
    (refused,) = {trace_of(letter) for letter in letters if letter.type == "ReadingRejectedV1"}
    (span,) = await spans_of(town, refused, bool)
    assert step(span) == FRAME and "crc" in span["error"]

    readings = [trace_of(letter) for letter in letters if letter.type == "ReadingReceivedV1"]
    assert len(set(readings)) == 200
    async with town.client("console", "li", "auditor", "audit") as console:
        kept = {trace: found for trace in readings if (found := (await console.get(f"/v1/traces/{trace}")).json())}
    plain = {trace for trace, found in kept.items() if {step(span) for span in found} == {FRAME}}
    assert plain <= {trace for trace in readings if is_sampled(trace, 0.01)} <= kept.keys()


def did(spans: Iterable[dict[str, Any]], service: str, work: str) -> bool:
    return any(step(span)[0] == service and span["name"].startswith(work) for span in spans)


def trace_of(letter: Letter) -> str:
    assert letter.traceparent
    return letter.traceparent.split("-")[1]


async def send_broken(town: Town, frame: bytes) -> None:
    """A frame that nobody answers."""
    _, writer = await asyncio.open_connection("127.0.0.1", town.installation.gateway_port)
    writer.write(frame)
    await writer.drain()
    writer.close()
    async with asyncio.timeout(30):
        while not any(letter.type == "ReadingRejectedV1" for letter in await town.letters()):
            await asyncio.sleep(0.2)
    await town.conductor.settle({"assets"})
