"""Evidence: every event that a score can rest on, kept as it was said, each once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.errors import BulkWriteError

from contracts.events.assets import AgreementPublishedV1, ReadingReceivedV1
from contracts.events.catalog import EVENTS, OWNERS
from contracts.events.event import Event
from contracts.events.incidents import FaultEvent, FaultOpenedV1, FaultReopenedV1, FaultResolvedV1
from contracts.events.inspections import InspectionEvent
from infra.runtime.ledger import Database
from infra.runtime.letters import Letter
from services.scoring.recorded import Recorded
from services.scoring.span import first_day, midnight, month_after

COLLECTION = "evidence"
KEPT: tuple[type[Event], ...] = (
    ReadingReceivedV1,
    AgreementPublishedV1,
    *OWNERS["inspections"],
    *OWNERS["incidents"],
)
INDEXES = [
    IndexModel([("site", ASCENDING), ("hour", ASCENDING)], partialFilterExpression={"hour": {"$exists": True}}),
    IndexModel([("lot", ASCENDING), ("fault", ASCENDING)], partialFilterExpression={"fault": {"$exists": True}}),
    IndexModel([("lot", ASCENDING), ("closes", ASCENDING)], partialFilterExpression={"closes": {"$exists": True}}),
    IndexModel([("lot", ASCENDING), ("type", ASCENDING), ("at", ASCENDING)]),
]
Document = dict[str, Any]
_DUPLICATE = 11000


def is_kept(event: Event) -> bool:
    """Of readings only those of hours; of everything else that is listened to, all."""
    return not isinstance(event, ReadingReceivedV1) or event.kind == "hour"


def kept(letter: Letter, event: Event) -> Document:
    """The document of one event, under its id: a reading that came in several packets is several events."""
    return {
        "_id": letter.id,
        "event": letter.id,
        "type": letter.type,
        "source": letter.attributes.get("ce_source", ""),
        "subject": event.key,
        "time": letter.attributes.get("ce_time", event.at.isoformat()),
        "at": event.at,
        **_place(event),
        "data": json.loads(letter.value),
    }


def _place(event: Event) -> Document:
    match event:
        case ReadingReceivedV1():
            return {"site": event.site, "hour": event.time}
        case FaultEvent():
            return {"lot": f"{event.agreement}/{event.lot}", "site": event.site, "fault": event.fault}
        case InspectionEvent():
            return {"lot": f"{event.agreement}/{event.lot}", "site": event.site, "closes": event.closes}
        case AgreementPublishedV1():
            return {"agreement": event.agreement}
    return {}


async def keep(db: Database, documents: Sequence[Document]) -> None:
    """Keeps what is not kept yet: hearing something again changes nothing."""
    try:
        await db[COLLECTION].insert_many(documents, ordered=False)
    except BulkWriteError as error:
        if any(write["code"] != _DUPLICATE for write in (error.details or {}).get("writeErrors", [])):
            raise


async def documents_of(db: Database, lot: str, sites: Iterable[str], month: str) -> AsyncIterator[Document]:
    """What the score of a month of these sites of a lot (`agreement/lot`) rests on, by time: the hours of the month,
    the tasks whose window closed in it or that were done in it, all of the faults that were not over before it and had
    begun by its end, and the agreement's versions."""
    opens, closes = midnight(first_day(month)), midnight(first_day(month_after(month)))
    here = {"lot": lot, "site": {"$in": list(sites)}}
    others = [*await _over_before(db, here, opens), *await _begun_after(db, here, closes)]
    query = {
        "$or": [
            {"site": here["site"], "hour": {"$gte": opens, "$lt": closes}},
            {**here, "closes": {"$gt": opens, "$lte": closes}},
            {**here, "closes": {"$exists": True}, "at": {"$gte": opens, "$lt": closes}},
            {**here, "fault": {"$exists": True, "$nin": others}},
            {"agreement": lot.partition("/")[0]},
        ]
    }
    async for document in db[COLLECTION].find(query).sort([("at", 1), ("_id", 1)]):
        yield document


async def _over_before(db: Database, here: Document, opens: datetime) -> list[str]:
    """The faults with a resolution before this moment that no later reopening takes back."""
    ended, again = {"type": FaultResolvedV1.type(), "at": {"$lt": opens}}, {"type": FaultReopenedV1.type()}
    found = db[COLLECTION].aggregate(
        [
            {"$match": {"$or": [{**here, **ended}, {**here, **again}]}},
            {"$group": {"_id": "$fault", "end": _latest(FaultResolvedV1), "again": _latest(FaultReopenedV1)}},
            {"$match": {"$expr": {"$gt": ["$end", "$again"]}}},
        ]
    )
    return [document["_id"] async for document in found]


async def _begun_after(db: Database, here: Document, closes: datetime) -> list[str]:
    """The faults whose first sign came at this moment or later; one may open after a sign of the month before."""
    opened = db[COLLECTION].find({**here, "type": FaultOpenedV1.type(), "at": {"$gte": closes}}, {"data": 1})
    faults = [FaultOpenedV1.model_validate(document["data"]) async for document in opened]
    return [fault.fault for fault in faults if fault.since >= closes]


def _latest(step: type[FaultEvent]) -> Document:
    """Null where there is none, which is less than any time."""
    return {"$max": {"$cond": [{"$eq": ["$type", step.type()]}, "$at", None]}}


async def taken_back_by(db: Database, events: Iterable[Event]) -> list[Event]:
    """The kept resolutions of the faults that these events open again: a reopening changes what those had told."""
    again = [event for event in events if isinstance(event, FaultReopenedV1)]
    if not again:
        return []
    lots = sorted({f"{event.agreement}/{event.lot}" for event in again})
    faults = sorted({event.fault for event in again})
    query = {"lot": {"$in": lots}, "fault": {"$in": faults}, "type": FaultResolvedV1.type()}
    return [FaultResolvedV1.model_validate(document["data"]) async for document in db[COLLECTION].find(query)]


async def recorded_of(db: Database, lot: str, sites: Iterable[str], month: str) -> list[Recorded]:
    """The same, as events."""
    found = documents_of(db, lot, sites, month)
    return [Recorded(kept["event"], EVENTS[kept["type"]].model_validate(kept["data"])) async for kept in found]


def line_of(document: Document) -> str:
    """One line of an export: `{"id", "type", "source", "subject", "time", "data"}` as JSON."""
    names = {"event": "id", "type": "type", "source": "source", "subject": "subject", "time": "time", "data": "data"}
    return json.dumps({out: document[name] for name, out in names.items()}, ensure_ascii=False)
