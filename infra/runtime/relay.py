"""The relay: says what is committed. Rows go from memory right after the commit; the database is the truth."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Sequence
from time import monotonic
from typing import Any, TypeVar

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from infra.runtime import metrics
from infra.runtime.bundles import Bundle
from infra.runtime.health import Health
from infra.runtime.ledger import Conflict, Ledger, Page
from infra.runtime.letters import Outgoing
from infra.runtime.passing import ends_producer
from infra.runtime.rounds import Rounds
from infra.runtime.settings import RuntimeSettings
from infra.runtime.told import told

log = structlog.get_logger()
T = TypeVar("T")
_BATCH, _ROWS = 500, 20
_REMEMBERED = 20_000
_FORGET_SECONDS, _FORGET_ROWS = 0.5, 20
"""So long, and so many rows, what Kafka has is left in the outbox: a row costs as much to delete as twenty."""


class Relay:
    """Sends outbox rows in commit order, idempotently, and deletes what Kafka has (`acks=all`), a little later.

    A row may be sent twice after a crash, never lost and never reordered within its key; hearers drop the repeat.
    """

    def __init__(
        self, service: str, ledger: Ledger, producer: AIOKafkaProducer, health: Health, settings: RuntimeSettings
    ) -> None:
        self._service, self._ledger, self._health = service, ledger, health
        self._poll_seconds = settings.relay_poll_seconds
        self._waiting: deque[Bundle] = deque()
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._gone: list[str] = []
        """Rows that Kafka has, and the outbox too."""
        self._forget_by = self._look_by = 0.0
        self._unheld: str | None = None
        self._finishing = 0
        self._unknown: set[asyncio.Future[Any]] = set()
        """What is still being written, though nobody waits for it any more."""
        self._doubt = True
        self._missed = False
        self._sending = False
        self._ended: KafkaError | None = None
        self._posted, self._quiet = asyncio.Event(), asyncio.Event()
        self.said: dict[str, int] = {}
        """Highest offset said, by `topic/partition`."""
        self._rounds = Rounds(producer, settings.streams, self.said)

    @property
    def idle(self) -> bool:
        """Whether everything committed has been said. The outbox may still hold some of it."""
        return not (self._waiting or self._doubt or self._sending)

    async def commit(self, page: Page) -> None:
        """Commits the page and takes what it says. Raises what `Ledger.commit` raises; unless that is a conflict, the
        database is looked into for what was committed."""
        self.post(await self._written(self._ledger.commit(page)))

    async def _written(self, writing: Awaitable[T]) -> T:
        """Its result. It goes on where nobody waits for it any more: the database has begun."""
        work = asyncio.ensure_future(writing)
        try:
            return await asyncio.shield(work)
        except Conflict:
            raise
        except BaseException:
            if not work.done():
                self._unknown.add(work)
                work.add_done_callback(self._unknown.discard)
            self.doubt()
            raise

    def post(self, bundles: Sequence[Bundle]) -> None:
        """Takes what has just been committed."""
        if not bundles:
            return
        if self._doubt:
            self._missed = True
        else:
            self._waiting.extend(bundles)
        self._quiet.clear()
        self._posted.set()

    def doubt(self) -> None:
        """A commit's outcome is not known: look into the database."""
        self._doubt = True
        self._missed = True
        self._waiting.clear()
        self._quiet.clear()
        self._posted.set()

    async def adopt(self, rows: dict[str, Any]) -> int:
        """Says the rows of other members that fit the query as its own, before what it commits from here on; returns
        how many there were."""
        last = await self._ledger.db.outbox.find_one(rows, {"seq": 1}, sort=[("seq", -1)])
        if last:
            self._ledger.goes_on_behind(last["seq"])
        own = {"$set": {"owner": self._ledger.owner}}
        found = await self._written(self._ledger.db.outbox.update_many(rows, own))
        if found.modified_count:
            self.doubt()
        return found.modified_count

    async def finish(self) -> None:
        """Returns when everything committed has been said, and the outbox held nothing of it any more."""
        self._finishing += 1
        self._posted.set()
        try:
            await self._quiet.wait()
        finally:
            self._finishing -= 1

    def notice(self, error: KafkaError) -> None:
        """An error of the producer, whoever met it: one that ends the producer ends the relay too."""
        if ends_producer(error):
            self._ended = error
            self._posted.set()

    async def run(self) -> None:
        """Works until the producer is at its end, which a new process mends: health turns red, the watchdog acts."""
        while self._ended is None:
            try:
                await (self._drain() if self._doubt else self._say_waiting())
                self._health.good("relay")
            except (KafkaError, PyMongoError, OSError) as error:
                self.doubt()
                self._health.bad("relay", f"cannot say what is committed: {told(error)}", restart=False)
                if isinstance(error, KafkaError):
                    self.notice(error)
                await asyncio.sleep(0.5)
        raise self._ended

    async def _say_waiting(self) -> None:
        if self._gone and self._must_forget():
            await self._forget()
            if monotonic() >= self._look_by:
                await self._look_for_forgotten()
            return  # meanwhile a commit's outcome may have come into doubt
        if not self._waiting:
            await self._rest()
            return
        batch = [self._waiting.popleft()]
        while self._waiting and sum(len(bundle.letters) for bundle in batch) < _BATCH:
            batch.append(self._waiting.popleft())
        await self._say(batch)

    async def _rest(self) -> None:
        """Until there is more to say, or something to forget."""
        self._posted.clear()
        if not self._gone:
            self._quiet.set()
        try:
            async with asyncio.timeout(self._forget_by - monotonic() if self._gone else self._poll_seconds):
                await self._posted.wait()
        except TimeoutError:
            if not self._gone:
                await self._look_for_forgotten()

    async def _look_for_forgotten(self) -> None:
        """The slow poll: a row that nobody holds in memory, at two looks; at one it may just have been committed."""
        self._look_by = monotonic() + self._poll_seconds
        first = await self._ledger.db.outbox.find_one({"owner": self._ledger.owner}, {"_id": 1}, sort=[("seq", 1)])
        unheld = first["_id"] if first and first["_id"] not in {bundle.id for bundle in self._waiting} else None
        if unheld and unheld == self._unheld:
            self.doubt()
        self._unheld = unheld

    async def _drain(self) -> None:
        """Says what the database holds until it holds nothing."""
        while True:
            self._missed = False
            while self._unknown:
                await asyncio.wait(self._unknown)
            query = {"owner": self._ledger.owner}
            rows = await self._ledger.db.outbox.find(query).sort("seq", 1).limit(_ROWS).to_list(None)
            if rows:
                await self._say([Bundle.of(row) for row in rows])
                await self._forget()
            elif not self._missed:
                self._doubt = False
                return

    async def _say(self, batch: Sequence[Bundle]) -> None:
        self._sending = True
        try:
            fresh = [letter for bundle in batch for letter in bundle.letters if letter.id not in self._sent]
            await self._send(fresh)
            self._note(batch, fresh)
        finally:
            self._sending = False

    async def _send(self, letters: Sequence[Outgoing]) -> None:
        """Returns when Kafka has them all."""
        await self._rounds.send(letters)

    def _note(self, batch: Sequence[Bundle], fresh: Sequence[Outgoing]) -> None:
        if not self._gone:
            self._forget_by = monotonic() + _FORGET_SECONDS
        self._gone += [bundle.id for bundle in batch]
        for letter in fresh:
            self._sent[letter.id] = None
        metrics.SAID.labels(self._service).inc(len(fresh))

    def _must_forget(self) -> bool:
        return bool(self._finishing) or len(self._gone) >= _FORGET_ROWS or monotonic() >= self._forget_by

    async def _forget(self) -> None:
        gone, self._gone = self._gone, []
        await self._ledger.db.outbox.delete_many({"_id": {"$in": gone}})
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
