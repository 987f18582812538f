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
from dataclasses import dataclass
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

PACKETS, ROUNDS, BATCH = 36_000, 3, 500
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


@dataclass(frozen=True)
class Run:
    """Packets/s, and microseconds of CPU a packet: of the service, and of everything that takes part."""

    rate: float
    service: float
    everything: float


class Meter:
    """Time and CPU from here on."""

    def __init__(self, town: Installation) -> None:
        self._processes = {state.name: psutil.Process(state.pid) for state in town.children.states() if state.pid}
        self._before, self._started = self._spent(), time.perf_counter()

    def _spent(self) -> dict[str, float]:
        children = {name: sum(process.cpu_times()[:2]) for name, process in self._processes.items()}
        return {**children, "here": time.process_time()}

    def run(self, packets: int) -> Run:
        """What they came to."""
        took = time.perf_counter() - self._started
        spent = {name: (after - self._before[name]) / packets * 1e6 for name, after in self._spent().items()}
        service = sum(cpu for name, cpu in spent.items() if name.startswith("assets"))
        return Run(packets / took, service, sum(spent.values()))


async def stored_in(town: Installation, ports: list[int], stations: int, window: int, round: int) -> Run:
    """From the first byte sent to the last packet stored."""
    each = PACKETS // stations
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    start = now - timedelta(minutes=each + 2) - timedelta(days=10 * round)
    made = [list(frames(station, start, each)) for station in range(stations)]
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(town.platform.mongo)
    stored = client.watchbill_assets.readings
    wanted = await stored.count_documents({}) + stations * each
    meter = Meter(town)
    await asyncio.to_thread(send_all, ports, made, window)
    while await stored.estimated_document_count() < wanted:
        await asyncio.sleep(0.01)
    client.close()
    return meter.run(stations * each)


async def prepare_bare(town: Installation) -> None:
    """As many records as the bare loop takes in all rounds."""
    await make_topics(town.platform.kafka, "bare")
    producer = AIOKafkaProducer(bootstrap_servers=town.platform.kafka, linger_ms=5)
    await producer.start()
    values = {code: {"value": "20.5", "low": None, "high": None, "flag": "N"} for code in CODES}
    for n in range(PACKETS * ROUNDS):
        await producer.send("bare", json.dumps({"_id": f"r{n}", "values": values}).encode())
    await producer.stop()


async def bare(town: Installation, round: int) -> Run:
    """getmany(500), parse, insert_many."""
    consumer = AIOKafkaConsumer(bootstrap_servers=town.platform.kafka, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("bare", 0)])
    consumer.seek(TopicPartition("bare", 0), PACKETS * round)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(town.platform.mongo)
    meter, seen = Meter(town), 0
    while seen < PACKETS:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=min(BATCH, PACKETS - seen))).values():
            await client.bare.readings.insert_many([json.loads(record.value) for record in records], ordered=False)
            seen += len(records)
    measured = meter.run(PACKETS)
    await consumer.stop()
    client.close()
    return measured


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
    return [
        _row("8 loggers, 200 frames in flight", full, plain),
        _row("the same, two members of the service, as deployed", two, plain),
        _row("300 loggers, one frame at a time", single, plain),
    ]


def _row(how: str, measured: list[Run], plain: list[Run]) -> Figure:
    rate, theirs = median(run.rate for run in measured), median(run.rate for run in plain)
    service, everything = min(run.service for run in measured), min(run.everything for run in measured)
    return Figure(
        f"(a) gateway -> Kafka -> stored, {len(CODES)} parameters; {how}",
        f"{rate:,.0f} packets/s; CPU {service:.0f} us of the service, {everything:.0f} us of all",
        "half of the bare loop; 5,000/s where that gives 10,000",
        f"{theirs:,.0f}/s, ratio {rate / theirs:.2f}; CPU {min(run.everything for run in plain):.0f} us of all",
        rate / theirs >= 0.5,
    )
