"""What the console keeps, and the queries over it: the chronicle, spans, sessions, and tries to sign in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import BulkWriteError

from infra.runtime.ledger import Database
from services.console.domain.rows import Row
from services.console.domain.spans import Span

_EXPIRES = IndexModel("expires", expireAfterSeconds=0)
SPANS_MAX = 2_000
"""So many spans of one trace are looked at."""
ROWS_MAX = 2_000
_LIFTED = {
    "site": "om.site", "fault": "om.fault", "agreement": "om.agreement", "event": "om.event_id",
}  # fmt: skip
"""Attributes that are searched by, and so stand beside the others."""


def _some(name: str) -> IndexModel:
    """For a field that not every document has."""
    return IndexModel([(name, ASCENDING), ("at", DESCENDING)], partialFilterExpression={name: {"$exists": True}})


INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "chronicle": [
        IndexModel([("type", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("fault", ASCENDING), ("at", ASCENDING)]),
        IndexModel([("task", ASCENDING), ("at", ASCENDING)]),
        IndexModel("agreement"),
        IndexModel("lot"),
        IndexModel("notice"),
        IndexModel("refs"),
        IndexModel("trace"),
    ],
    "spans": [
        _EXPIRES,
        IndexModel([("trace", ASCENDING), ("ns", ASCENDING)]),
        IndexModel([("at", DESCENDING)]),
        *(_some(name) for name in (*_LIFTED, "error")),
    ],
    "sessions": [_EXPIRES],
    "tries": [_EXPIRES],
}


@dataclass(frozen=True, slots=True)
class Head:
    """A trace in one line: what began it, who had a part in it, how long it took, what went wrong."""

    trace: str
    at: datetime
    name: str
    services: tuple[str, ...]
    spans: int
    lasted: timedelta
    errors: int


async def keep_rows(db: Database, rows: Sequence[Row]) -> None:
    """Writes rows; one that is there already stays as it is."""
    await _insert(db, "chronicle", [row.document() for row in rows])


async def keep_spans(db: Database, spans: Sequence[Span], now: datetime, keep: timedelta) -> None:
    """Writes spans until `now + keep`; one that was sent before stays as it is."""
    if spans:
        await _insert(db, "spans", [_document(span, now + keep) for span in spans])


async def _insert(db: Database, collection: str, documents: Sequence[dict[str, Any]]) -> None:
    try:
        await db[collection].insert_many(documents, ordered=False)
    except BulkWriteError as error:
        if any(failed["code"] != 11000 for failed in error.details["writeErrors"]):
            raise


def _document(span: Span, expires: datetime) -> dict[str, Any]:
    lifted = {name: span.attributes[key] for name, key in _LIFTED.items() if key in span.attributes}
    error = {} if span.error is None else {"error": span.error}
    return {
        "_id": f"{span.trace}/{span.span}", "trace": span.trace, "span": span.span, "parent": span.parent,
        "service": span.service, "name": span.name, "at": span.at, "ns": span.started_ns, "ended": span.ended_ns,
        "attributes": [[key, value] for key, value in span.attributes.items()], "expires": expires,
        **lifted, **error,
    }  # fmt: skip


def _span(document: Mapping[str, Any]) -> Span:
    return Span(
        trace=document["trace"], span=document["span"], parent=document["parent"], service=document["service"],
        name=document["name"], started_ns=document["ns"], ended_ns=document["ended"], error=document.get("error"),
        attributes=dict(document["attributes"]),
    )  # fmt: skip


async def spans_of(db: Database, traces: Collection[str]) -> list[Span]:
    """The spans of these traces, the first `SPANS_MAX` of them."""
    found = db.spans.find({"trace": {"$in": list(traces)}}).sort([("trace", 1), ("ns", 1)]).limit(SPANS_MAX)
    return [_span(document) async for document in found]


async def rows_that(db: Database, query: Mapping[str, Any], limit: int = ROWS_MAX) -> list[Row]:
    """Rows of the chronicle, the oldest first."""
    return [Row.of(document) async for document in db.chronicle.find(dict(query)).sort("at", 1).limit(limit)]


async def traces_with(db: Database, query: Mapping[str, Any], limit: int) -> list[str]:
    """The traces of spans that fit, the one with the newest span first."""
    found = db.spans.find(dict(query), {"trace": 1, "_id": 0}).sort("at", -1).limit(limit)
    return list(dict.fromkeys([row["trace"] async for row in found]))


async def heads_of(db: Database, traces: Collection[str]) -> dict[str, Head]:
    """By trace, what is known of its spans together."""
    stages: list[Mapping[str, Any]] = [
        {"$match": {"trace": {"$in": list(traces)}}},
        {"$sort": {"trace": 1, "ns": 1}},
        {
            "$group": {
                "_id": "$trace", "at": {"$first": "$at"}, "name": {"$first": "$name"}, "from": {"$min": "$ns"},
                "to": {"$max": "$ended"}, "services": {"$addToSet": "$service"}, "spans": {"$sum": 1},
                "errors": {"$sum": {"$cond": [{"$gt": ["$error", None]}, 1, 0]}},
            }
        },
    ]  # fmt: skip
    return {
        row["_id"]: Head(
            row["_id"], row["at"], row["name"], tuple(sorted(row["services"])), row["spans"],
            timedelta(microseconds=(row["to"] - row["from"]) / 1000), row["errors"],
        )
        async for row in db.spans.aggregate(stages)
    }  # fmt: skip
