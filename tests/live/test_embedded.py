"""The embedded broker and database, for real: starts, crashes, second starts, and errors in plain words."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from pymongo import AsyncMongoClient

from infra.local import jars, kafka, training
from infra.local.embedded import Embedded
from infra.local.leash import leashed
from infra.local.place import Place
from infra.local.ports import LOOPBACK, Ports
from infra.local.trouble import Trouble

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]
CENTURY = 36_525 * 86_400_000


@dataclass(frozen=True)
class Addresses:
    kafka: str
    mongo: str


async def make_topic(at: Any, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=at.kafka)
    await admin.start()
    answer = await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    assert [error[1] for error in answer.topic_errors] == [0]


async def say(at: Any, topic: str, *values: bytes, timestamp_ms: int | None = None) -> None:
    async with AIOKafkaProducer(bootstrap_servers=at.kafka, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value, timestamp_ms=timestamp_ms)


async def heard(at: Any, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=at.kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    async with consumer:
        consumer.assign([TopicPartition(topic, 0)])
        return [(await consumer.getone()).value for _ in range(count)]


async def write(at: Any, *ids: str) -> None:
    """In one transaction, as the ledger does."""
    async with AsyncMongoClient[dict[str, Any]](at.mongo) as client:
        stations = client["town"]["stations"]
        await stations.insert_one({"_id": f"{ids[0]}-first"})
        async with client.start_session() as session, await session.start_transaction():
            await stations.insert_many([{"_id": name} for name in ids], session=session)


async def read(at: Any) -> list[str]:
    async with AsyncMongoClient[dict[str, Any]](at.mongo) as client:
        return [row["_id"] async for row in client["town"]["stations"].find().sort("_id")]


def pids(platform: Embedded) -> list[int]:
    return [seen.pid for seen in platform.children.states() if seen.pid]


async def test_second_start_loses_nothing(tmp_path: Path) -> None:
    place = Place.of(tmp_path / "数据 目录")
    async with Embedded(place) as first:
        await make_topic(first, "readings")
        await say(first, "readings", b"one", b"two")
        await write(first, "S01", "S02")
    async with Embedded(place) as second:
        assert (second.kafka, second.mongo) == (first.kafka, first.mongo)
        assert await heard(second, "readings", 2) == [b"one", b"two"]
        assert await read(second) == ["S01", "S01-first", "S02"]


async def test_killed_servers_come_back_with_data(tmp_path: Path) -> None:
    async with Embedded(Place.of(tmp_path)) as platform:
        before = pids(platform)
        await make_topic(platform, "readings")
        await say(platform, "readings", b"before")
        await write(platform, "S01")
        for name in ("kafka", "mongo"):
            platform.children.kill(name)
        for name in ("kafka", "mongo"):
            await platform.children.until_ready(name)
        await say(platform, "readings", b"after")
        await write(platform, "S02")
        assert await heard(platform, "readings", 2) == [b"before", b"after"]
        assert await read(platform) == ["S01", "S01-first", "S02", "S02-first"]
        assert platform.children.restart_count == 2 and not set(before) & set(pids(platform))


async def test_moved_ports_keep_the_data(tmp_path: Path) -> None:
    place = Place.of(tmp_path)
    async with Embedded(place) as first:
        await make_topic(first, "readings")
        await say(first, "readings", b"one")
        await write(first, "S01")
    with contextlib.ExitStack() as strangers:
        for port in Ports(place.ports).known().values():
            with contextlib.suppress(OSError):  # a test beside this one may have been quicker: a stranger as well
                strangers.enter_context(socket.create_server((LOOPBACK, port)))
        async with Embedded(place) as second:
            assert second.kafka != first.kafka and second.mongo != first.mongo
            assert await heard(second, "readings", 1) == [b"one"]
            assert await read(second) == ["S01", "S01-first"]


async def test_stop_leaves_no_process(tmp_path: Path) -> None:
    async with Embedded(Place.of(tmp_path)) as platform:
        running = pids(platform)
        assert len(running) == 2
    assert not any(psutil.pid_exists(pid) for pid in running)


async def test_second_up_names_the_first(platform: Addresses, tmp_path: Path) -> None:
    place = Place.of(platform.data)  # type: ignore[attr-defined]
    with pytest.raises(Trouble) as caught:
        await Embedded(place).start()
    holder = place.lock.read_text()
    assert f"正被进程 {holder} 使用" in caught.value.zh and f"in use by process {holder}" in caught.value.en
    assert psutil.Process(int(holder)).is_running()


@pytest.mark.parametrize("name", ["kafka", "mongo"])
async def test_taken_port_is_named(tmp_path: Path, name: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(Trouble) as caught:
            await Embedded(Place.of(tmp_path), **{f"{name}_port": port}).start()
    assert f"{name} 需要的端口 {port}" in caught.value.zh and f"Port {port}, wanted for {name}" in caught.value.en
    with Place.of(tmp_path).claim():  # the folder is free again
        pass


async def test_port_lost_at_start_is_named(tmp_path: Path) -> None:
    """The port is taken between the choice and the server's own bind."""
    java = await asyncio.to_thread(kafka.java)
    book = Ports(tmp_path / "ports.json")
    port = book.pick("kafka")
    kafka.write_properties(tmp_path, port, book.pick("kafka-controller"))
    await kafka.format_storage(java, tmp_path, tmp_path / "log")
    broker = kafka.broker(java, tmp_path, tmp_path / "log", port)
    with socket.create_server((LOOPBACK, port)), pytest.raises(Trouble) as caught:
        await Embedded(Place.of(tmp_path / "data")).children.add(broker)
    assert f"端口 {port} 已被占用" in caught.value.zh


async def test_unknown_topic_is_not_made(platform: Addresses) -> None:
    async with AIOKafkaProducer(bootstrap_servers=platform.kafka, request_timeout_ms=2_000) as producer:
        with pytest.raises(KafkaError):
            await producer.send_and_wait("raedings", b"a typing error")


async def test_moved_clock_may_stamp_records(platform: Addresses) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    await make_topic(platform, "moved-clock")
    await say(platform, "moved-clock", b"past", timestamp_ms=now - CENTURY // 2)
    await say(platform, "moved-clock", b"future", timestamp_ms=now + CENTURY)
    assert await heard(platform, "moved-clock", 2) == [b"past", b"future"]


def test_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.local.embedded", "--data", str(tmp_path)]
    parent = subprocess.Popen(leashed(command), cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline()
    children = psutil.Process(parent.pid).children(recursive=True)
    assert {child.name() for child in children} == {"java", "mongod"}
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


async def test_training_makes_a_cache_that_works(tmp_path: Path) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "kafka"
    (cache / "jars").mkdir(parents=True)
    for jar in (await asyncio.to_thread(kafka.java)).jars:
        os.link(jar, cache / "jars" / jar.name)
    java = await asyncio.to_thread(kafka.java, cache)
    await training.train(java, delay_seconds=0.0)
    assert java.aot.exists() and not (cache / "training").exists()
    kafka.write_properties(folder, 1, 2)
    await kafka.format_storage(java, folder, tmp_path / "log")
    loud = java.command("kafka.Kafka", "--version")
    loud[1:1] = ["-XX:AOTMode=on"]  # fails if the cache does not fit
    assert await kafka.run(loud, java, folder, tmp_path / "log") == 0
    assert jars.lock_digest() in java.aot.name
