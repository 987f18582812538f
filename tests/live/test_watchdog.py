"""A process that takes no further work ends itself; one that waits for people stays."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from infra.local.children import Child, Supervisor
from infra.runtime import bus
from infra.runtime.leaving import UNFINISHED
from infra.runtime.letters import seal
from infra.runtime.settings import RuntimeSettings
from tests.live.test_cluster import due
from tests.live.test_runtime import START
from watchbill.installation import ROOT

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
STUCK_SECONDS = 3.0
SERVICE = """
import asyncio, time
from fastapi import APIRouter
from contracts.events.inspections import InspectionDueV1
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.room import Room, run
{before}
ears = Ears("incidents")

@ears.hears(InspectionDueV1)
async def hang_on_due(due: InspectionDueV1, entry: Entry) -> None:
    {body}

run(Room("incidents", ears, APIRouter()))
"""


DEAF = """
from pathlib import Path
from aiokafka import AIOKafkaConsumer
fetch, given, before = AIOKafkaConsumer.getmany, [], Path({before!r})
async def getmany(consumer, **how):
    if given and not before.exists():
        {how}
    found = await fetch(consumer, **how)
    given.extend(found)
    return found
AIOKafkaConsumer.getmany = getmany
"""
"""The library as it must never be: after the first record it gives no more, though there are some, and says nothing."""
HANGS, PAUSES = "await asyncio.Event().wait()", "consumer.pause(*consumer.assignment())"
HEARS = "print('heard', due.task, flush=True)"


async def service(platform: Any, folder: Path, body: str, before: str = "", **more: str) -> Child:
    """A service of this handler, and some events for it to hear."""
    prefix = f"w{uuid.uuid4().hex[:8]}"
    settings = RuntimeSettings(kafka_servers=platform.kafka, mongo_url=platform.mongo, database_prefix=prefix)
    names = {"kafka_servers": platform.kafka, "mongo_url": platform.mongo, "database_prefix": prefix}
    more = {"stuck_after_seconds": str(STUCK_SECONDS), "stop_seconds": "1", "secrets": str(folder), **names, **more}
    await bus.ensure_topics(settings)
    async with bus.new_producer(settings, "another") as producer:
        for number in range(3):
            letter = seal(due(f"t{number}"), id=str(number), said_at=START, correlation="c", causation="c", trace={})
            await producer.send_and_wait(
                settings.streams + letter.topic, letter.value, key=letter.key, headers=list(letter.headers)
            )
    return Child(
        name="incidents",
        command=(sys.executable, "-c", SERVICE.format(body=body, before=before)),
        log=folder / "log",
        ready=ready,
        env={f"WATCHBILL_{name.upper()}": value for name, value in more.items()},
        cwd=ROOT,
    )


async def ready() -> bool:
    return True


async def ended(platform: Any, folder: Path, body: str, within_seconds: float, **more: str) -> int | None:
    """How a service of this handler ended after it heard some events; None: it was still there."""
    child = await service(platform, folder, body, **more)
    environment = {**os.environ, **child.env}
    with child.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *child.command, cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(within_seconds):
            return await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None


async def test_blocked_loop_ends_the_process(platform: Any, tmp_path: Path) -> None:
    assert await ended(platform, tmp_path, "time.sleep(600)", 90.0) == UNFINISHED
    assert '"lost": {"loop": "does not turn"}' in (tmp_path / "log").read_text()


async def test_stuck_line_ends_the_process(platform: Any, tmp_path: Path) -> None:
    assert await ended(platform, tmp_path, "await asyncio.Event().wait()", 90.0) in (0, UNFINISHED)
    assert "stuck: takes no further work" in (tmp_path / "log").read_text()


async def test_line_stopped_for_people_stays(platform: Any, tmp_path: Path) -> None:
    """After two bad letters it stands still; the third waits, and so does the process, longer than a stuck one may."""
    child = await service(platform, tmp_path, "raise ValueError", bad_in_a_row_max="2", batch_max_records="1")
    async with Supervisor([child]) as supervisor, asyncio.timeout(90):
        while "stopped: 2 letters in a row" not in child.log.read_text():
            await asyncio.sleep(0.2)
        await asyncio.sleep(3 * STUCK_SECONDS)
        assert supervisor.restart_count == 0
    assert "service ends itself" not in child.log.read_text()


@pytest.mark.parametrize("how", [HANGS, PAUSES], ids=["hangs", "gives nothing"])
async def test_deaf_consumer_is_started_again(platform: Any, tmp_path: Path, how: str) -> None:
    """It asks and gets nothing, though records wait: the process ends itself, and the next one hears the rest."""
    mended = tmp_path / "mended"
    before = DEAF.format(before=str(mended), how=how)
    child = await service(platform, tmp_path, HEARS, before, batch_max_records="1")
    async with Supervisor([child]) as supervisor, asyncio.timeout(120):
        while "service ends itself" not in child.log.read_text():
            await asyncio.sleep(0.2)
        mended.touch()
        while len(heard_by(child)) < 3:
            await asyncio.sleep(0.2)
        assert supervisor.restart_count == 1
    assert '"feed inspections": "stuck: takes no further work"' in child.log.read_text()
    assert sorted(heard_by(child)) == ["t0", "t1", "t2"]


def heard_by(child: Child) -> list[str]:
    """The tasks whose events had their effect."""
    lines = child.log.read_text().splitlines() if child.log.exists() else []
    return [line.removeprefix("heard ") for line in lines if line.startswith("heard ")]
