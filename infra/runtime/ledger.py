"""The ledger: what a batch of events makes a service remember and say, written in one transaction.

A `Page` is the entries of a batch: load, write, say, wake; heard + state + outbox + timers + parked, all or nothing.
It is read in one go and written in one go, each in a thread of the ledger's own from beginning to end: with Motor every
statement would be a way there and back for itself (0020).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import DeleteOne, IndexModel, InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database as PlainDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from infra.runtime.bundles import Bundle, bundled
from infra.runtime.clock import Clock
from infra.runtime.entry import Database, Entry, Key, Said
from infra.runtime.letters import Outgoing
from infra.runtime.states import S, State
from infra.runtime.told import told

__all__ = ["Conflict", "Database", "Entry", "Ledger", "Page", "Said", "State", "Taken"]

Found = tuple[set[str], dict[Key, tuple[State, int]]]
Plain = PlainDatabase[dict[str, Any]]
"""PyMongo's own, which waits: only for threads that may."""
_DAY_SECONDS = 86_400
_THREADS_MAX = 10
"""Of a ledger. With the database away each may be held for two minutes, as long as the driver tries."""
_OTHER_OPTIONS = 85
"""The server's code for an index that is there with other options: `INBOX_KEEP_DAYS` was changed."""


class Conflict(Exception):
    """Another writer changed a state since it was loaded: read again and decide again."""


class Taken(Conflict):
    """What must be unique is there already: another writer was first, or it can never be written."""


class Page:
    """The entries of one batch, and the states they saw."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.entries: list[Entry] = []
        self.heard: list[str] = []
        self.parked: list[dict[str, Any]] = []
        self.fired: list[dict[str, Any]] = []
        """Timers that had their effect, as they were set: one that is gone, or was set anew, is a conflict."""
        self.unparked: list[str] = []
        self._loaded: dict[Key, State | None] = {}
        self._versions: dict[Key, int] = {}
        self._overlay: dict[Key, State | None] = {}

    def entry(self, cause: str, handler: str, correlation: str) -> Entry:
        """A new, empty entry on this page."""
        return Entry(self, cause, handler, self.ledger.clock.now(), correlation)

    def accept(self, entry: Entry) -> None:
        """The entry counts: later entries see what it wrote."""
        self.entries.append(entry)
        self._overlay.update(entry.writes)

    async def load(self, model: type[S], id: str) -> S | None:
        key = (model, id)
        if key in self._overlay:
            return self._overlay[key]  # type: ignore[return-value]
        if key not in self._loaded:
            await self.fetch([key])
        return self._loaded[key]  # type: ignore[return-value]

    async def fetch(self, keys: Iterable[Key]) -> None:
        """Loads many states with one query per model."""
        await self.open((), keys)

    async def open(self, inbox: Sequence[str], needs: Iterable[Key]) -> set[str]:
        """Loads what is needed; returns which of these inbox keys have had their effect."""
        wanted: dict[type[State], list[str]] = defaultdict(list)
        for model, id in dict.fromkeys(needs):
            if (model, id) not in self._loaded:
                wanted[model].append(id)
        if not (inbox or wanted):
            return set()
        heard, found = await self.ledger.read(inbox, wanted)
        for model, ids in wanted.items():
            for id in ids:
                self._loaded[model, id], self._versions[model, id] = None, 0
        for key, (state, version) in found.items():
            self._loaded[key], self._versions[key] = state, version
        return heard

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.entries or self.heard or self.parked or self.fired or self.unparked)

    def outgoing(self) -> list[Outgoing]:
        """Everything the page says, in order."""
        return [letter for entry in self.entries for letter in entry.sealed()]

    async def learn_versions(self) -> None:
        """Of what it is to write without having been read."""
        await self.fetch(self._overlay)

    def write(self, db: Plain, session: ClientSession, rows: Sequence[dict[str, Any]]) -> None:
        """Writes the whole page in the caller's transaction; its versions are known."""
        if self.heard:
            at = datetime.now(UTC)
            db.inbox.insert_many([{"_id": key, "at": at} for key in self.heard], session=session)
        self._write_states(db, session)
        self._write_timers(db, session)
        if rows:
            db.outbox.insert_many(rows, session=session)
        if self.parked:
            parked = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in self.parked]
            db.parked.bulk_write(parked, session=session)
        if self.unparked:
            gone = db.parked.delete_many({"_id": {"$in": self.unparked}}, session=session)
            if gone.deleted_count != len(self.unparked):
                raise Conflict("a parked letter was heard again by another member")

    def _write_states(self, db: Plain, session: ClientSession) -> None:
        by_collection: dict[str, list[Any]] = defaultdict(list)
        there: dict[str, int] = defaultdict(int)
        for (model, id), state in self._overlay.items():
            version = self._versions[model, id]
            there[model.COLLECTION] += version > 0
            if state is None:
                by_collection[model.COLLECTION].append(DeleteOne({"_id": id, "_v": version}))
            elif version == 0:
                by_collection[model.COLLECTION].append(InsertOne({**state.document(), "_v": 1}))
            else:
                document = {**state.document(), "_v": version + 1}
                by_collection[model.COLLECTION].append(ReplaceOne({"_id": id, "_v": version}, document))
        for collection, writes in by_collection.items():
            result = db[collection].bulk_write(writes, session=session)
            if result.matched_count + result.deleted_count != there[collection]:
                raise Conflict(f"a state in {collection} was changed by another writer")

    def _write_timers(self, db: Plain, session: ClientSession) -> None:
        timers, last = db.timers, self._last_set()
        writes: list[Any] = [DeleteOne(timer) for timer in self.fired]
        writes += [ReplaceOne({"_id": id}, timer, upsert=True) for id, timer in last.items() if timer]
        if writes:
            result = timers.bulk_write(writes, session=session)
            if result.deleted_count != len(self.fired):
                raise Conflict("a timer was fired or set by another writer")
        if back := [id for id, timer in last.items() if timer is None]:
            timers.delete_many({"_id": {"$in": back}}, session=session)

    def _last_set(self) -> dict[str, dict[str, Any] | None]:
        """Each timer as the last entry set it; None where that took it back."""
        last: dict[str, dict[str, Any] | None] = {}
        for entry in self.entries:
            for id, (name, key, due) in entry.timers.items():
                last[id] = None
                if due is not None:
                    last[id] = {
                        "_id": id,
                        "name": name,
                        "key": key,
                        "due": due,
                        "armed_by": entry.mark,
                        "correlation": entry.correlation,
                        "trace": dict(entry.trace),
                    }
        return last


def runtime_indexes(keep_days: int) -> dict[str, list[IndexModel]]:
    """The indexes that every service's database has, by collection."""
    forgotten = IndexModel([("at", 1)], expireAfterSeconds=keep_days * _DAY_SECONDS)
    return {
        "inbox": [forgotten],
        "acts": [forgotten],
        "outbox": [IndexModel([("owner", 1), ("seq", 1)])],
        "timers": [IndexModel([("due", 1), ("_id", 1)])],
    }


def _is_duplicate(error: BulkWriteError | DuplicateKeyError) -> bool:
    if isinstance(error, DuplicateKeyError):
        return True
    return any(write.get("code") == 11000 for write in (error.details or {}).get("writeErrors", []))


class Ledger:
    """Opens pages over one service's database and commits them."""

    def __init__(self, client: AsyncIOMotorClient[dict[str, Any]], database: str, clock: Clock, owner: str) -> None:
        concern = WriteConcern("majority")
        self.client = client
        self.db: Database = client.get_database(database, write_concern=concern, read_concern=ReadConcern("majority"))
        self._plain: Plain = self.db.delegate
        self._threads = ThreadPoolExecutor(_THREADS_MAX, thread_name_prefix=f"ledger {database}")
        self.clock = clock
        self.owner = owner
        self.lock = asyncio.Lock()
        self._sequence = 0
        """Of the last row put into the outbox, by the machine's clock where that has not gone back."""
        self.timers_written = 0
        """Counts the commits that wrote timers: what is known of them is old when it has grown."""

    async def prepare(self, collections: Iterable[str], keep_days: int) -> None:
        """Creates what a transaction must find there, and the runtime's own indexes."""
        there = set(await self.db.list_collection_names())
        for name in {"inbox", "outbox", "timers", "parked", *collections} - there:
            try:
                await self.db.create_collection(name)
            except PyMongoError as error:
                if getattr(error, "code", None) != 48:  # another instance was first
                    raise
        for name, indexes in runtime_indexes(keep_days).items():
            await self._index(name, indexes, keep_days)
        last = await self.db.outbox.find_one({"owner": self.owner}, {"seq": 1}, sort=[("seq", -1)])
        self._sequence = last["seq"] if last else 0

    async def _index(self, name: str, indexes: Sequence[IndexModel], keep_days: int) -> None:
        try:
            await self.db[name].create_indexes(list(indexes))
        except OperationFailure as error:
            if error.code != _OTHER_OPTIONS:
                raise
            keep = {"keyPattern": {"at": 1}, "expireAfterSeconds": keep_days * _DAY_SECONDS}
            await self.db.command("collMod", name, index=keep)

    def page(self) -> Page:
        """A new, empty page."""
        return Page(self)

    async def read(self, inbox: Sequence[str], wanted: Mapping[type[State], Sequence[str]]) -> Found:
        """Which of these inbox keys are there, and these states with their versions."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, inbox, wanted)

    def _read(self, inbox: Sequence[str], wanted: Mapping[type[State], Sequence[str]]) -> Found:
        heard, found = set[str](), dict[Key, tuple[State, int]]()
        if inbox:
            heard = {row["_id"] for row in self._plain.inbox.find({"_id": {"$in": list(inbox)}}, {"_id": 1})}
        for model, ids in wanted.items():
            for document in self._plain[model.COLLECTION].find({"_id": {"$in": list(ids)}}):
                found[model, document["_id"]] = model.of(document), document["_v"]
        return heard, found

    async def commit(self, page: Page) -> list[Bundle]:
        """Writes the page, all or nothing; returns what is now to be said. Raises `Conflict` or the driver's error."""
        await page.learn_versions()
        bundles = bundled(page.outgoing())
        rows = [bundle.row(self.owner, self._next()) for bundle in bundles]
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, page, rows)
        except (DuplicateKeyError, BulkWriteError) as error:
            if _is_duplicate(error):
                raise Taken(told(error)) from error
            raise
        self.timers_written += bool(page.fired) or any(entry.timers for entry in page.entries)
        if any(due and due <= self.clock.horizon() for entry in page.entries for _, _, due in entry.timers.values()):
            self.clock.stir()
        return bundles

    def _transact(self, page: Page, rows: Sequence[dict[str, Any]]) -> None:
        """The transaction, from its beginning to its end."""
        with self._plain.client.start_session() as session:
            session.with_transaction(lambda mine: page.write(self._plain, mine, rows))

    def goes_on_behind(self, sequence: int) -> None:
        """What is committed from here on comes behind this row of the outbox, whatever the clocks say."""
        self._sequence = max(self._sequence, sequence)

    def _next(self) -> int:
        self._sequence = max(self._sequence + 1, int(datetime.now(UTC).timestamp() * 1_000_000))
        return self._sequence
