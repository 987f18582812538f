"""A service at work that is told to stop finishes what it has, in order; nothing is heard or said or sent again."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from infra.local.child import Child
from infra.runtime import bus
from infra.runtime.leaving import UNFINISHED
from infra.runtime.letters import open_record, seal
from infra.runtime.settings import RuntimeSettings
from tests.live.rooms import free_port
from tests.live.test_cluster import due
from tests.live.test_runtime import START
from watchbill.installation import ROOT

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
TASKS = 900
STOP_SECONDS = Child.stop_seconds
"""So long waits `up` before it kills; the services' own bound lies below."""
SERVICE = """
import asyncio, os, time
from datetime import timedelta
from fastapi import APIRouter
from contracts.events.inspections import InspectionDueV1, InspectionMissedV1
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry
from infra.runtime.room import Room, run
ears = Ears("incidents")

@ears.hears(InspectionDueV1)
async def miss_on_due(due: InspectionDueV1, entry: Entry) -> None:
    if due.task == "t450" and (page := os.environ.get("PAGE")):
        print('{"event": "page hangs"}', flush=True)
        await asyncio.sleep(3600) if page == "waits" else time.sleep(3600)
    await asyncio.sleep(0.004)
    shared = due.model_dump(exclude={"opens", "closes"})
    entry.say(InspectionMissedV1(**shared, opens=due.opens, closes=due.closes))
    entry.wake(entry.now, "send", due.task)

async def send_when_woken(wake: Wake, entry: Entry) -> None:
    with open(os.environ["OUTSIDE"], "a") as world:
        world.write(wake.key + "\\n")
    await asyncio.sleep(0.05)

ears.wakes("send", outside=True)(send_when_woken)
run(Room("incidents", ears, APIRouter()))
"""


@dataclass
class Town:
    """A stream of its own, and the service on it; `log` is what it wrote in all its lives."""

    settings: RuntimeSettings
    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    @asynccontextmanager
    async def service(self, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
        names = {
            "kafka_servers": self.settings.kafka_servers, "mongo_url": self.settings.mongo_url,
            "database_prefix": self.settings.database_prefix, "secrets": str(self.folder), "http_port": str(self.port),
            "batch_max_records": "40", **more,
        }  # fmt: skip
        environment = {f"WATCHBILL_{name.upper()}": value for name, value in names.items()}
        with (self.folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SERVICE, cwd=ROOT, stdout=log, stderr=log,
                env={**os.environ, **environment, "OUTSIDE": str(self.folder / "outside")},
            )  # fmt: skip
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def until_hanging(self) -> None:
        """Returns when a page is in hand that will not end."""
        async with asyncio.timeout(90):
            while "page hangs" not in [line["event"] for line in self.log]:
                await asyncio.sleep(0.05)

    async def metric(self, name: str) -> float:
        """Of the running life, over all labels."""
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                text = (await client.get(f"http://127.0.0.1:{self.port}/metrics")).text
            except httpx.HTTPError:
                return 0.0
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name}{{"))

    async def until(self, name: str, least: float) -> None:
        async with asyncio.timeout(90):
            while await self.metric(name) < least:
                await asyncio.sleep(0.05)

    async def say(self) -> None:
        async with bus.new_producer(self.settings, "another") as producer:
            for number in range(TASKS):
                task = f"t{number}"
                letter = seal(due(task), id=task, said_at=START, correlation=task, causation=task, trace={})
                await producer.send(
                    self.settings.streams + letter.topic, letter.value, key=letter.key, headers=list(letter.headers)
                )

    async def said(self) -> Counter[str]:
        """How often each task was said to be missed."""
        consumer = AIOKafkaConsumer(
            f"{self.settings.streams}inspections", bootstrap_servers=self.settings.kafka_servers,
            auto_offset_reset="earliest",
        )  # fmt: skip
        found: Counter[str] = Counter()
        async with consumer:
            ends = await consumer.end_offsets(consumer.assignment())
            while any([await consumer.position(where) < end for where, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    letters = [open_record(record) for record in records]
                    found.update(one.event.task for one in letters if one.type == "InspectionMissedV1")  # type: ignore
        return found


@pytest.fixture
async def town(platform: Any, tmp_path: Path) -> Town:
    prefix = f"s{uuid.uuid4().hex[:8]}"
    settings = RuntimeSettings(kafka_servers=platform.kafka, mongo_url=platform.mongo, database_prefix=prefix)
    await bus.ensure_topics(settings)
    return Town(settings, tmp_path)


async def stopped(process: asyncio.subprocess.Process) -> int:
    """Tells it to stop; its exit code. It has as long as `up` gives it."""
    process.terminate()
    async with asyncio.timeout(STOP_SECONDS):
        return await process.wait()


async def test_clean_stop_repeats_nothing(town: Town) -> None:
    """Told to stop three times in the middle of its work, it has heard, said and handed over each task once."""
    await town.say()
    for life in (1, 2, 3):
        async with town.service() as process:
            await town.until("watchbill_letters_handled_total", 40.0)
            assert await stopped(process) == 0
        assert [line["event"] for line in town.log].count("service stops") == life
    async with town.service():
        await town.until("watchbill_timers_fired_total", 1.0)
        outside = town.folder / "outside"
        async with asyncio.timeout(120):
            while len(set(outside.read_text().split())) < TASKS:
                await asyncio.sleep(0.1)
        assert await town.metric("watchbill_letters_repeated_total") == 0.0
    tasks = {f"t{number}": 1 for number in range(TASKS)}
    assert Counter(outside.read_text().split()) == tasks
    assert await town.said() == tasks
    assert {line["event"] for line in town.log} & {"part given up", "letter parked", "page tried again"} == set()


async def test_parts_close_in_their_order(town: Town) -> None:
    await town.say()
    async with town.service() as process:
        await town.until("watchbill_letters_handled_total", 40.0)
        assert await stopped(process) == 0
    log = town.log
    stops = next(number for number, line in enumerate(log) if line["event"] == "service stops")
    closed = [line["part"] for line in log if line["event"] == "part closed"]
    assert closed == ["consumers", "timers", "relay", "tasks", "producer", "traces"]
    handled = [number for number, line in enumerate(log) if line["event"] == "page handled"]
    consumers = next(number for number, line in enumerate(log) if line.get("part") == "consumers")
    assert max(handled) < consumers and stops < consumers


async def test_part_that_does_not_close_is_given_up(town: Town) -> None:
    """A page that takes longer than the time there is: left as after a crash, and heard by the next life."""
    await town.say()
    async with town.service(stop_seconds="0.2", batch_max_records="500") as process:
        await town.until("watchbill_letters_handled_total", 40.0)  # the first page; the second takes a second and more
        await stopped(process)
    assert "consumers" in [line["part"] for line in town.log if line["event"] == "part given up"]
    async with town.service(), asyncio.timeout(90):
        while len(said := await town.said()) < TASKS:
            await asyncio.sleep(0.5)
    assert said.keys() == {f"t{number}" for number in range(TASKS)}


@pytest.mark.parametrize(("page", "code"), [("waits", 0), ("blocks", UNFINISHED)])
async def test_page_that_hangs_holds_nobody_up(
    town: Town, page: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it does not let the loop turn, so that no part can be closed. Three seconds here for the nine by
    default, which on a busy machine would leave too little of what `up` gives it."""
    assert RuntimeSettings.model_fields["stop_seconds"].default < STOP_SECONDS <= 10
    monkeypatch.setenv("PAGE", page)
    await town.say()
    async with town.service(stop_seconds="3") as process:
        await town.until_hanging()
        assert await stopped(process) == code
