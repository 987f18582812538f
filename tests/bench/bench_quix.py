"""The same job on this runtime and on QuixStreams: readings from Kafka, a threshold, stored once in MongoDB.

Both read the same records, each as one process, and keep their position once a second; they take turns, `ROUNDS` times.
QuixStreams is installed into an environment of its own. Time counts from the first tenth stored to the last record.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient

from contracts.events.assets import ReadingReceivedV1
from contracts.events.measured import Measured
from infra.local.embedded import Embedded
from infra.local.place import Place
from infra.runtime.letters import seal
from tests.bench.figures import Figure
from tests.bench.province import CODES
from tests.bench.topics import make_topics
from watchbill.installation import ROOT
from watchbill.secrets import Secrets

READINGS, STATIONS, LIMIT, ROUNDS = 100_000, 100, "20.5", 3
QUIX = "quixstreams[mongodb]==3.28.1"
AIM = 3.0
_AT = datetime(2026, 4, 8, tzinfo=UTC)


def stream(round: int) -> str:
    """The stream of a round: of an installation by that name."""
    return f"round{round}.readings"


@dataclass(frozen=True)
class Run:
    """Records/s, and microseconds of CPU of the process a record, its start included."""

    rate: float
    cpu: float


async def fill(servers: str) -> None:
    """The readings, as assets says them, on a stream for each round."""
    await make_topics(servers, *map(stream, range(ROUNDS)), partitions=4)
    values = {code: Measured(Decimal("20.4")) for code in CODES}
    async with AIOKafkaProducer(bootstrap_servers=servers, linger_ms=5, max_batch_size=500_000) as producer:
        for number in range(READINGS):
            site, time_of = f"s{number % STATIONS}", _AT + timedelta(minutes=number // STATIONS)
            values = {**values, "a21004": Measured(Decimal(number % 1000) / 10)}
            reading = ReadingReceivedV1(
                at=time_of, reading=f"{site}/minute/{time_of:%Y%m%dT%H%M%SZ}", site=site, kind="minute", time=time_of,
                values=values, received_at=time_of,
            )  # fmt: skip
            id = str(uuid.uuid4())
            letter = seal(reading, id=id, said_at=_AT, correlation=id, causation=id, trace={})
            for round in range(ROUNDS):
                await producer.send(stream(round), letter.value, key=letter.key, headers=list(letter.headers))


async def install(folder: Path) -> Path:
    """The interpreter of an environment with QuixStreams."""
    uv = str(Path(sys.executable).parent / "uv")
    python = folder / "bin" / "python"
    for command in (("venv", "-q", str(folder)), ("pip", "install", "-q", "--python", str(python), QUIX)):
        process = await asyncio.create_subprocess_exec(uv, *command)
        if await process.wait():
            raise OSError(f"uv {command[0]} failed")
    return python


async def run(command: list[str], settings: dict[str, str], readings: Any, log: Path) -> Run:
    """Until all is stored."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, env=settings, cwd=ROOT, stdout=out, stderr=out)
    try:
        while (first := await readings.estimated_document_count()) < READINGS / 10:
            await asyncio.sleep(0.01)
            assert process.returncode is None, log.read_text()[-2000:]
        started = time.perf_counter()
        while await readings.estimated_document_count() < READINGS:
            await asyncio.sleep(0.01)
        took = time.perf_counter() - started
        spent = sum(psutil.Process(process.pid).cpu_times()[:2])
    finally:
        process.kill()
        await process.wait()
    return Run((READINGS - first) / took, spent / READINGS * 1e6)


async def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            quix = await install(folder / "quix")
        except OSError as error:
            return [Figure("(g) beside QuixStreams", f"not measured: {error}", "", "")]
        secrets = Secrets(folder)
        secrets.make()
        async with Embedded(Place.of(folder)) as platform:
            await fill(platform.kafka)
            client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(platform.mongo)
            host, port = platform.mongo.removeprefix("mongodb://").partition("/")[0].split(":")
            room = [sys.executable, "-m", "tests.bench.threshold_room", LIMIT]
            job = [str(quix), str(ROOT / "tests" / "bench" / "quix_job.py"), platform.kafka, host, port, LIMIT]
            ours, theirs = [], []
            for round in range(ROUNDS):
                settings = {
                    "WATCHBILL_KAFKA_SERVERS": platform.kafka, "WATCHBILL_MONGO_URL": platform.mongo,
                    "WATCHBILL_SECRETS": str(secrets.shared), "WATCHBILL_DATABASE_PREFIX": f"round{round}",
                }  # fmt: skip
                mine, its = client[f"round{round}_threshold"].readings, client[f"quix{round}"].readings
                ours.append(await run(room, settings, mine, folder / "ours.log"))
                theirs.append(await run([*job, stream(round), f"quix{round}"], {}, its, folder / "quix.log"))
            client.close()
    return [_row(ours, theirs)]


def _row(ours: list[Run], theirs: list[Run]) -> Figure:
    rate, its = median(run.rate for run in ours), median(run.rate for run in theirs)
    cpu, its_cpu = min(run.cpu for run in ours), min(run.cpu for run in theirs)
    return Figure(
        "(g) reading -> threshold -> stored, one process",
        f"{rate:,.0f}/s, {cpu:.0f} us of CPU each",
        f"{AIM:.0f} x QuixStreams",
        f"QuixStreams {its:,.0f}/s, {its_cpu:.0f} us, ratio {rate / its:.1f}",
        rate / its >= AIM,
    )
