"""The broker: whether it answers, whether the streams are made as they have to be, and what time it has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts.events.catalog import TOPICS
from infra.runtime.connections import kafka_options
from infra.runtime.letters import EVENT_BYTES_MAX
from infra.runtime.settings import RuntimeSettings
from watchbill.commands.doctor.asking import SECONDS, Asking, ahead
from watchbill.commands.doctor.finding import Finding, bad, ok, warn

RETENTION = timedelta(days=7)
_CONFIGS = {"max.message.bytes": None, "retention.ms": None, "cleanup.policy": None, "min.insync.replicas": None}


@dataclass(frozen=True)
class Stream:
    """A topic as the broker describes it. `parts`: by partition its replicas, and those that keep up."""

    name: str
    parts: Mapping[int, tuple[int, int]]
    config: Mapping[str, str]

    @cached_property
    def behind(self) -> list[int]:
        """Partitions of which a replica does not keep up."""
        return [part for part, (replicas, in_sync) in self.parts.items() if in_sync < replicas]

    @property
    def replicas(self) -> int:
        """Copies of what is written."""
        return min((replicas for replicas, _ in self.parts.values()), default=0)


def check_kafka(asking: Asking) -> Iterator[Finding]:
    """The broker answers and has every stream, each as it has to be."""
    servers, log = asking.addresses.kafka, asking.addresses.place.log("kafka")
    try:
        brokers, streams = asyncio.run(_look(asking.settings))
    except Exception as error:
        found = (f"Kafka（{servers}）没有应答", f"Kafka ({servers}) does not answer: {type(error).__name__}")
        yield bad("kafka", found, (f"查看日志 {log}", f"see {log}"))
        return
    prefix = asking.settings.streams
    missing = sorted({f"{prefix}{topic}" for topic in TOPICS} - streams.keys())
    if missing:
        named = ", ".join(missing)
        todo = (
            "重启任一服务，启动时会创建；启用权限时由安装者创建（infra/deploy/README.md）",
            "start a service again: it makes them; where rights are in force the owner does (infra/deploy/README.md)",
        )
        yield bad("kafka", (f"Kafka 缺少主题：{named}", f"Kafka lacks the topics {named}"), todo, missing=missing)
    else:
        number = len(TOPICS)
        yield ok(
            "kafka", f"Kafka 正常，{brokers} 个节点，{number} 个主题齐全", f"{brokers} brokers, all {number} topics"
        )
    yield from _made_right(list(streams.values()), brokers)


def _made_right(streams: list[Stream], brokers: int) -> Iterator[Finding]:
    wrong = [finding for stream in streams for finding in judged(stream, brokers)]
    yield from wrong
    if streams and not wrong:
        said = ", ".join(f"{one.name} {len(one.parts)}×{one.replicas}" for one in streams)
        yield ok("topics", f"主题（分区×副本）：{said}", f"topics (partitions × replicas): {said}")


def judged(stream: Stream, brokers: int) -> Iterator[Finding]:
    """What is wrong with a stream. Pure."""
    name, config, data = stream.name, stream.config, {"topic": stream.name}
    change = f"kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config"
    if stream.behind:
        found = (f"主题 {name} 有副本落后：分区 {stream.behind}", f"{name}: replicas lag on {stream.behind}")
        yield bad("topics", found, ("检查各 Kafka 节点", "look at the brokers"), **data)
    if int(config["max.message.bytes"]) < EVENT_BYTES_MAX:
        found = (f"主题 {name} 的消息上限过小", f"{name} takes no message of {EVENT_BYTES_MAX:,} bytes")
        mend = f"{change} max.message.bytes={EVENT_BYTES_MAX + 100_000}"
        yield bad("topics", found, (mend, mend), **data)
    if config["cleanup.policy"] != "delete":
        found = (f"主题 {name} 会压缩掉事件", f"{name} compacts events away: {config['cleanup.policy']}")
        yield bad("topics", found, (f"{change} cleanup.policy=delete",) * 2, **data)
    if 0 <= int(config["retention.ms"]) < RETENTION / timedelta(milliseconds=1):
        found = (f"主题 {name} 保留不足 7 天", f"{name} keeps events for less than seven days")
        todo = (
            f"停机更久的服务会漏听；{change} retention.ms=604800000",
            f"a service that stands still longer misses some: {change} retention.ms=604800000",
        )
        yield warn("topics", found, todo, **data)
    if brokers > 1 and stream.replicas < 2:
        found = (f"主题 {name} 只有一个副本", f"{name} has one replica only")
        todo = ("用 kafka-reassign-partitions.sh 增加副本", "add replicas by kafka-reassign-partitions.sh")
        yield warn("topics", found, todo, **data)


async def _look(settings: RuntimeSettings) -> tuple[int, dict[str, Stream]]:
    async with asyncio.timeout(2 * SECONDS):
        admin = AIOKafkaAdminClient(**kafka_options(settings), request_timeout_ms=int(SECONDS * 1000))
        try:
            await admin.start()
            brokers = len((await admin.describe_cluster())["brokers"])
            wanted = sorted({f"{settings.streams}{topic}" for topic in TOPICS} & set(await admin.list_topics()))
            if not wanted:
                return brokers, {}
            described = await admin.describe_topics(wanted)
            asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict(_CONFIGS)) for name in wanted]
            configs = await admin.describe_configs(asked)
        finally:
            await admin.close()
    known = {one[3]: {entry[0]: entry[1] for entry in one[4]} for answer in configs for one in answer.resources}
    return brokers, {one["topic"]: Stream(one["topic"], _parts(one), known[one["topic"]]) for one in described}


def _parts(topic: Mapping[str, Any]) -> dict[int, tuple[int, int]]:
    return {one["partition"]: (len(one["replicas"]), len(one["isr"])) for one in topic["partitions"]}


async def clock_ahead(settings: RuntimeSettings) -> timedelta:
    """How far the broker's clock is before ours, by the stamp that it puts on a record of a topic made for it."""
    admin = AIOKafkaAdminClient(**kafka_options(settings), request_timeout_ms=int(SECONDS * 1000))
    name = f"{settings.streams}doctor"
    stamped = {"message.timestamp.type": "LogAppendTime", "retention.ms": "60000"}
    async with asyncio.timeout(4 * SECONDS):
        await admin.start()
        try:
            answer = await admin.create_topics([NewTopic(name, 1, settings.kafka_replicas, topic_configs=stamped)])
            if code := next((code for _, code, *_ in answer.topic_errors if code not in (0, 36)), 0):
                raise PermissionError(f"Kafka's error {code} on making the topic {name}")
            async with AIOKafkaProducer(**kafka_options(settings)) as producer:
                await producer.send_and_wait(name, b"what time is it?")
                before = datetime.now(UTC)
                sent = await producer.send_and_wait(name, b"what time is it?")
                after = datetime.now(UTC)
        finally:
            await admin.delete_topics([name])
            await admin.close()
    return ahead(datetime.fromtimestamp(sent.timestamp / 1000, UTC), before, after)
