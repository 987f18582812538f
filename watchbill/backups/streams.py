"""What was said on the streams and not heard by everybody yet."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from infra.deploy.asyncapi import rooms
from infra.runtime import bus
from infra.runtime.connections import kafka_options
from infra.runtime.settings import RuntimeSettings
from watchbill.backups.shelf import Shelf, Unfit

KIND = "streams"
Stretch = Mapping[TopicPartition, tuple[int, int]]


async def unheard(settings: RuntimeSettings) -> Stretch:
    """By stream: the first offset that somebody who hears it has not acknowledged, and the end."""
    ends = await bus.ends(settings)
    positions = [
        ({settings.streams + topic for topic in topics}, await bus.committed(settings, room.name, topics))
        for room in rooms()
        for topics in bus.lines_of(room.ears.topics)
    ]
    found = {}
    for where, end in ends.items():
        topic, _, partition = where.rpartition("/")
        hearers = [heard.get(where, -1) for topics, heard in positions if topic in topics]
        found[TopicPartition(topic, int(partition))] = (min(hearers, default=end) + 1, end + 1)
    return found


async def keep(settings: RuntimeSettings, stretch: Stretch, shelf: Shelf) -> int:
    """Writes the records of these stretches to the shelf; returns how many."""
    records: dict[str, list[dict[str, Any]]] = {where.topic: [] for where in stretch}
    wanted = {where: (start, end) for where, (start, end) in stretch.items() if start < end}
    if not wanted:
        return 0
    consumer = AIOKafkaConsumer(**kafka_options(settings), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(list(wanted))
        for where, (start, _) in wanted.items():
            consumer.seek(where, start)
        while any([await consumer.position(where) < end for where, (_, end) in wanted.items()]):
            for where, found in (await consumer.getmany(timeout_ms=500)).items():
                records[where.topic] += [_document(record) for record in found if record.offset < wanted[where][1]]
    finally:
        await consumer.stop()
    return sum(shelf.write(KIND, "", topic.removeprefix(settings.streams), found) for topic, found in records.items())


async def check_fit(settings: RuntimeSettings, parts: int) -> None:
    """`Unfit` where a stream holds anything, or is not in so many parts: each key then had its order on another."""
    ends = await bus.ends(settings)
    for topic, found in Counter(where.rpartition("/")[0] for where in ends).items():
        if found != parts:
            raise Unfit(
                f"主题 {topic} 有 {found} 个分区，备份要求 {parts} 个",
                f"Topic {topic} has {found} partitions, the backup is of {parts}",
            )
    if held := sorted(where for where, end in ends.items() if end >= 0):
        raise Unfit(
            f"主题已有记录（{held[0]}），只能恢复到空的系统",
            f"Streams hold records ({held[0]}): only an empty installation can be restored into",
        )


async def give(settings: RuntimeSettings, shelf: Shelf) -> int:
    """Says the kept records again, each on its partition, in their order; returns how many."""
    count = 0
    async with AIOKafkaProducer(**kafka_options(settings), acks="all", enable_idempotence=True) as producer:
        for _, topic in shelf.names(KIND):
            sent = [
                await producer.send(settings.streams + topic, **_record(one)) for one in shelf.read(KIND, "", topic)
            ]
            count += len(await asyncio.gather(*sent))
    return count


def _document(record: Any) -> dict[str, Any]:
    headers = [[name, value] for name, value in record.headers or ()]
    names = ("partition", "key", "value", "timestamp")
    return {**{name: getattr(record, name) for name in names}, "headers": headers}


def _record(document: Mapping[str, Any]) -> dict[str, Any]:
    headers = [(str(name), bytes(value)) for name, value in document["headers"]]
    names = ("partition", "key", "value")
    return {**{name: document[name] for name in names}, "timestamp_ms": document["timestamp"], "headers": headers}
