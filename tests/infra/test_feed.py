"""A feed hands on all that it fetched and commits nothing unheard: against a consumer that plays a script."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from infra.runtime.feed import Feed
from infra.runtime.health import Health
from infra.runtime.line import Line

HERE, THERE = TopicPartition("a", 0), TopicPartition("a", 1)
Fetched = dict[TopicPartition, list[int]]


class Scripted:
    """Gives what its script says, then nothing; `committed`: how many records had been fetched at each commit."""

    def __init__(self, *script: Fetched | KafkaError) -> None:
        self._script = list(script)
        self._fetched = 0
        self.committed: list[int] = []

    async def getmany(self, timeout_ms: int, max_records: int) -> Fetched:
        given = self._script.pop(0) if self._script else {}
        if isinstance(given, KafkaError):
            raise given
        self._fetched += sum(map(len, given.values()))
        return given

    async def commit(self) -> None:
        self.committed.append(self._fetched)

    async def topics(self) -> set[str]:
        return {"a"}


class Told:
    """Stands for the line: a feed asks only its streams and its name."""

    topics, name = ("a",), "line a"


def feed_of() -> Feed:
    return Feed(cast(Line, Told()), Health(60.0), 500)


async def polled(feed: Feed, consumer: Scripted) -> tuple[Any, ...]:
    return await feed.poll(cast(Any, consumer))


async def test_more_on_its_way_is_gathered() -> None:
    consumer = Scripted({HERE: [1, 2, 3]}, {THERE: [10], HERE: [4]}, {HERE: [5]}, {}, {HERE: [6, 7, 8]})
    assert await polled(feed_of(), consumer) == (1, 2, 3, 4, 5, 10)


async def test_few_records_do_not_wait() -> None:
    consumer = Scripted({HERE: [1, 2]}, {HERE: [3]})
    assert await polled(feed_of(), consumer) == (1, 2)


async def test_error_while_gathering_loses_nothing() -> None:
    consumer = Scripted({HERE: [1, 2, 3]}, KafkaError("away"), {HERE: [4]})
    feed = feed_of()
    assert await polled(feed, consumer) == (1, 2, 3)
    assert await polled(feed, consumer) == (4,)


async def test_close_while_gathering_commits_nothing_unheard() -> None:
    """What was fetched is heard first: the commit comes when the next poll says that it was."""
    consumer, feed = Scripted({HERE: [1, 2, 3]}, {HERE: [4]}), feed_of()
    polling = asyncio.create_task(polled(feed, consumer))
    await asyncio.sleep(0)
    closing = asyncio.create_task(feed.close())
    assert await polling == (1, 2, 3, 4) and consumer.committed == []
    idle = asyncio.create_task(polled(feed, consumer))
    await closing
    assert consumer.committed == [4]
    idle.cancel()
