"""The bare loop of the chain: three consumers that send on what they hear. `python -m tests.bench.bare_chain KAFKA`."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

TOPICS = ("bare-0", "bare-1", "bare-2", "bare-3")


async def hop(servers: str, hears: str, says: str) -> None:
    consumer = AIOKafkaConsumer(hears, bootstrap_servers=servers, auto_offset_reset="earliest")
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True) as producer, consumer:
        while True:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=500)).values():
                for receipt in [await producer.send(says, record.value, key=record.key) for record in records]:
                    await receipt


async def main(servers: str) -> None:
    await asyncio.gather(*(hop(servers, *pair) for pair in zip(TOPICS, TOPICS[1:], strict=False)))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
