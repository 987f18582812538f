"""The lookout: asks Kafka itself how far the streams go, and sees a consumer that hangs without a word."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from infra.runtime import bus, metrics
from infra.runtime.connections import kafka_options
from infra.runtime.feed import Feed
from infra.runtime.health import Health
from infra.runtime.settings import RuntimeSettings

LOOK_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
_KAFKA = "kafka"


class Lookout:
    """By a client of its own: what keeps a consumer from its records may keep it from every answer.

    A feed that has nothing in hand and gets nothing, though there are records ahead of it, is busy with nothing: after
    `STUCK_AFTER_SECONDS` of that it is stuck like a line that does not finish, and the watchdog ends the process.
    """

    def __init__(self, settings: RuntimeSettings, service: str, feeds: Sequence[Feed], health: Health) -> None:
        self._settings, self._service, self._feeds, self._health = settings, service, feeds, health
        self._pause_seconds = min(LOOK_SECONDS, settings.stuck_after_seconds / 4)
        self._heard: dict[str, int] = {}
        """How many records each feed had heard at the last look."""

    async def run(self) -> None:
        """Works for ever; with a new client after one that failed."""
        await asyncio.sleep(self._pause_seconds)
        while True:
            asker = AIOKafkaConsumer(**kafka_options(self._settings), enable_auto_commit=False)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await asker.start()
                await self._watch(asker)
            except (TimeoutError, KafkaError, OSError) as error:
                self._nothing_known(f"does not answer: {type(error).__name__}")
                await asyncio.sleep(_PAUSE_SECONDS)
            finally:
                await asker.stop()

    async def _watch(self, asker: AIOKafkaConsumer) -> None:
        while True:
            async with asyncio.timeout(LOOK_SECONDS):
                for feed in self._feeds:
                    await self._look(asker, feed)
            self._health.good(_KAFKA)
            await asyncio.sleep(self._pause_seconds)

    def _nothing_known(self, why: str) -> None:
        """A broker that is away explains every silence."""
        self._health.bad(_KAFKA, why, restart=False)
        for feed in self._feeds:
            self._health.idle(feed.name)

    async def _look(self, asker: AIOKafkaConsumer, feed: Feed) -> None:
        mine, heard = list(feed.assignment), feed.line.heard
        if not mine and not feed.is_in_group:  # it hangs on its way into the group, or the others hear them all
            streams = {f"{self._settings.streams}{topic}" for topic in feed.line.topics}
            mine = [where for where in await bus.partitions(self._settings) if where.topic in streams]
        ends, starts = await asker.end_offsets(mine), await asker.beginning_offsets(mine)
        if any(_ahead(heard, starts, ends).values()):  # unless another, who had this stream before, has heard it
            committed = await bus.committed(self._settings, self._service, feed.line.topics)
            heard = bus.furthest(heard, committed, await self._passed_over(feed))
        self._judge(feed, sum(offset + 1 for offset in heard.values()), _ahead(heard, starts, ends))

    async def _passed_over(self, feed: Feed) -> dict[str, int]:
        """The last offset behind it, of each of its streams: it may be a mark that is no record."""
        if not self._waits_for_records(feed):
            return {}
        return {f"{at.topic}/{at.partition}": await feed.position(at) - 1 for at in feed.assignment}

    def _judge(self, feed: Feed, heard: int, ahead: Mapping[str, int]) -> None:
        for topic, records in ahead.items():
            metrics.LAG.labels(self._service, topic).set(records)
        waiting = sum(ahead.values())
        if waiting and self._waits_for_records(feed) and heard == self._heard.get(feed.name):
            self._health.busy(feed.name)
        else:
            self._health.idle(feed.name)
        self._heard[feed.name] = heard

    def _waits_for_records(self, feed: Feed) -> bool:
        """What it was given has had its effect, and nothing keeps it from taking more."""
        line = feed.line.name
        return not (feed.is_closing or self._health.is_busy(line) or {line, feed.name} & self._health.faults.keys())


def _ahead(
    heard: Mapping[str, int], starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> dict[str, int]:
    """By topic, how many records lie ahead of what was heard."""
    ahead: dict[str, int] = defaultdict(int)
    for where, end in ends.items():
        next_one = max(heard.get(f"{where.topic}/{where.partition}", -1) + 1, starts[where])
        ahead[where.topic] += max(0, end - next_one)
    return ahead
