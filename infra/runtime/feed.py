"""A feed: one consumer's way through its streams, a batch at a time, and where it has got to."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from infra.runtime.health import Health
from infra.runtime.letters import open_record
from infra.runtime.line import Line

log = structlog.get_logger()
COMMIT_SECONDS = 1.0
CLOSE_SECONDS = 8.0
LOOK_SECONDS = 5.0
GATHER_SECONDS = 0.008
_POLL_MS = 1000
_FEW = 2
Found = dict[TopicPartition, list[Any]]


class Feed:
    """The next batch is asked for only when the last has had its effect, so the consumer's position is then all heard.

    The position is committed at most once a second, and at the end: a crash repeats that second, and the inbox drops
    the repeats.
    """

    def __init__(self, line: Line, health: Health, max_records: int) -> None:
        self._line, self._health, self._max_records = line, health, max_records
        self.name = f"feed {','.join(line.topics)}"
        self._consumer: AIOKafkaConsumer | None = None
        self._idle = asyncio.Event()
        self._is_closing = self._is_ahead = False
        self._committed_at = self._looked_at = monotonic()

    async def poll(self, consumer: AIOKafkaConsumer) -> tuple[Any, ...]:
        """Waits for records, which end the wait at once (FastStream's own poll sleeps as long again after none)."""
        self._consumer = consumer
        self._idle.set()
        if self._is_closing:
            await asyncio.Event().wait()
        if monotonic() - self._committed_at >= COMMIT_SECONDS:
            await self._commit(consumer)
        try:
            found = await consumer.getmany(timeout_ms=_POLL_MS, max_records=self._max_records)
            if not found:
                await self._look(consumer)
                return ()
        except KafkaError as error:
            self._health.bad(self.name, f"cannot hear: {type(error).__name__}: {error}", restart=False)
            raise
        self._health.good(self.name)
        if self._is_closing:  # fetched, not heard: the position must not be committed any more
            self._is_ahead = False
            return ()
        self._idle.clear()
        self._is_ahead = True
        found = await self._with_more(consumer, found)
        return tuple(record for records in found.values() for record in records)

    async def _with_more(self, consumer: AIOKafkaConsumer, found: Found) -> Found:
        """What is there; where more is on its way, that too: a page costs as much as a dozen records on it."""
        while _FEW < (count := sum(map(len, found.values()))) < self._max_records // 2:
            await asyncio.sleep(GATHER_SECONDS)
            try:
                more = await consumer.getmany(timeout_ms=0, max_records=self._max_records - count)
            except KafkaError:  # the next poll meets it again; what was fetched must be heard first
                break
            if not more:
                break
            found = {where: [*found.get(where, ()), *more.get(where, ())] for where in {**found, **more}}
        return found

    async def take(self, message: Any) -> None:
        """Never raises: FastStream would skip the batch."""
        await self._line.handle([open_record(record) for record in message.raw_message])

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        """Silence may be Kafka's own: a poll that finds nothing does not fail when no broker is there."""
        if monotonic() - self._looked_at < LOOK_SECONDS:
            return
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await consumer.topics()
        except (TimeoutError, KafkaError) as error:
            self._health.bad(self.name, f"Kafka does not answer: {type(error).__name__}", restart=False)
        else:
            self._health.good(self.name)
        self._looked_at = monotonic()

    async def close(self) -> None:
        """Takes no more, finishes what it has, commits."""
        self._is_closing = True
        if self._consumer is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._idle.wait()
                await self._commit(self._consumer)

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        if not self._is_ahead:
            return
        self._committed_at = monotonic()
        try:
            async with asyncio.timeout(LOOK_SECONDS):  # aiokafka would try for ever, and nothing be heard meanwhile
                await consumer.commit()
            self._is_ahead = False
        except (TimeoutError, KafkaError) as error:
            log.warning("position not committed", line=self._line.name, error=f"{type(error).__name__}: {error}")
