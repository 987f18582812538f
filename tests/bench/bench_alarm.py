"""From the last byte of a frame that shows a fault to `FaultOpened` in Kafka, and to the SMS at the provider's door.

Real processes: assets, incidents, notify, Kafka, mongod, the SMS sink. 500 stations send a packet of eleven values each
second; now and then one of them marks a value as faulty. The fault is critical: other notices wait `JOIN_SECONDS` for
more of the same cause, a critical one does not. The bare loop sends a record of the same size to Kafka and hears it.
"""

from __future__ import annotations

import asyncio
import json
import random
import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from infra.local.place import Place
from infra.runtime.letters import open_record
from tests.bench.figures import Figure, quantile
from tests.bench.province import frame, province, put_in_force
from tests.bench.topics import make_topics
from watchbill.installation import Installation

STATIONS, RATE, SECONDS = 500, 500, 40
WARM, EVERY = 10 * RATE, 101
"""No fault before so many packets; then each hundred-and-first, which is each time another station."""
AIM_MS = 500
_CONTACTS = """people:
  - {id: chen-yu, name: 陈宇, organisation: supplier-a, groups: [supplier-engineers], phones: ["19900000001"]}
"""


def is_faulty(number: int) -> bool:
    return number >= WARM and number % EVERY == 0


def packets() -> list[bytes]:
    """In the order in which they are sent: station after station, minute after minute."""
    chance = random.Random(4)
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=SECONDS * RATE // STATIONS + 2)
    return [
        frame(
            number % STATIONS, start + timedelta(minutes=number // STATIONS), chance, "D" if is_faulty(number) else "N"
        )
        for number in range(SECONDS * RATE)
    ]


def send(port: int, said: Sequence[bytes], sent: dict[str, float]) -> None:
    """Steadily, each station over a connection of its own; `sent` gets when the last byte of a faulty one was out."""
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        lines = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(STATIONS)]
        for line in lines:
            selector.register(line, selectors.EVENT_READ)
        started = time.perf_counter()
        for number, packet in enumerate(said):
            while (ahead := number / RATE - (time.perf_counter() - started)) > 0:
                for key, _ in selector.select(ahead):
                    key.fileobj.recv(4096)  # type: ignore[union-attr]
            lines[number % STATIONS].sendall(packet)
            if is_faulty(number):
                sent[f"s{number % STATIONS}"] = time.time()
        time.sleep(5)


async def opened(town: Installation, told: dict[str, tuple[float, str]]) -> None:
    """By site: when its fault was in Kafka and heard there, and its trace."""
    consumer = AIOKafkaConsumer("incidents", bootstrap_servers=town.platform.kafka, auto_offset_reset="earliest")
    async with consumer:
        async for record in consumer:
            letter = open_record(record)
            if letter.type == "FaultOpenedV1" and letter.event is not None and letter.traceparent:
                told.setdefault(letter.event.site, (time.time(), letter.traceparent.split("-")[1]))


def handed(folder: Path) -> dict[str, float]:
    """By trace: when the phone company had the first SMS."""
    found: dict[str, float] = {}
    for line in (folder / "sinks" / "sms.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row.get("traceparent"):
            found.setdefault(row["traceparent"].split("-")[1], datetime.fromisoformat(row["at"]).timestamp())
    return found


async def bare(town: Installation) -> list[float]:
    """Milliseconds to Kafka and back, 100 times a second."""
    took: list[float] = []
    await make_topics(town.platform.kafka, "bare")
    consumer = AIOKafkaConsumer("bare", bootstrap_servers=town.platform.kafka)
    async with AIOKafkaProducer(bootstrap_servers=town.platform.kafka, acks="all") as producer, consumer:
        await producer.send_and_wait("bare", b"first")
        for _ in range(500):
            started = time.perf_counter()
            await producer.send("bare", b"x" * 1400)
            await consumer.getone()
            took.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.01)
    return took


async def figures() -> list[Figure]:
    sent: dict[str, float] = {}
    told: dict[str, tuple[float, str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "contacts.yaml").write_text(_CONTACTS)
        services = ("assets", "incidents", "notify")
        async with Installation(Place.of(folder), contacts=folder / "contacts.yaml", only=services) as town:
            await put_in_force(town, province(STATIONS))
            said = packets()
            hearing = asyncio.create_task(opened(town, told))
            sender = threading.Thread(target=send, args=(town.gateway_port, said, sent))
            sender.start()
            await asyncio.to_thread(sender.join)
            hearing.cancel()
            phones = handed(folder)
            plain = await bare(town)
    faults = [(told[site][0] - at) * 1000 for site, at in sent.items() if site in told]
    messages = [
        (phones[told[site][1]] - at) * 1000 for site, at in sent.items() if site in told and told[site][1] in phones
    ]
    return [_row("FaultOpened in Kafka", faults, len(sent), plain), _row("SMS handed over", messages, len(sent), plain)]


def _row(what: str, took: list[float], wanted: int, plain: list[float]) -> Figure:
    p99, theirs = quantile(took, 0.99), quantile(plain, 0.99)
    return Figure(
        f"(d) last byte -> {what}, at {RATE} packets/s ({len(took)} of {wanted})",
        f"p50 {quantile(took, 0.5):.0f}, p99 {p99:.0f} ms", f"p99 {AIM_MS} ms",
        f"p50 {quantile(plain, 0.5):.1f}, p99 {theirs:.1f} ms to Kafka and back, ratio {p99 / theirs:.0f}",
        p99 <= AIM_MS and len(took) == wanted,
    )  # fmt: skip
