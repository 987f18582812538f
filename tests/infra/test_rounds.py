"""Rounds: letters of many connections in few batches, in order, and nobody is told before Kafka has them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata, TopicPartition

from infra.runtime.letters import Outgoing
from infra.runtime.rounds import Rounds


class Batch(BatchBuilder):
    """A batch that remembers its values."""

    def __init__(self, size: int) -> None:
        super().__init__(size, 0)
        self.values: list[bytes] = []

    def append(self, *, value: bytes, **rest: Any) -> Any:
        appended = super().append(value=value, **rest)
        if appended is not None:
            self.values.append(value)
        return appended


class Kafka:
    """A producer whose batches wait until they are taken or refused."""

    def __init__(self, size: int = 100_000) -> None:
        self.size = size
        self.sent: list[tuple[str, int, Batch, asyncio.Future[RecordMetadata]]] = []
        self.takes_no_more_than = 1_000
        self._offset = 0

    async def partitions_for(self, topic: str) -> set[int]:
        return {0, 1, 2, 3}

    def create_batch(self) -> Batch:
        return Batch(self.size)

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        if len(self.sent) >= self.takes_no_more_than:
            raise KafkaTimeoutError
        posted: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        self.sent.append((topic, partition, batch, posted))
        return posted

    def take(self) -> None:
        """All that waits is on all replicas."""
        for topic, partition, batch, posted in self.sent:
            if not posted.done():
                where = TopicPartition(topic, partition)
                posted.set_result(RecordMetadata(topic, partition, where, self._offset, 0, 0, 0))
                self._offset += batch.record_count()

    def refuse(self) -> None:
        for *_, posted in self.sent:
            if not posted.done():
                posted.set_exception(KafkaTimeoutError())


def letter(n: int, key: bytes = b"s1", size: int = 10) -> Outgoing:
    return Outgoing(f"id-{n}", "readings", key, str(n).encode().ljust(size), (("ce_id", f"id-{n}".encode()),))


def rounds_of(kafka: Kafka) -> tuple[Rounds, dict[str, int]]:
    said: dict[str, int] = {}
    return Rounds(cast(AIOKafkaProducer, kafka), "town.", said), said


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_who_come_together_go_together() -> None:
    kafka = Kafka()
    rounds, said = rounds_of(kafka)
    senders = [asyncio.create_task(rounds.send([letter(n), letter(n + 1)])) for n in (0, 2, 4)]
    await turn()
    ((topic, partition, batch, _),) = kafka.sent
    assert [int(value) for value in batch.values] == [0, 1, 2, 3, 4, 5] and topic == "town.readings"
    assert not any(sender.done() for sender in senders)
    kafka.take()
    await asyncio.gather(*senders)
    assert said == {f"town.readings/{partition}": 5}


async def test_next_round_waits_for_the_one_before() -> None:
    kafka = Kafka()
    rounds, _ = rounds_of(kafka)
    first = asyncio.create_task(rounds.send([letter(1)]))
    await turn()
    second = asyncio.create_task(rounds.send([letter(2)]))
    await turn()
    assert len(kafka.sent) == 1
    kafka.take()
    await turn()
    assert first.done() and len(kafka.sent) == 2 and not second.done()
    kafka.take()
    await second


async def test_nobody_of_a_failed_round_is_told_it_went_well() -> None:
    kafka = Kafka()
    rounds, said = rounds_of(kafka)
    senders = [asyncio.create_task(rounds.send([letter(n)])) for n in range(3)]
    await turn()
    kafka.refuse()
    outcomes = await asyncio.gather(*senders, return_exceptions=True)
    assert all(isinstance(outcome, KafkaError) for outcome in outcomes) and said == {}
    again = asyncio.create_task(rounds.send([letter(3)]))
    await turn()
    kafka.take()
    await again


async def test_one_who_gives_up_takes_nobody_along() -> None:
    kafka = Kafka()
    rounds, _ = rounds_of(kafka)
    first, second = (asyncio.create_task(rounds.send([letter(n)])) for n in range(2))
    await turn()
    first.cancel()
    kafka.take()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_what_does_not_fit_follows_in_order() -> None:
    kafka = Kafka(size=1_000)
    rounds, said = rounds_of(kafka)
    sender = asyncio.create_task(rounds.send([letter(n, size=400) for n in range(5)]))
    await turn()
    assert [[int(value) for value in batch.values] for *_, batch, _ in kafka.sent] == [[0, 1], [2, 3], [4]]
    kafka.take()
    await sender
    assert list(said.values()) == [4]


@pytest.mark.parametrize("is_taken", [True, False])
async def test_round_that_breaks_off_awaits_its_receipts(is_taken: bool) -> None:
    """What was posted before is known to be there, or not, before anybody is told and the next round begins."""
    kafka = Kafka(size=1_000)
    kafka.takes_no_more_than = 2
    rounds, said = rounds_of(kafka)
    sender = asyncio.create_task(rounds.send([letter(n, size=400) for n in range(5)]))
    await turn()
    assert len(kafka.sent) == 2 and not sender.done()
    kafka.take() if is_taken else kafka.refuse()
    with pytest.raises(KafkaError):
        await sender
    assert list(said.values()) == ([3] if is_taken else [])


async def test_a_key_goes_where_every_producer_sends_it() -> None:
    kafka = Kafka()
    rounds, _ = rounds_of(kafka)
    keys = [f"station-{n}".encode() for n in range(50)]
    sender = asyncio.create_task(rounds.send([letter(n, key) for n, key in enumerate(keys)]))
    await turn()
    found = {int(value): partition for _, partition, batch, _ in kafka.sent for value in batch.values}
    kafka.take()
    await sender
    partitions = [0, 1, 2, 3]
    assert [found[n] for n in range(50)] == [DefaultPartitioner()(key, partitions, partitions) for key in keys]


async def test_partition_without_a_leader_holds_up_no_other() -> None:
    kafka = Kafka()
    rounds, _ = rounds_of(kafka)
    senders = {n: asyncio.create_task(rounds.send([letter(n, f"station-{n}".encode())])) for n in range(50)}
    await turn()
    away = [batch for _, partition, batch, _ in kafka.sent if partition == 0]
    kafka.sent = [one for one in kafka.sent if one[1] != 0]
    kafka.take()
    await turn()
    waiting = {n for n, sender in senders.items() if not sender.done()}
    assert waiting == {int(value) for batch in away for value in batch.values} and 0 < len(waiting) < 50
    for sender in senders.values():
        sender.cancel()
