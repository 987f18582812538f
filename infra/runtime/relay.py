"""The relay: says what is committed. Rows go from memory right after the commit; the database is the truth."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from infra.runtime import metrics
from infra.runtime.health import Health
from infra.runtime.ledger import Ledger
from infra.runtime.letters import Outgoing
from infra.runtime.passing import ends_producer
from infra.runtime.settings import RuntimeSettings
from infra.runtime.told import told

log = structlog.get_logger()
_BATCH = 500
_REMEMBERED = 20_000


class Relay:
    """Sends outbox rows in commit order, idempotently, and deletes what Kafka has (`acks=all`).

    A row may be sent twice after a crash, never lost and never reordered within its key; hearers drop the repeat.
    """

    def __init__(
        self, service: str, ledger: Ledger, producer: AIOKafkaProducer, health: Health, settings: RuntimeSettings
    ) -> None:
        self._service, self._ledger, self._producer, self._health = service, ledger, producer, health
        self._poll_seconds, self._streams = settings.relay_poll_seconds, settings.streams
        self._waiting: deque[Outgoing] = deque()
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._doubt = True
        self._missed = False
        self._sending = False
        self._ended: KafkaError | None = None
        self._posted, self._quiet = asyncio.Event(), asyncio.Event()
        self.said: dict[str, int] = {}
        """Highest offset said, by `topic/partition`."""

    @property
    def idle(self) -> bool:
        """Whether everything committed has been said."""
        return not (self._waiting or self._doubt or self._sending)

    def post(self, letters: Sequence[Outgoing]) -> None:
        """Takes letters whose commit has just been confirmed."""
        if not letters:
            return
        if self._doubt:
            self._missed = True
        else:
            self._waiting.extend(letters)
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
        """Says the rows of other members that fit the query as its own; returns how many there were."""
        found = await self._ledger.db.outbox.update_many(rows, {"$set": {"owner": self._ledger.owner}})
        if found.modified_count:
            self.doubt()
        return found.modified_count

    async def finish(self) -> None:
        """Returns when everything committed has been said, and forgotten here."""
        await self._quiet.wait()

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
        if not self._waiting:
            self._posted.clear()
            self._quiet.set()
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self._posted.wait()
            except TimeoutError:
                await self._look_for_forgotten()
            return
        batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        await self._say(batch)

    async def _look_for_forgotten(self) -> None:
        """The slow poll: a row that nobody holds in memory."""
        if await self._ledger.db.outbox.find_one({"owner": self._ledger.owner}, {"_id": 1}) and not self._waiting:
            self.doubt()

    async def _drain(self) -> None:
        """Says what the database holds until it holds nothing."""
        while True:
            self._missed = False
            query = {"owner": self._ledger.owner}
            rows = await self._ledger.db.outbox.find(query).sort("seq", 1).limit(_BATCH).to_list(None)
            if not rows and not self._missed:
                self._doubt = False
                return
            await self._say([_outgoing(row) for row in rows])

    async def _say(self, batch: Sequence[Outgoing]) -> None:
        if not batch:
            return
        self._sending = True
        try:
            fresh = [letter for letter in batch if letter.id not in self._sent]
            await self._send(fresh)
            await self._forget(batch, fresh)
        finally:
            self._sending = False

    async def _send(self, letters: Sequence[Outgoing]) -> None:
        """Returns when Kafka has them all."""
        futures = [
            await self._producer.send(
                self._streams + letter.topic, letter.value, key=letter.key, headers=list(letter.headers)
            )
            for letter in letters
        ]
        for receipt in await asyncio.gather(*futures):
            where = f"{receipt.topic}/{receipt.partition}"
            self.said[where] = max(self.said.get(where, -1), receipt.offset)

    async def _forget(self, batch: Sequence[Outgoing], fresh: Sequence[Outgoing]) -> None:
        await self._ledger.db.outbox.delete_many({"_id": {"$in": [letter.id for letter in batch]}})
        for letter in fresh:
            self._sent[letter.id] = None
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
        metrics.SAID.labels(self._service).inc(len(fresh))


def _outgoing(row: dict[str, Any]) -> Outgoing:
    headers = tuple((str(name), bytes(value)) for name, value in row["headers"])
    return Outgoing(row["_id"], row["topic"], bytes(row["key"]), bytes(row["value"]), headers)
