"""The bus: one batch subscriber of FastStream per stream, which hands raw records on to the line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from contracts.events.catalog import OWNERS, TOPICS
from infra.runtime.connections import kafka_options, kafka_security
from infra.runtime.ears import Ears
from infra.runtime.feed import Feed
from infra.runtime.health import Health
from infra.runtime.letters import EVENT_BYTES_MAX
from infra.runtime.line import Line
from infra.runtime.members import Members
from infra.runtime.settings import RuntimeSettings

_TOPIC_EXISTS = 36
_FIRST = "agreements"
_MESSAGE_BYTES_MAX = EVENT_BYTES_MAX + 100_000
_BATCH_BYTES_MAX = 512 * 1024
"""What waits for one partition goes in one request, not in pieces of aiokafka's 16 KiB, one request after another."""
_LOGGER = logging.getLogger("faststream")
_LOGGER.setLevel(logging.WARNING)  # a line for each batch says nothing that our own lines do not


async def ensure_topics(settings: RuntimeSettings) -> None:
    """Creates the streams that are not there yet; no stream is ever made by a misspelt name."""
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()
    try:
        missing = {f"{settings.streams}{topic}" for topic in TOPICS} - set(await admin.list_topics())
        takes = {"max.message.bytes": str(_MESSAGE_BYTES_MAX)}
        wanted = [
            NewTopic(name, settings.kafka_partitions, settings.kafka_replicas, topic_configs=takes)
            for name in sorted(missing)
        ]
        if not wanted:
            return
        answer = await admin.create_topics(wanted)
        for topic, code, *message in answer.topic_errors:
            if code not in (0, _TOPIC_EXISTS):
                raise ConnectionError(f"Kafka refused topic {topic}: error {code} {message}")
    finally:
        await admin.close()


def new_producer(settings: RuntimeSettings, service: str) -> AIOKafkaProducer:
    """An idempotent producer that counts a record as sent when all replicas have it. A service that says nothing has
    no right to write, and a broker that asks would not let it be idempotent either."""
    return AIOKafkaProducer(
        **kafka_options(settings),
        client_id=f"watchbill-{service}-{settings.instance}",
        acks="all",
        enable_idempotence=bool(OWNERS.get(service, True)),
        linger_ms=0,
        max_batch_size=_BATCH_BYTES_MAX,
        request_timeout_ms=30_000,
        max_request_size=_MESSAGE_BYTES_MAX,
    )


def lines_of(topics: Sequence[str]) -> list[tuple[str, ...]]:
    """The streams that share a consumer: agreements by themselves, for the others may have to wait for one.

    An idle consumer costs about 2 % of a core, whatever it listens to: two for a service, not one for a stream.
    """
    others = tuple(topic for topic in topics if topic != _FIRST)
    return [line for line in ((_FIRST,) if _FIRST in topics else (), others) if line]


class Bus:
    """The subscribers of one service: a feed for each of its lines."""

    def __init__(
        self,
        settings: RuntimeSettings,
        ears: Ears,
        lines: Sequence[Line],
        health: Health,
        members: Members | None = None,
    ) -> None:
        self.broker = KafkaBroker(
            settings.brokers,
            apply_types=False,
            client_id=f"watchbill-{ears.service}",
            logger=_LOGGER,
            security=kafka_security(settings),
            allow_auto_create_topics=False,
        )
        self.feeds = [Feed(line, health, settings.batch_max_records, members=members) for line in lines]
        for line, feed in zip(lines, self.feeds, strict=True):
            self._subscribe(settings, ears, line, feed)

    async def start(self) -> None:
        """Joins the groups; records flow from here on."""
        await self.broker.start()

    async def stop(self) -> None:
        """Takes no more, finishes what was taken, leaves."""
        await asyncio.gather(*(feed.close() for feed in self.feeds))
        await self.broker.stop()

    def _subscribe(self, settings: RuntimeSettings, ears: Ears, line: Line, feed: Feed) -> None:
        async def take(message: Any) -> None:
            await feed.take(message)

        take.__annotations__["message"] = list[Union[ears.events_on(line.topics)]]  # type: ignore[misc]  # for AsyncAPI
        subscriber = self.broker.subscriber(
            *(f"{settings.streams}{topic}" for topic in line.topics),
            batch=True,
            group_id=group_of(settings, ears.service, line.topics),
            group_instance_id=f"{ears.service}.{line.topics[0]}.{settings.instance}",
            auto_offset_reset="earliest",
            listener=feed,
            max_poll_interval_ms=int(settings.max_poll_seconds * 1000),
            ack_policy=AckPolicy.MANUAL,
            parser=_raw_records,
            decoder=_undecoded,
            title=f"{ears.service}: {', '.join(line.topics)}",
        )
        subscriber.get_msg = feed.poll  # type: ignore[method-assign]
        subscriber(take)


def group_of(settings: RuntimeSettings, service: str, topics: Sequence[str]) -> str:
    """The consumer group of a line. Lines have groups of their own: one that joins does not stop the other."""
    return f"{settings.database_prefix}.{service}.{topics[0]}"


@dataclass(frozen=True)
class _Blank:
    """Stands in for a batch in FastStream's parser, which a header that is not UTF-8 would break."""

    topic: str
    offset: int
    timestamp: int
    headers: tuple[()] = ()
    value: bytes = b""


async def _raw_records(records: Any, original: Any) -> Any:
    message = await original((_Blank(records[0].topic, records[0].offset, records[0].timestamp),))
    message.raw_message = records
    return message


async def _undecoded(message: Any) -> Any:
    return message


async def committed(settings: RuntimeSettings, service: str, topics: Sequence[str]) -> dict[str, int]:
    """The highest offset that a line has acknowledged, by `topic/partition`."""
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group_of(settings, service, topics))
    finally:
        await admin.close()
    return {f"{at.topic}/{at.partition}": meta.offset - 1 for at, meta in offsets.items() if meta.offset >= 0}


def furthest(*positions: Mapping[str, int]) -> dict[str, int]:
    """Of several positions, the highest offset by `topic/partition`: what a service's processes heard together."""
    places = {where for position in positions for where in position}
    return {where: max(position.get(where, -1) for position in positions) for where in places}


async def partitions(settings: RuntimeSettings) -> list[TopicPartition]:
    """All streams there are, in their parts."""
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()
    try:
        topics = await admin.describe_topics([f"{settings.streams}{topic}" for topic in TOPICS])
    finally:
        await admin.close()
    return [TopicPartition(topic["topic"], part["partition"]) for topic in topics for part in topic["partitions"]]


async def ends(settings: RuntimeSettings) -> dict[str, int]:
    """The highest offset there is, by `topic/partition`, over all streams."""
    where = await partitions(settings)
    if not where:
        return {}
    consumer = AIOKafkaConsumer(**kafka_options(settings), enable_auto_commit=False)
    await consumer.start()
    try:
        offsets = await consumer.end_offsets(where)
    finally:
        await consumer.stop()
    return {f"{at.topic}/{at.partition}": offset - 1 for at, offset in offsets.items()}
