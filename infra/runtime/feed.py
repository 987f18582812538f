"""A feed: one consumer's way through its streams, a batch at a time, and where it has got to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from infra.runtime.health import Health
from infra.runtime.letters import Letter
from infra.runtime.line import Line
from infra.runtime.members import Members
from infra.runtime.told import told

log = structlog.get_logger()
COMMIT_SECONDS = 1.0
CLOSE_SECONDS = 8.0
GIVE_UP_SECONDS = 5.0
GATHER_SECONDS = 0.008
AHEAD_SECONDS, AHEAD_TIMES = 0.05, 20
"""How long what came lies unread behind a page. After 0.1 s aiokafka asks for the other streams of a consumer without
it, and until that is answered, which takes half a second where they are quiet, it hears of nothing new at all. Behind a
page that never ends it stops: the group would not take for dead who goes on asking."""
HAND_OVER_SECONDS = 6.0
"""Less than a group waits for a member that is to join it anew, aiokafka's 10 s."""
_PAUSE_SECONDS = 0.5
_KNOWN_SECONDS = 0.1
_POLL_MS = 1000
_FEW = 2
Found = dict[TopicPartition, list[Any]]


class Feed(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not typed
    """The next batch is handed out only when the last has had its effect, so what was handed out by then is all heard.
    Behind one that is full, or takes long, it is read and opened already: while the database writes, this process has
    nothing else to do.

    Where it has got to is committed at most once a second, and at the end: a crash repeats that second, and the inbox
    drops the repeats. Only offsets that were heard are committed: a consumer that fails while it fetches may have moved
    its position over records that nobody was given.
    """

    def __init__(
        self,
        line: Line,
        health: Health,
        max_records: int,
        commit_seconds: float = COMMIT_SECONDS,
        members: Members | None = None,
    ) -> None:
        self.line, self._health, self._max_records = line, health, max_records
        self._commit_seconds, self._members = commit_seconds, members
        self.name = f"feed {','.join(line.topics)}"
        self._consumer: AIOKafkaConsumer | None = None
        self._idle = asyncio.Event()
        self._ahead: Found = {}
        """Read, and not handed out."""
        self._opened: list[Letter] = []
        """The letters in it, or in what was handed out of it."""
        self._is_closing = self._is_astray = False
        self._next: dict[TopicPartition, int] = {}
        self._heard: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._committed_at = monotonic()
        self.is_in_group = False
        """Whether the group has given it its share, which may be nothing."""
        self._may_hear = asyncio.Event()
        self._may_hear.set()
        self._taking_over: asyncio.Task[None] | None = None

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Another may go on with these streams: what was taken of them is finished, said and committed first. A
        position of before would set the group's back."""
        self.is_in_group = False
        self._may_hear.clear()
        self._drop_ahead()
        if self._taking_over:
            self._taking_over.cancel()
        if revoked:
            await self._hand_over()
        for known in (self._next, self._heard, self._committed):
            for where in revoked:
                known.pop(where, None)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """The consumer begins where the group has got to, when what was committed there is said. In a task: the group
        takes a member that stays in here for dead."""
        self.is_in_group = True
        self._taking_over = asyncio.create_task(self._take_over())

    async def _hand_over(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await self._idle.wait()
                if self._members:
                    await self._members.hand_over()
                if self._consumer:
                    await self._commit(self._consumer)

    async def _take_over(self) -> None:
        while self._members:
            try:
                await self._members.take_over()
                break
            except PyMongoError as error:
                self._health.bad(self.name, f"waits: {told(error)}", restart=False)
                await asyncio.sleep(_PAUSE_SECONDS)
        self._may_hear.set()

    async def taken_over(self) -> None:
        """Returns when it goes on with what the group gave it."""
        await self._may_hear.wait()

    def holds(self, where: TopicPartition) -> bool:
        """Whether it goes on with this stream: it is its own, and what another had committed for it is said."""
        return self._may_hear.is_set() and not self._is_closing and where in self.assignment

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The streams that are its own at present."""
        return frozenset(self._consumer.assignment()) if self._consumer else frozenset()

    async def position(self, where: TopicPartition) -> int:
        """The offset that it goes on with, with nothing in hand: behind all records, and the marks of producers'
        transactions, which nobody is given. 0 where that is not known."""
        if (
            self._consumer is None
            or self._ahead
            or self._is_astray
            or not (self._idle.is_set() and self._may_hear.is_set())
        ):
            return 0
        try:
            async with asyncio.timeout(_KNOWN_SECONDS):
                return int(await self._consumer.position(where))
        except (TimeoutError, KafkaError):
            return 0

    @property
    def is_closing(self) -> bool:
        """Whether it takes no more."""
        return self._is_closing

    async def poll(self, consumer: AIOKafkaConsumer) -> tuple[Any, ...]:
        """Waits for records, which end the wait at once (FastStream's own poll sleeps as long again after none)."""
        self._consumer, self._heard = consumer, dict(self._next)
        self._idle.set()
        if self._is_closing:
            await asyncio.Event().wait()
        if monotonic() - self._committed_at >= self._commit_seconds:
            await self._commit(consumer)
        try:
            found = await self._found(consumer)
        except KafkaError as error:
            self._health.bad(self.name, f"cannot hear: {told(error)}", restart=False)
            raise
        self._health.good(self.name)
        found = await self._when_it_may(found)
        if self._is_closing:  # fetched, not heard
            self._next = dict(self._heard)
            return ()
        if not found:
            await self._pass_over()
            return ()
        self._idle.clear()
        found = await self._with_more(consumer, found)
        return _flat(found)

    async def _pass_over(self) -> None:
        """What nobody is given counts as heard when it lies behind: marks of producers' transactions, and what had been
        dropped before this group began."""
        for where in self.assignment:
            at = await self.position(where)
            if at > self._next.get(where, 0) and self.holds(where):
                self._next[where] = at

    async def _when_it_may(self, found: Found) -> Found:
        """Until then it is not in hand: a stream that is given up meanwhile does not wait for it, and is not heard."""
        while found and not self._may_hear.is_set():
            await self._may_hear.wait()
            found = {at: records for at, records in found.items() if self._next.get(at) == records[-1].offset + 1}
        return found

    async def _found(self, consumer: AIOKafkaConsumer) -> Found:
        """The next to be handed out."""
        found, self._ahead = self._ahead, {}
        if not found:
            await self._go_back(consumer)
            found = await self._fetch(consumer, _POLL_MS, self._max_records)
        self._next |= _ends(found)
        return found

    async def _fetch(self, consumer: AIOKafkaConsumer, timeout_ms: int, max_records: int) -> Found:
        try:
            found: Found = await consumer.getmany(timeout_ms=timeout_ms, max_records=max_records)
        except BaseException:
            self._is_astray = True
            raise
        return found

    async def _read_ahead(self, at_once: bool) -> None:
        """What comes while a page is in hand, until it is a page by itself."""
        if not at_once:
            await asyncio.sleep(AHEAD_SECONDS)
        with suppress(Exception):  # it must not disturb the page in hand; the next poll meets it again
            for _ in range(AHEAD_TIMES):
                if self._consumer is None or not (room := self._room_ahead()):
                    return
                more = await self._fetch(self._consumer, 0, room)
                if self._is_astray or not self._may_hear.is_set():  # it may be another's by now
                    self._is_astray |= bool(more)
                    self._drop_ahead()
                    return
                self._ahead = _joined(self._ahead, more)
                self._opened += self._open(_flat(more))
                await asyncio.sleep(AHEAD_SECONDS)

    def _room_ahead(self) -> int:
        """How much more may be read. While the group changes a fetch would wait for it, and it for the page in hand;
        behind records that a failed fetch went past, nothing may be read."""
        if self._is_closing or self._is_astray or not self._may_hear.is_set():
            return 0
        return self._max_records - sum(map(len, self._ahead.values()))

    def _open(self, records: tuple[Any, ...]) -> list[Letter]:
        return [self.line.open(record) for record in records]

    def _drop_ahead(self) -> None:
        """The consumer has gone past it, and goes back."""
        self._is_astray |= bool(self._ahead)
        self._ahead, self._opened = {}, []

    async def _go_back(self, consumer: AIOKafkaConsumer) -> None:
        """After a fetch that failed: to the first record that was not handed out, on every stream."""
        if not self._is_astray:
            return
        for where in consumer.assignment():
            if where in self._next:
                consumer.seek(where, self._next[where])
            else:
                await consumer.seek_to_committed(where)
        self._is_astray = False

    async def _with_more(self, consumer: AIOKafkaConsumer, found: Found) -> Found:
        """What is there; where more is on its way, that too: a page costs as much as a dozen records on it. One wait
        only: what comes steadily would be waited for until the page is full, a quarter of a second and more."""
        count = sum(map(len, found.values()))
        if not (self._may_hear.is_set() and not self._is_astray and count < self._max_records // 2):
            return found
        if not self._opened:  # what was read ahead lay for a while: more is there already
            if count <= _FEW:
                return found
            await asyncio.sleep(GATHER_SECONDS)
        if not self._may_hear.is_set():  # a fetch would wait for the group, which waits for this page
            return found
        with suppress(Exception):  # the next poll meets it again
            more = await self._fetch(consumer, 0, self._max_records - count)
            self._next |= _ends(more)
            found = _joined(found, more)
            self._opened += self._open(_flat(more)) if self._opened else ()
        return found

    async def take(self, message: Any) -> None:
        """Never raises: FastStream would skip the batch."""
        records, message.raw_message = message.raw_message, ()  # a cycle of FastStream's would keep them for long
        letters = self._opened if len(self._opened) == len(records) else self._open(records)
        self._opened = []
        reading = asyncio.create_task(self._read_ahead(at_once=len(letters) >= self._max_records // 2))
        try:
            await self.line.handle(letters)
        finally:
            reading.cancel()

    async def close(self) -> None:
        """Takes no more, finishes what it has, commits."""
        self._is_closing = True
        if self._taking_over:
            self._taking_over.cancel()
        self._may_hear.set()
        if self._consumer is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._idle.wait()
                await self._commit(self._consumer)

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        mine = consumer.assignment()
        ahead = {at: offset for at, offset in self._heard.items() if at in mine and self._committed.get(at) != offset}
        if not ahead:
            return
        self._committed_at = monotonic()
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):  # aiokafka would try for ever, and nothing be heard meanwhile
                await consumer.commit(ahead)
            self._committed |= ahead
        except (TimeoutError, KafkaError) as error:
            log.warning("position not committed", line=self.line.name, error=told(error))


def _joined(found: Found, more: Found) -> Found:
    """Both, each stream in its order."""
    return {where: [*found.get(where, ()), *more.get(where, ())] for where in {**found, **more}}


def _flat(found: Found) -> tuple[Any, ...]:
    """Its records, stream after stream."""
    return tuple(record for records in found.values() for record in records)


def _ends(found: Found) -> dict[TopicPartition, int]:
    """The offsets behind it."""
    return {where: records[-1].offset + 1 for where, records in found.items()}
