"""The queries of assets: readings by their natural key, rejections, and the indexes under them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from bson import decode, encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel, UpdateOne
from pymongo.errors import BulkWriteError

from contracts.events.assets import ReadingReceivedV1, ReadingRejectedV1
from infra.runtime.ledger import Database
from infra.runtime.states import State
from services.assets.kept import Document, Values, kept_of, opened, shorter, shown
from services.assets.merge import Merge, merge_of
from services.assets.said import reading_id

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "readings": (),
    "rejections": (IndexModel([("received_at", -1)]), IndexModel([("site", 1), ("received_at", -1)])),
    "publications": (),
    "uploads": (),
}
_DUPLICATE = 11000
_IN_UTC: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)


class Publication(State):
    """A version of an agreement that was published here; `id` is `agreement@version`."""

    COLLECTION: ClassVar[str] = "publications"
    agreement: str
    version: int
    digest: str
    by: str
    at: datetime


def document_of(event_id: str, reading: ReadingReceivedV1) -> Document:
    """A reading as it is stored: one document, keyed by site, kind and time."""
    return {
        "_id": reading.reading, "site": reading.site, "kind": reading.kind, "time": reading.time, "at": reading.at,
        "received_at": reading.received_at, "released_from": reading.released_from, "channel": reading.channel,
        "digest": reading.digest, "event": event_id, "values": kept_of(reading.values),
    }  # fmt: skip


def written(document: Document) -> RawBSONDocument:
    """A document in the bytes that the database takes: made while it is warm, and by the thread that made it."""
    return RawBSONDocument(encode(document))


def row_of(event_id: str, reading: ReadingReceivedV1) -> RawBSONDocument:
    """A reading as it goes to the database."""
    return written(document_of(event_id, reading))


def document_in(row: RawBSONDocument) -> Document:
    """The document that was written."""
    return decode(row.raw, _IN_UTC)


async def insert_readings(db: Database, rows: Sequence[RawBSONDocument]) -> list[Document]:
    """Stores what is not there yet; returns the documents whose key was taken."""
    try:
        await db.readings.insert_many(rows, ordered=False)
    except BulkWriteError as error:
        failures = (error.details or {})["writeErrors"]
        if any(failure["code"] != _DUPLICATE for failure in failures):
            raise
        return [document_in(rows[failure["index"]]) for failure in failures]
    return []


async def merge_readings(db: Database, repeats: Sequence[Document]) -> list[tuple[Document, Values]]:
    """Merges what came for a reading that is stored. Returns (repeat, values) of what contradicts the stored."""
    found = db.readings.find({"_id": {"$in": [row["_id"] for row in repeats]}})
    stored = {row["_id"]: opened(row) async for row in found}
    conflicts: list[tuple[Document, Values]] = []
    updates: list[UpdateOne] = []
    for repeat in map(opened, repeats):
        merge = merge_of(stored[repeat["_id"]], repeat)
        if merge.counts:
            merge.apply(stored[repeat["_id"]], repeat["event"])
            updates.append(_update(repeat, merge))
        if merge.contradicts:
            conflicts.append((repeat, merge.contradicts))
    if updates:
        await db.readings.bulk_write(updates)
    return conflicts


def _update(repeat: Document, merge: Merge) -> UpdateOne:
    sets: dict[str, Any] = {f"values.{code}": shorter(value) for code, value in merge.sets.items()}
    if merge.replaces:
        sets[f"replaced.{repeat['event']}"] = merge.replaces
    setting = {"$set": sets} if sets else {}
    return UpdateOne({"_id": repeat["_id"]}, {**setting, "$addToSet": {"also": repeat["event"]}})


async def insert_rejections(db: Database, rejections: Sequence[ReadingRejectedV1]) -> None:
    """Keeps what was refused, once."""
    rows = [{**_rejection(rejection), "released": None} for rejection in rejections]
    try:
        await db.rejections.insert_many(rows, ordered=False)
    except BulkWriteError as error:
        if any(failure["code"] != _DUPLICATE for failure in (error.details or {})["writeErrors"]):
            raise


async def mark_released(db: Database, rejection: str, person: str) -> None:
    """Somebody let it count; the first to do so is named."""
    await db.rejections.update_one({"_id": rejection, "released": None}, {"$set": {"released": person}})


def _rejection(rejection: ReadingRejectedV1) -> dict[str, Any]:
    fields = rejection.model_dump(mode="json")
    times = {name: getattr(rejection, name) for name in ("at", "received_at", "time")}
    return {"_id": rejection.rejection, **fields, **times}


async def latest_readings(db: Database, site: str, kind: str) -> dict[str, Any] | None:
    """The newest reading of a site."""
    query = {"_id": {"$gte": f"{site}/{kind}/", "$lt": f"{site}/{kind}0"}}
    row = await db.readings.find_one(query, sort=[("_id", -1)])
    return row and opened(row)


async def reading(db: Database, id: str) -> dict[str, Any] | None:
    """One reading by its natural key."""
    row = await db.readings.find_one({"_id": id})
    return row and opened(row)


async def readings(db: Database, site: str, kind: str, start: datetime, end: datetime) -> AsyncIterator[dict[str, Any]]:
    """A site's readings with start <= time < end, oldest first."""
    async for row in db.readings.find(between(site, kind, start, end)).sort("_id", 1):
        yield opened(row)


def between(site: str, kind: str, start: datetime, end: datetime) -> dict[str, Any]:
    """The query for a site's readings with start <= time < end: by the natural key alone."""
    return {"_id": {"$gte": reading_id(site, kind, start), "$lt": reading_id(site, kind, end)}}


async def series(db: Database, site: str, kind: str, code: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """One parameter over time, oldest first."""
    rows = db.readings.find(between(site, kind, start, end), {"time": 1, f"values.{code}": 1}).sort("_id", 1)
    return [
        {"time": row["time"].astimezone(UTC), **shown(row["values"][code])}
        async for row in rows
        if code in row["values"]
    ]
