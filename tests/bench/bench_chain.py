"""Events through a chain of three services, each a process with its own database: hear, decide, remember, say.

Latency is from handing an event to Kafka until what the third service said of it is heard. 100 aggregates. The bare
loop is three consumers in one process that send on what they hear, without a database. The knee is the highest rate
tried at which half of the events still take less than half a second.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from contracts.events.catalog import TOPICS
from contracts.events.inspections import InspectionDueV1
from infra.local.children import Child, http_answers, port_answers
from infra.local.embedded import Embedded
from infra.local.place import Place
from infra.local.ports import Ports
from infra.processes import READY_PATH
from infra.runtime.letters import open_record, seal
from tests.bench import bare_chain
from tests.bench.chain_room import AT
from tests.bench.figures import Figure, quantile
from tests.bench.topics import make_topics
from watchbill.installation import ROOT
from watchbill.secrets import Secrets

AGGREGATES = 100
QUIET, BUSY = 20, 1000
SECONDS = {QUIET: 20, BUSY: 12}
STEPS = (1500, 2000, 2500, 3000, 4000)
STEP_SECONDS, LOST_MS = 6, 500.0
LOST_AFTER_MS = 10_000
TICK_SECONDS = 0.005
"""What falls into it is sent together: who sends shares the cores with what is measured."""
Send = Callable[[AIOKafkaProducer, int], Any]


async def start(platform: Embedded, folder: Path) -> None:
    """The three services; and the bare loop, which sleeps while nobody sends."""
    secrets, book = Secrets(folder), Ports(folder / "ports.json")
    secrets.make()
    await make_topics(platform.kafka, *bare_chain.TOPICS)
    await make_topics(platform.kafka, *TOPICS, partitions=4)
    for number in (1, 2, 3):
        port = book.pick(f"hop{number}")
        settings = {
            "WATCHBILL_KAFKA_SERVERS": platform.kafka, "WATCHBILL_MONGO_URL": platform.mongo,
            "WATCHBILL_HTTP_PORT": str(port), "WATCHBILL_SECRETS": str(secrets.shared),
            "WATCHBILL_LOG_LEVEL": "WARNING",
        }  # fmt: skip
        service = Child(
            name=f"hop{number}", command=(sys.executable, "-m", "tests.bench.chain_room", str(number)), cwd=ROOT,
            log=folder / f"hop{number}.log", ready=http_answers(f"http://127.0.0.1:{port}{READY_PATH}"), env=settings,
        )  # fmt: skip
        await platform.children.add(service)
    bare = (sys.executable, "-m", "tests.bench.bare_chain", platform.kafka)
    ready = port_answers(int(platform.kafka.rpartition(":")[2]))
    await platform.children.add(Child(name="bare", command=bare, cwd=ROOT, log=folder / "bare.log", ready=ready))
    await asyncio.sleep(3)


async def send_due(producer: AIOKafkaProducer, number: int) -> None:
    key = f"a{number % AGGREGATES}"
    due = InspectionDueV1(
        at=AT, task=key, agreement="a", lot="l", site="s", plan=str(number), opens=AT, closes=AT
    )  # fmt: skip
    id = str(uuid.uuid4())
    letter = seal(due, id=id, said_at=AT, correlation=id, causation=id, trace={})
    await producer.send(letter.topic, letter.value, key=letter.key, headers=list(letter.headers))


async def send_plain(producer: AIOKafkaProducer, number: int) -> None:
    await producer.send(bare_chain.TOPICS[0], str(number).encode().ljust(300), key=f"a{number % AGGREGATES}".encode())


def number_of(record: Any) -> int:
    if record.topic == bare_chain.TOPICS[-1]:
        return int(record.value)
    event = open_record(record).event
    return int(event.detail) if event is not None else -1


class Chain:
    """Sends at one end and hears at the other."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, send: Send) -> None:
        self._producer, self._consumer, self._send = producer, consumer, send
        self._sent = 0

    async def latencies(self, rate: int, seconds: float) -> list[float]:
        """Milliseconds, of every event sent at this rate; what has not come within ten seconds counts as ten."""
        first, count = self._sent, int(rate * seconds)
        self._sent += count
        sent: dict[int, float] = {}
        hearing = asyncio.create_task(self._hear(sent, first, count))
        started = time.perf_counter()
        for number in range(first, first + count):
            ahead = (number - first) / rate - (time.perf_counter() - started)
            if ahead > TICK_SECONDS:
                await asyncio.sleep(ahead)
            sent[number] = time.perf_counter()
            await self._send(self._producer, number)
        took = await hearing
        return list(took.values()) + [float(LOST_AFTER_MS)] * (count - len(took))

    async def _hear(self, sent: Mapping[int, float], first: int, count: int) -> dict[int, float]:
        took: dict[int, float] = {}
        while len(took) < count:
            found = await self._consumer.getmany(timeout_ms=LOST_AFTER_MS)
            if not found:
                break
            now = time.perf_counter()
            for number in (number_of(record) for records in found.values() for record in records):
                if number >= first and number not in took:
                    took[number] = (now - sent[number]) * 1000
        return took


async def measured(servers: str, last: str, send: Send, rates: Mapping[int, float]) -> dict[int, list[float]]:
    """Latencies by rate, until one of them is past the knee."""
    found: dict[int, list[float]] = {}
    consumer = AIOKafkaConsumer(last, bootstrap_servers=servers, auto_offset_reset="latest")
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer, consumer:
        chain = Chain(producer, consumer, send)
        await chain.latencies(200, 5)  # until all of it has run once
        for rate, seconds in rates.items():
            found[rate] = await chain.latencies(rate, seconds)
            if quantile(found[rate], 0.5) > LOST_MS:
                break
    return found


async def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        async with Embedded(Place.of(Path(name))) as platform:
            await start(platform, Path(name))
            rates = SECONDS | dict.fromkeys(STEPS, STEP_SECONDS)
            ours = await measured(platform.kafka, "readings", send_due, rates)
            theirs = await measured(platform.kafka, bare_chain.TOPICS[-1], send_plain, rates)
    knee, bare = _knee(ours), _knee(theirs)
    lost = [float(LOST_AFTER_MS)]
    quiet, busy = ours[QUIET], ours.get(BUSY, lost)
    calm = quantile(quiet, 0.5) <= 30 and quantile(quiet, 0.99) <= 60
    beside = _beside(quiet, theirs[QUIET]), _beside(busy, theirs.get(BUSY, lost))
    steps = "; ".join(f"{rate:,}/s: {_said(took)}" for rate, took in ours.items())
    return [
        Figure(f"(e) chain of three services, {QUIET}/s", _said(quiet), "p50 30, p99 60 ms", beside[0], calm),
        Figure(f"(e) the same at {BUSY:,}/s", _said(busy), "p50 120 ms", beside[1], quantile(busy, 0.5) <= 120),
        Figure("(e) the knee", f"{knee:,}/s ({steps})", "", f"{_bare_knee(bare)}, ratio {knee / max(bare, QUIET):.2f}"),
    ]


def _knee(took: Mapping[int, list[float]]) -> int:
    return max((rate for rate, latencies in took.items() if quantile(latencies, 0.5) <= LOST_MS), default=0)


def _bare_knee(rate: int) -> str:
    return f"{rate:,}/s without a database" + (", the highest rate tried" if rate == STEPS[-1] else "")


def _said(took: list[float]) -> str:
    return f"p50 {quantile(took, 0.5):.0f}, p99 {quantile(took, 0.99):.0f} ms"


def _beside(took: list[float], theirs: list[float]) -> str:
    return f"{_said(theirs)} without a database, ratio {quantile(took, 0.5) / quantile(theirs, 0.5):.1f}"
