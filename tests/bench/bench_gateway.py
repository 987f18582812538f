"""Loggers -> gateway (TCP) -> Kafka -> stored in MongoDB; beside a bare getmany + insert_many loop of the same run.

Everything runs on this machine at once: the loggers, the assets service, Kafka and mongod. The bare loop has its
records in Kafka before it starts, and neither frames, nor checks, nor answers. The two take turns, `ROUNDS` times.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from motor.motor_asyncio import AsyncIOMotorClient

from infra.local.children import Child, http_answers
from infra.local.place import Place
from infra.local.ports import Ports
from infra.processes import READY_PATH, process
from tests.bench.figures import Figure
from tests.bench.loggers import send_all
from tests.bench.province import CODES, frames, province, put_in_force
from tests.bench.topics import make_topics
from watchbill.installation import ROOT, Installation

PACKETS, ROUNDS, BATCH = 12_000, 3, 500
BACKFILL, EACH_FOR_ITSELF = (8, 200), (300, 1)
"""(stations, frames of each that wait for an answer): history that is sent again, and the standard's way."""


@asynccontextmanager
async def running() -> AsyncIterator[Installation]:
    """The assets service with Kafka and MongoDB, and a province of 300 stations."""
    with tempfile.TemporaryDirectory() as folder:
        async with Installation(Place.of(Path(folder)), sinks=False, only=("assets",)) as town:
            await put_in_force(town, province(300))
            yield town


async def add_second(town: Installation) -> int:
    """A further process of the same service, with its share of the partitions; its gateway's port."""
    book, assets = Ports(town.place.ports), process("assets")
    http, gateway = book.pick("assets-1"), book.pick("gateway-1")
    own = {"WATCHBILL_INSTANCE": "1", "WATCHBILL_HTTP_PORT": str(http), "WATCHBILL_GATEWAY_PORT": str(gateway)}
    await town.children.add(
        Child(
            name="assets-1", command=(sys.executable, *assets.command), log=town.place.log("assets-1"), cwd=ROOT,
            ready=http_answers(f"http://127.0.0.1:{http}{READY_PATH}"), env={**town.environment(assets), **own},
        )
    )  # fmt: skip
    return gateway


async def stored_in(
    town: Installation, ports: list[int], stations: int, window: int, round: int
) -> tuple[float, float]:
    """Packets/s from the first byte sent to the last packet stored; microseconds of CPU of the service a packet."""
    each = PACKETS // stations
    start = (
        datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=each + 2) - timedelta(days=10 * round)
    )
    made = [list(frames(station, start, each)) for station in range(stations)]
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(town.platform.mongo)
    stored = client.watchbill_assets.readings
    services = [psutil.Process(state.pid) for state in town.children.states() if state.name.startswith("assets")]
    wanted = await stored.count_documents({}) + stations * each
    started, spent = time.perf_counter(), spent_by(services)
    await asyncio.to_thread(send_all, ports, made, window)
    while await stored.estimated_document_count() < wanted:
        await asyncio.sleep(0.01)
    took, spent = time.perf_counter() - started, spent_by(services) - spent
    client.close()
    return stations * each / took, spent / (stations * each) * 1e6


def spent_by(services: list[psutil.Process]) -> float:
    """Seconds of CPU so far."""
    return sum(sum(service.cpu_times()[:2]) for service in services)


async def prepare_bare(town: Installation) -> None:
    """As many records as the bare loop takes in all rounds."""
    await make_topics(town.platform.kafka, "bare")
    producer = AIOKafkaProducer(bootstrap_servers=town.platform.kafka, linger_ms=5)
    await producer.start()
    values = {code: {"value": "20.5", "low": None, "high": None, "flag": "N"} for code in CODES}
    for n in range(PACKETS * ROUNDS):
        await producer.send("bare", json.dumps({"_id": f"r{n}", "values": values}).encode())
    await producer.stop()


async def bare(town: Installation, round: int) -> float:
    """Records/s: getmany(500), parse, insert_many."""
    consumer = AIOKafkaConsumer(bootstrap_servers=town.platform.kafka, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("bare", 0)])
    consumer.seek(TopicPartition("bare", 0), PACKETS * round)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(town.platform.mongo)
    started, seen = time.perf_counter(), 0
    while seen < PACKETS:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=min(BATCH, PACKETS - seen))).values():
            await client.bare.readings.insert_many([json.loads(record.value) for record in records], ordered=False)
            seen += len(records)
    took = time.perf_counter() - started
    await consumer.stop()
    client.close()
    return PACKETS / took


async def figures() -> list[Figure]:
    full, single, two, plain = [], [], [], []
    async with running() as town:
        one = [town.gateway_port]
        await stored_in(town, one, *BACKFILL, ROUNDS)  # until Java has seen it all once
        await prepare_bare(town)
        for round in range(ROUNDS):
            full.append(await stored_in(town, one, *BACKFILL, round))
            plain.append(await bare(town, round))
            single.append(await stored_in(town, one, *EACH_FOR_ITSELF, ROUNDS + 1 + round))
        both = [*one, await add_second(town)]
        for round in range(ROUNDS):
            two.append(await stored_in(town, both, *BACKFILL, 2 * ROUNDS + 2 + round))
    theirs = median(plain)
    return [
        _row("8 loggers, 200 frames in flight", full, theirs),
        _row("the same, two processes of the service", two, theirs),
        _row("300 loggers, one frame at a time", single, theirs),
    ]


def _row(how: str, measured: list[tuple[float, float]], theirs: float) -> Figure:
    rate, cpu = median(rate for rate, _ in measured), min(cpu for _, cpu in measured)
    ratio = rate / theirs
    return Figure(
        f"(a) gateway -> Kafka -> stored, {len(CODES)} parameters; {how}",
        f"{rate:,.0f} packets/s, {cpu:.0f} us of CPU each", "half of the bare loop; 5,000/s where that gives 10,000",
        f"{theirs:,.0f}/s, ratio {ratio:.2f}", ratio >= 0.5,
    )  # fmt: skip
