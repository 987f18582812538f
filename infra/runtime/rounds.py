"""Rounds: letters of all connections go to Kafka together, while those of the next round gather."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from infra.runtime.letters import Outgoing

_partition_of = DefaultPartitioner()
_KEYS_KEPT = 10_000


class Rounds:
    """A line for each partition: one whose leader is away holds up no other.

    `said`: the highest offset that Kafka has, by `topic/partition`.
    """

    def __init__(self, producer: AIOKafkaProducer, streams: str, said: dict[str, int]) -> None:
        self._producer, self._streams, self._said = producer, streams, said
        self._lines: dict[tuple[str, int], Line] = {}
        self._places: dict[tuple[str, bytes, int], int] = {}

    async def send(self, letters: Sequence[Outgoing]) -> None:
        """Returns when all replicas have them. Raises KafkaError where it is not known that they do."""
        shares = await self._shares(letters)
        for outcome in await asyncio.gather(
            *(self._line(*where).send(share) for where, share in shares.items()), return_exceptions=True
        ):
            if isinstance(outcome, BaseException):
                raise outcome

    def _line(self, topic: str, partition: int) -> Line:
        if (topic, partition) not in self._lines:
            self._lines[topic, partition] = Line(self._producer, topic, partition, self._said)
        return self._lines[topic, partition]

    async def _shares(self, letters: Sequence[Outgoing]) -> dict[tuple[str, int], list[Outgoing]]:
        """By topic and partition, in their order."""
        partitions: dict[str, list[int]] = {}
        shares: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for letter in letters:
            topic = self._streams + letter.topic
            if topic not in partitions:
                partitions[topic] = sorted(await self._producer.partitions_for(topic))
            shares[topic, self._place_of(topic, letter.key, partitions[topic])].append(letter)
        return shares

    def _place_of(self, topic: str, key: bytes, partitions: list[int]) -> int:
        """The partition that every other producer of ours gives this key."""
        place = self._places.get((topic, key, len(partitions)))
        if place is None:
            if len(self._places) >= _KEYS_KEPT:
                self._places.clear()
            place = self._places[topic, key, len(partitions)] = _partition_of(key, partitions, partitions)
        return place


class Line:
    """One round at a time: letters of one key keep the order in which they were given.

    Receipts are for whole batches: a record costs neither a future nor a look at the cluster's metadata.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str, partition: int, said: dict[str, int]) -> None:
        self._producer, self._topic, self._partition, self._said = producer, topic, partition, said
        self._gathered: list[Outgoing] = []
        self._next: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def send(self, letters: Sequence[Outgoing]) -> None:
        """Returns when the round that they go in is on all replicas."""
        self._gathered += letters
        if self._next is None:
            self._next = asyncio.create_task(self._round())
        await asyncio.shield(self._next)

    async def _round(self) -> None:
        async with self._turn:
            letters, self._gathered, self._next = self._gathered, [], None
            receipts: list[Awaitable[None]] = []
            try:
                await self._post_all(letters, receipts)
            finally:
                outcomes = await asyncio.gather(*receipts, return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome

    async def _post_all(self, letters: Sequence[Outgoing], receipts: list[Awaitable[None]]) -> None:
        """As few batches as they fit into, each behind the one before it; their receipts, also where it breaks off."""
        batch = self._producer.create_batch()
        for letter in letters:
            if not _holds(batch, letter):
                receipts.append(await self._post(batch))
                batch = self._producer.create_batch()
                if not _holds(batch, letter):
                    raise ValueError(f"letter {letter.id} fits into no batch")
        receipts.append(await self._post(batch))

    async def _post(self, batch: BatchBuilder) -> Awaitable[None]:
        posted = await self._producer.send_batch(batch, self._topic, partition=self._partition)
        return self._noted(posted, batch.record_count())

    async def _noted(self, posted: asyncio.Future[RecordMetadata], count: int) -> None:
        receipt = await posted
        where = f"{receipt.topic}/{receipt.partition}"
        self._said[where] = max(self._said.get(where, -1), receipt.offset + count - 1)


def _holds(batch: BatchBuilder, letter: Outgoing) -> bool:
    """Puts a letter into a batch; False where it is full."""
    appended = batch.append(timestamp=None, key=letter.key, value=letter.value, headers=list(letter.headers))
    return appended is not None
