"""Loggers -> gateway (TCP) -> Kafka -> stored in MongoDB, packets/s; beside a bare getmany + insert_many loop.

python -m tests.bench.bench_gateway [packets]

Everything runs on this machine at once: the loggers of this process, the assets service, Kafka and mongod. The bare
loop has its records in Kafka before it starts, and neither frames, nor checks, nor answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from motor.motor_asyncio import AsyncIOMotorClient

from contracts.agreements.folder import read_agreement
from infra.local.place import Place
from infra.local.simulator.logger import LoggerLine
from infra.local.simulator.passage import Sent
from services.assets.hj212 import Upload, upload_frames
from watchbill.installation import ROOT, Installation

CODES = ("a34004", "a34002", "a21026", "a21004", "a21005", "a05024", "a01001", "a01002", "a01006", "a01007", "a01008")
AGREEMENT = read_agreement(ROOT / "contracts" / "agreements" / "wuhan-air")
SITES = [
    site
    for site in AGREEMENT.lots[0].sites
    if site.logger and site.logger.edition == "2017" and not site.logger.factors
]


def frames(mn: str, password: str, count: int) -> list[Sent]:
    """One packet of eleven parameters for each of the last `count` minutes."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    made = []
    for n in range(count, 0, -1):
        values = {code: {"avg": f"{20 + n % 50}.5" if code != "a01006" else "101.2", "flag": "N"} for code in CODES}
        values["a21005"] = {"avg": "0.8", "flag": "N"}
        upload = Upload(mn, password, "2051", now - timedelta(minutes=n), values)
        (data,) = upload_frames(upload, now - timedelta(milliseconds=n))
        qn = data[9:26].decode()
        made.append(Sent(now, data, qn, True))
    return made


async def gateway(town: Installation, packets: int) -> float:
    """Seconds from the first byte sent to the last packet stored."""
    loggers = [site.logger for site in SITES if site.logger]
    passwords = town.secrets.logger_passwords(logger.mn for logger in loggers)
    batches = [frames(logger.mn, passwords[logger.mn], packets // len(loggers)) for logger in loggers]
    lines = [LoggerLine("127.0.0.1", town.gateway_port, window=200) for _ in loggers]
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(town.platform.mongo)
    stored, wanted = client.watchbill_assets.readings, sum(map(len, batches))
    started = time.perf_counter()
    await asyncio.gather(*(line.send_all(batch) for line, batch in zip(lines, batches, strict=True)))
    while await stored.count_documents({}) < wanted:
        await asyncio.sleep(0.02)
    took = time.perf_counter() - started
    await asyncio.gather(*(line.close() for line in lines))
    client.close()
    return took


async def bare(town: Installation, packets: int) -> float:
    """Seconds for the same number of records: getmany(500), parse, insert_many."""
    admin = AIOKafkaAdminClient(bootstrap_servers=town.platform.kafka)
    await admin.start()
    await admin.create_topics([NewTopic("bare", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=town.platform.kafka, linger_ms=5)
    await producer.start()
    values = {code: {"value": "20.5", "low": None, "high": None, "flag": "N"} for code in CODES}
    for n in range(packets):
        await producer.send("bare", json.dumps({"_id": f"r{n}", "values": values}).encode())
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=town.platform.kafka, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("bare", 0)])
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(town.platform.mongo)
    started, seen = time.perf_counter(), 0
    while seen < packets:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=500)).values():
            await client.bare.readings.insert_many([json.loads(record.value) for record in records], ordered=False)
            seen += len(records)
    took = time.perf_counter() - started
    await consumer.stop()
    client.close()
    return took


async def main(packets: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Installation(Place.of(Path(folder)), sinks=False, only=("assets",)) as town:
            token = town.secrets.token("installer", "administrator", "owner")
            async with httpx.AsyncClient(base_url=town.http["assets"], timeout=60) as client:
                headers = {"authorization": f"Bearer {token}"}
                (
                    await client.post("/v1/agreements", json=AGREEMENT.model_dump(mode="json"), headers=headers)
                ).raise_for_status()
                while not (await client.get("/v1/sites", headers=headers)).json():
                    await asyncio.sleep(0.05)
            ours, theirs = await gateway(town, packets), await bare(town, packets)
    ratio = theirs / ours
    print(f"gateway -> Kafka -> stored: {packets / ours:,.0f} packets/s of {len(CODES)} parameters")
    print(f"bare getmany + insert_many: {packets / theirs:,.0f} packets/s; ratio {ratio:.2f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8_000))
