"""A feed hands on all that it fetched and commits nothing unheard: against a consumer whose fetches may fail, and a
group that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast
from unittest.mock import patch

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from infra.runtime.feed import AHEAD_TIMES, Feed
from infra.runtime.health import Health
from infra.runtime.line import Line
from infra.runtime.members import Members

HERE, THERE = TopicPartition("a", 0), TopicPartition("a", 1)


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Fetch:
    """What one call gives: so many records of each stream; and how it fails after its position has moved."""

    here: int = 0
    there: int = 0
    fails: type[Exception] | None = None


class Consumer:
    """As aiokafka's: a fetch that fails has moved its position over records that it does not give."""

    def __init__(self, *script: Fetch) -> None:
        self._script = list(script)
        self.positions = {HERE: 0, THERE: 0}
        self.committed: dict[TopicPartition, int] = {}
        self.commits = 0
        self.rejoining: asyncio.Event | None = None
        self.committing = asyncio.Event()
        self.committing.set()

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Record]]:
        if self.rejoining:
            assert timeout_ms, "it would wait for the group, and the group for the page in hand"
            await self.rejoining.wait()
        step = self._script.pop(0) if self._script else Fetch()
        found = {}
        for where, count in ((HERE, step.here), (THERE, step.there)):
            start = self.positions[where]
            found[where] = [Record(where.topic, where.partition, start + number) for number in range(count)]
            self.positions[where] += count
        if step.fails:
            raise step.fails("away")
        return {where: records for where, records in found.items() if records}

    def give(self, fetch: Fetch) -> None:
        """What comes from now on."""
        self._script.append(fetch)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await self.committing.wait()
        self.committed |= offsets
        self.commits += 1

    async def topics(self) -> set[str]:
        return {"a"}

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self.positions)

    def highwater(self, where: TopicPartition) -> int | None:
        return self.positions[where] or None

    async def position(self, where: TopicPartition) -> int:
        return self.positions[where]

    def seek(self, where: TopicPartition, offset: int) -> None:
        self.positions[where] = offset

    async def seek_to_committed(self, where: TopicPartition) -> None:
        self.positions[where] = self.committed.get(where, 0)

    @property
    def is_done(self) -> bool:
        return not self._script


class Told:
    """Stands for the line: a feed asks only its streams and its names."""

    topics, name, service = ("a",), "line a", "feeds"


@dataclass
class Page:
    """A line's page: what is on it, and until when it is written."""

    records: list[Record]
    written: asyncio.Event = field(default_factory=asyncio.Event)


class Slow(Told):
    """A line whose pages take until they are let go. A letter stands for its record."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.opened: list[Record] = []

    def open(self, record: Record) -> Record:
        self.opened.append(record)
        return record

    async def handle(self, letters: list[Record]) -> None:
        self.pages.append(Page(list(letters)))
        await self.pages[-1].written.wait()

    @property
    def heard(self) -> list[tuple[int, int]]:
        """What is written: stream and offset."""
        pages = [page for page in self.pages if page.written.is_set()]
        return [(record.partition, record.offset) for page in pages for record in page.records]


@dataclass
class Message:
    """FastStream's, as far as a feed looks into it."""

    raw_message: tuple[Record, ...]


class Stage:
    """A feed that hears pages of at most so many, as FastStream drives it: poll, take, poll."""

    def __init__(self, *script: Fetch, most: int = 4) -> None:
        self.consumer, self.line = Consumer(*script), Slow()
        self.feed = Feed(cast(Line, self.line), Health(60.0), most, 0.0)
        self.message: Message | None = None
        self.going = asyncio.create_task(self._go())

    async def _go(self) -> None:
        while True:
            with suppress(KafkaError, ValueError):
                records = await self.feed.poll(cast(Any, self.consumer))
                if records:
                    self.message = Message(records)
                    await self.feed.take(self.message)
            await asyncio.sleep(0)

    async def write(self) -> None:
        """Lets the page in hand go."""
        await turns()
        for page in self.line.pages[-1:]:
            page.written.set()
        await turns()

    async def move(self, *streams: TopicPartition, resets: bool = True) -> None:
        """The group takes streams away and gives them back, with where it has got to; aiokafka is silent meanwhile."""
        there = self.consumer.rejoining = asyncio.Event()
        leaving = asyncio.create_task(self.feed.on_partitions_revoked(streams))
        await turns()
        await self.write()
        await asyncio.wait_for(leaving, 1)
        for where in self.consumer.positions if resets else ():
            self.consumer.positions[where] = self.consumer.committed.get(where, 0)
        self.consumer.rejoining = None
        there.set()
        await self.feed.on_partitions_assigned(streams)
        await turns()

    async def end(self) -> None:
        self.going.cancel()
        await asyncio.gather(self.going, return_exceptions=True)


def feed_of(commit_seconds: float = 60.0) -> Feed:
    return Feed(cast(Line, Told()), Health(60.0), 500, commit_seconds)


async def polled(feed: Feed, consumer: Consumer) -> list[tuple[int, int]]:
    return [(record.partition, record.offset) for record in await feed.poll(cast(Any, consumer))]


async def test_more_on_its_way_is_gathered_once() -> None:
    """What comes steadily is not waited for again: it would be until the page is full."""
    consumer, feed = Consumer(Fetch(3), Fetch(1, 1), Fetch(1), Fetch()), feed_of()
    assert await polled(feed, consumer) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]
    assert await polled(feed, consumer) == [(0, 4)]


async def test_few_records_do_not_wait() -> None:
    assert await polled(feed_of(), Consumer(Fetch(2), Fetch(1))) == [(0, 0), (0, 1)]


async def test_close_while_gathering_commits_nothing_unheard() -> None:
    """What was fetched is heard first: the commit comes when the next poll says that it was."""
    consumer, feed = Consumer(Fetch(3), Fetch(1)), feed_of()
    polling = asyncio.create_task(polled(feed, consumer))
    await asyncio.sleep(0)
    closing = asyncio.create_task(feed.close())
    assert len(await polling) == 4 and consumer.committed == {}
    idle = asyncio.create_task(polled(feed, consumer))
    await closing
    assert consumer.committed == {HERE: 4}
    idle.cancel()


async def test_close_while_fetching_leaves_it_unheard() -> None:
    """What comes in after the close began is not handed out, and not committed."""
    consumer, feed = Consumer(Fetch(2), Fetch(0, 2)), feed_of()
    await polled(feed, consumer)
    polling = asyncio.create_task(polled(feed, consumer))
    closing = asyncio.create_task(feed.close())
    assert len(await polling) in (0, 2)
    idle = asyncio.create_task(polled(feed, consumer))
    await closing
    assert consumer.committed.get(HERE) == 2
    idle.cancel()


async def test_stream_that_comes_back_does_not_set_the_group_back() -> None:
    """Another had it meanwhile and has got further: nothing is committed for it until something new was heard."""
    consumer, feed = Consumer(Fetch(1)), feed_of()
    assert await polled(feed, consumer) == [(0, 0)]
    await polled(feed, consumer)  # now it is known to be heard, and not committed yet
    await feed.on_partitions_revoked({HERE})
    consumer.committed, consumer.positions[HERE] = {HERE: 200}, 200
    await feed.on_partitions_assigned({HERE})
    await polled(feed, consumer)
    await feed.close()
    assert consumer.committed == {HERE: 200}


async def test_mark_that_is_no_record_counts_as_heard() -> None:
    """Who waits until all there is was heard, such as timers after a start, would wait for it for ever."""
    consumer, feed = Consumer(Fetch(1)), feed_of(0.0)
    assert await polled(feed, consumer) == [(0, 0)]
    consumer.positions[HERE] += 1
    for _ in range(2):
        await polled(feed, consumer)
    assert consumer.committed == {HERE: 2}


fetches = st.builds(Fetch, st.integers(0, 5), st.integers(0, 5), st.sampled_from([None, KafkaError, ValueError]))


@given(st.lists(fetches, max_size=12), st.booleans())
async def test_failing_fetches_skip_nothing(script: list[Fetch], commits_each: bool) -> None:
    """Every record is handed out once and in order, and what is committed was handed out before."""
    consumer, feed = Consumer(*script), feed_of(0.0 if commits_each else 60.0)
    heard: list[tuple[int, int]] = []
    while not consumer.is_done:
        try:
            given = await polled(feed, consumer)
        except (KafkaError, ValueError):
            given = []
        assert all(
            offset <= sum(at == where.partition for at, _ in heard) for where, offset in consumer.committed.items()
        )
        heard += given
    for where in (HERE, THERE):
        offsets = [offset for at, offset in heard if at == where.partition]
        assert offsets == list(range(len(offsets)))


async def test_next_page_is_read_while_a_full_one_is_written() -> None:
    stage = Stage(Fetch(2), Fetch(3))
    await turns()
    (page,) = stage.line.pages
    assert (len(page.records), len(stage.line.opened), stage.consumer.committed) == (2, 5, {})
    await stage.write()
    assert [len(page.records) for page in stage.line.pages] == [2, 3] and len(stage.line.opened) == 5
    assert stage.consumer.committed == {HERE: 2}
    await stage.end()


async def test_nothing_is_read_behind_a_page_of_few() -> None:
    stage = Stage(Fetch(1), Fetch(3))
    await turns()
    assert stage.consumer.positions[HERE] == 1
    await stage.end()


async def test_what_comes_while_a_page_takes_long_is_read_until_it_is_a_page() -> None:
    """Left unread it would keep aiokafka from asking for more."""
    stage = Stage(Fetch(1), Fetch(), Fetch(2), Fetch(0, 1), Fetch(1), Fetch(3))
    with patch("infra.runtime.feed.AHEAD_SECONDS", 0):
        await turns(40)
        assert stage.consumer.positions == {HERE: 4, THERE: 1} and len(stage.line.opened) == 5
        await stage.write()
    pages = [[(record.partition, record.offset) for record in page.records] for page in stage.line.pages]
    assert pages == [[(0, 0)], [(0, 1), (0, 2), (1, 0), (0, 3)]]
    await stage.end()


@pytest.mark.parametrize("ahead", [2, 3])
async def test_nothing_is_read_behind_what_a_failed_fetch_went_past(ahead: int) -> None:
    """Neither ahead nor to gather: what lies behind would be committed, and what was gone past never heard."""
    stage = Stage(Fetch(1), Fetch(ahead), Fetch(2, fails=KafkaError), Fetch(1), most=20)
    with patch("infra.runtime.feed.AHEAD_SECONDS", 0), patch("infra.runtime.feed.GATHER_SECONDS", 0):
        await turns(60)
        for _ in range(5):
            await stage.write()
    assert stage.line.heard == [(0, offset) for offset in range(stage.consumer.positions[HERE])]
    await stage.end()


async def test_letter_that_cannot_be_opened_ahead_is_opened_again() -> None:
    """The page is whole all the same."""
    stage = Stage(Fetch(1), Fetch(1), Fetch(1), Fetch(1))
    opened, broken = stage.line.open, [2]

    def breaks_once(record: Record) -> Record:
        if record.offset in broken:
            broken.remove(record.offset)
            raise MemoryError
        return opened(record)

    with patch("infra.runtime.feed.AHEAD_SECONDS", 0), patch.object(stage.line, "open", breaks_once):
        await turns(60)
        for _ in range(3):
            await stage.write()
    assert not broken and stage.line.heard == [(0, offset) for offset in range(4)]
    await stage.end()


async def test_few_that_were_read_ahead_are_not_a_page_of_their_own_where_more_is_there() -> None:
    stage = Stage(Fetch(1), Fetch(1), most=20)
    with patch("infra.runtime.feed.AHEAD_SECONDS", 0):
        await turns()
        stage.feed._is_closing = True  # the page in hand is read behind no more
        await turns()
        stage.feed._is_closing = False
        stage.consumer.give(Fetch(9))
        await stage.write()
    assert [len(page.records) for page in stage.line.pages] == [1, 10]
    await stage.end()


async def test_page_that_never_ends_is_not_read_behind_for_ever() -> None:
    """The group takes for dead who does not ask; who asks while a page hangs would keep its streams."""
    stage, asked = Stage(Fetch(1)), 0
    getmany = stage.consumer.getmany

    async def counted(timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Record]]:
        nonlocal asked
        asked += 1
        return await getmany(timeout_ms, max_records)

    with patch("infra.runtime.feed.AHEAD_SECONDS", 0), patch.object(stage.consumer, "getmany", counted):
        await turns(200)
    assert len(stage.line.pages) == 1 and asked == 1 + AHEAD_TIMES
    await stage.end()


LEAVES: list[Callable[[Feed], Coroutine[Any, Any, None]]] = [
    Feed.close,
    lambda feed: feed.on_partitions_revoked({HERE}),
]


@pytest.mark.parametrize("leaves", LEAVES, ids=["closes", "gives up a stream"])
async def test_nothing_is_read_ahead_by_one_that_leaves(leaves: Callable[[Feed], Coroutine[Any, Any, None]]) -> None:
    stage = Stage(Fetch(2), Fetch(2))
    stage.going.cancel()
    records = await stage.feed.poll(cast(Any, stage.consumer))
    leaving = asyncio.create_task(leaves(stage.feed))
    await turns()
    taking = asyncio.create_task(stage.feed.take(Message(records)))
    await turns()
    assert stage.consumer.positions[HERE] == 2
    await stage.write()
    await taking
    leaving.cancel()


async def test_position_is_not_told_while_a_page_is_read_ahead() -> None:
    """The consumer stands behind what nobody has heard."""
    stage = Stage(Fetch(2), Fetch(2))
    await turns()
    stage.consumer.committing.clear()
    await stage.write()
    assert stage.consumer.positions[HERE] == 4 and await stage.feed.position(HERE) == 0
    stage.consumer.committing.set()
    await stage.end()


async def test_page_whose_writing_is_cancelled_is_not_heard() -> None:
    """By whatever it waited for: it is handed out anew by the next process."""
    stage = Stage(Fetch(2), Fetch(2))
    with patch.object(stage.line, "handle", side_effect=asyncio.CancelledError):
        await turns()
    await asyncio.gather(stage.going, return_exceptions=True)
    assert stage.going.cancelled() and stage.consumer.committed == {}


async def test_what_is_handed_out_is_not_held_on_to() -> None:
    """A cycle of FastStream's lives on for thousands of pages."""
    stage = Stage(Fetch(2))
    await turns()
    assert stage.message and stage.message.raw_message == ()
    await stage.end()


async def test_what_fails_in_reading_ahead_leaves_the_page_in_hand_alone() -> None:
    """FastStream would skip the page of whoever raises."""
    stage = Stage(Fetch(2), Fetch(2))
    getmany = stage.consumer.getmany
    with patch.object(stage.consumer, "getmany", side_effect=[await getmany(0, 4), RuntimeError("a library's own")]):
        await turns()
    await stage.write()
    assert stage.consumer.committed == {HERE: 2}
    assert [[record.offset for record in page.records] for page in stage.line.pages] == [[0, 1], [2, 3]]
    await stage.end()


async def test_few_that_were_read_ahead_are_handed_out_with_more() -> None:
    stage = Stage(Fetch(5, 5), Fetch(3), Fetch(1, 1), most=20)
    with patch("infra.runtime.feed.GATHER_SECONDS", 0):
        await stage.write()
        await stage.write()
    assert len(stage.line.heard) == 15 and stage.consumer.committed == {HERE: 9, THERE: 6}
    await stage.end()


async def test_stream_that_goes_while_it_is_read_ahead_is_not_heard() -> None:
    stage, given = Stage(Fetch(2)), asyncio.Event()
    getmany = stage.consumer.getmany

    async def slow(timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Record]]:
        if timeout_ms:
            return await getmany(timeout_ms, max_records)
        await given.wait()
        return {HERE: [Record("a", 0, 2)]}

    with patch.object(stage.consumer, "getmany", slow):
        await turns()
        leaving = asyncio.create_task(stage.feed.on_partitions_revoked({HERE}))
        await turns()
        given.set()
        await stage.write()
        await asyncio.wait_for(leaving, 1)
        await stage.feed.on_partitions_assigned(())
        await turns()
    assert [len(page.records) for page in stage.line.pages] == [2]
    await stage.end()


async def test_page_read_ahead_is_left_to_who_gets_its_stream() -> None:
    """Here it comes back: it is read again, from behind what is committed."""
    stage = Stage(Fetch(2), Fetch(2), Fetch(2))
    await turns()
    await stage.move(HERE, resets=False)
    assert stage.consumer.committed == {HERE: 2}
    assert [[record.offset for record in page.records] for page in stage.line.pages] == [[0, 1], [2, 3]]
    await stage.end()


@given(
    st.lists(fetches, max_size=12),
    st.lists(st.sampled_from(["write", "here", "there", "both"]), max_size=30),
    st.sampled_from([4, 8, 20]),
    st.sampled_from([0.0, 60.0]),
)
async def test_moving_streams_lose_nothing_that_was_read_ahead(
    script: list[Fetch], acts: list[str], most: int, ahead: float
) -> None:
    """Every record is written once and in order, whatever fails and whoever comes and goes; what is committed is. In
    pages of at most four nothing is gathered; in larger ones it is."""
    with patch("infra.runtime.feed.GATHER_SECONDS", 0), patch("infra.runtime.feed.AHEAD_SECONDS", ahead):
        await play(Stage(*script, most=most), acts)


async def play(stage: Stage, acts: list[str]) -> None:
    moved = {"here": [HERE], "there": [THERE], "both": [HERE, THERE]}
    for act in [*acts, *["write"] * 30]:
        await (stage.write() if act == "write" else stage.move(*moved[act]))
        heard = stage.line.heard
        for where, offset in stage.consumer.committed.items():
            assert offset <= sum(at == where.partition for at, _ in heard)
    await stage.end()
    for where in (HERE, THERE):
        offsets = [offset for at, offset in heard if at == where.partition]
        assert offsets == list(range(len(offsets))) and len(offsets) == stage.consumer.positions[where]


@dataclass
class Others:
    """What a feed does for the other members: `calls` in order, each as long as it is held."""

    calls: list[str] = field(default_factory=list)
    going: asyncio.Event = field(default_factory=asyncio.Event)

    async def hand_over(self) -> None:
        self.calls.append("hand over")
        await self.going.wait()

    async def take_over(self) -> None:
        self.calls.append("take over")
        await self.going.wait()


def shared(others: Others) -> Feed:
    return Feed(cast(Line, Told()), Health(60.0), 500, 60.0, cast(Members, others))


async def turns(times: int = 20) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def test_stream_is_given_up_when_all_of_it_is_said() -> None:
    """What is in hand is finished first, then said, then its position committed."""
    others, consumer = Others(), Consumer(Fetch(2))
    feed = shared(others)
    await polled(feed, consumer)
    leaving = asyncio.create_task(feed.on_partitions_revoked({HERE}))
    await turns()
    assert others.calls == [] and not feed.holds(HERE)
    asking = asyncio.create_task(polled(feed, consumer))  # what it had in hand has had its effect
    await turns()
    assert others.calls == ["hand over"] and not leaving.done() and consumer.committed == {}
    others.going.set()
    await leaving
    assert consumer.committed == {HERE: 2}
    await asking


async def test_stream_is_heard_when_the_others_letters_are_said() -> None:
    others, consumer = Others(), Consumer(Fetch(2))
    feed = shared(others)
    await feed.on_partitions_revoked(())
    await feed.on_partitions_assigned({HERE})
    asking = asyncio.create_task(polled(feed, consumer))
    await turns()
    assert others.calls == ["take over"] and feed.is_in_group
    assert not asking.done() and not feed.holds(HERE)
    others.going.set()
    assert await asking == [(0, 0), (0, 1)] and feed.holds(HERE)


async def test_close_does_not_wait_for_the_others() -> None:
    others, consumer = Others(), Consumer(Fetch(2))
    feed = shared(others)
    await feed.on_partitions_revoked(())
    await feed.on_partitions_assigned({HERE})
    asking = asyncio.create_task(polled(feed, consumer))
    await turns()
    closing = asyncio.create_task(feed.close())
    assert await asking == []
    idle = asyncio.create_task(polled(feed, consumer))
    await closing
    assert consumer.committed == {} and not feed.holds(HERE)
    idle.cancel()


async def test_stream_is_given_up_while_more_is_gathered() -> None:
    """aiokafka gives nothing until the group has made up its mind, which waits for what is in hand."""
    others, consumer = Others(), Consumer(Fetch(3))
    others.going.set()
    feed = shared(others)
    asking = asyncio.create_task(polled(feed, consumer))
    await turns()  # it waits for more
    leaving = asyncio.create_task(feed.on_partitions_revoked({HERE}))
    await turns()
    consumer.rejoining = asyncio.Event()
    assert len(await asyncio.wait_for(asking, 1)) == 3
    idle = asyncio.create_task(polled(feed, consumer))
    await asyncio.wait_for(leaving, 1)
    assert consumer.committed == {HERE: 3}
    idle.cancel()


async def test_stream_is_given_up_while_it_is_taken_over() -> None:
    """What was fetched meanwhile is not in hand yet: it keeps nobody waiting, and is not heard when its stream went."""
    others, consumer = Others(), Consumer(Fetch(2))
    feed = shared(others)
    await feed.on_partitions_revoked(())
    await feed.on_partitions_assigned({HERE})
    asking = asyncio.create_task(polled(feed, consumer))
    await turns()
    leaving = asyncio.create_task(feed.on_partitions_revoked({HERE}))
    await turns()
    assert others.calls == ["take over", "hand over"]
    others.going.set()
    await leaving
    await feed.on_partitions_assigned({THERE})
    assert await asking == [] and consumer.committed == {}
