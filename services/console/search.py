"""Searching: which faults, and which traces, fit what somebody typed. What a caller may not see is not found."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from contracts.agreements.agreement import Agreement
from infra.runtime.agreements import Reader, agreement_of, lots_of
from infra.runtime.ledger import Database
from infra.runtime.security import Identity
from services.console.domain.faults import Line, lines_of
from services.console.domain.names import ZONE, Names, names_of
from services.console.domain.rows import Row
from services.console.store import Head, heads_of, rows_that, traces_with

FAULTS_MAX = 100
TRACES_MAX = 60
_OPENED = "FaultOpenedV1"
_ERRORS = {"error": {"$exists": True}}
_TELLS = ("NoticeRequestedV1", "NoticeSentV1", "NoticeDeliveredV1", "NoticeFailedV1")

_Day = Annotated[date, Field(ge=date(1970, 1, 1), le=date(2199, 12, 31))]
"""A day that has a midnight in UTC, and a day after it."""


_BEGINNING = re.compile(r"[0-9a-f]{8}[0-9a-f-]*")


def _or_none(value: Any) -> Any:
    return value.strip() or None if isinstance(value, str) else value


class Wanted(BaseModel):
    """What is looked for. `q`: the id of a fault, agreement, event, trace, task or notice, or how a fault's id
    begins, as messages to people have it. Days are local."""

    model_config = ConfigDict(frozen=True)
    q: Annotated[str | None, BeforeValidator(_or_none)] = None
    site: Annotated[str | None, BeforeValidator(_or_none)] = None
    since: Annotated[_Day | None, BeforeValidator(_or_none)] = None
    until: Annotated[_Day | None, BeforeValidator(_or_none)] = None
    error: bool = False

    @property
    def span(self) -> dict[str, datetime]:
        """The time range as a query has it; both days are included."""
        found = {}
        if self.since:
            found["$gte"] = _day(self.since)
        if self.until:
            found["$lt"] = _day(self.until + timedelta(days=1))
        return found


def _day(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


async def names_in(db: Database, caller: Identity) -> Names:
    """The names that the agreements give, by their newest versions; its `sites` are those that a caller may see."""
    newest: dict[str, int] = {}
    async for row in db.agreements.find({}, {"agreement": 1, "version": 1}):
        newest[row["agreement"]] = max(row["version"], newest.get(row["agreement"], 0))
    reader = Reader(db)
    known: list[Agreement] = [await agreement_of(reader, id, version) for id, version in sorted(newest.items())]
    return names_of(known, await lots_seen(db, caller))


async def lots_seen(db: Database, caller: Identity) -> list[str] | None:
    """The lots (`agreement/lot`) whose faults a caller may see; None: all. Nobody else sees anything."""
    match caller.role:
        case "administrator" | "auditor":
            return None
        case "supplier":
            return await lots_of(db, caller.organisation)
        case "buyer":
            bought = await db.agreements.distinct("agreement", {"terms.buyer": caller.organisation})
            return [row["_id"] async for row in db.lots.find({"agreement": {"$in": bought}}, {"_id": 1})]
    return []


async def faults_that(db: Database, caller: Identity, wanted: Wanted) -> list[Line]:
    """Faults that fit, the newest first, at most `FAULTS_MAX`."""
    query: dict[str, Any] = {"type": _OPENED, **_within(await lots_seen(db, caller))}
    if wanted.site:
        query["site"] = wanted.site
    if wanted.span:
        query["at"] = wanted.span
    only = [await _faults_named(db, wanted.q)] if wanted.q else []
    if wanted.error:
        only.append(await _faults_in(db, await traces_with(db, _ERRORS, 2_000)))
    if only:
        query["fault"] = {"$in": sorted(set.intersection(*only))}
    opened = db.chronicle.find(query, {"fault": 1}).sort("at", -1).limit(FAULTS_MAX)
    faults = [row["fault"] async for row in opened]
    return lines_of(await rows_that(db, {"fault": {"$in": faults}}, limit=FAULTS_MAX * 100))


def _within(lots: list[str] | None) -> dict[str, Any]:
    return {} if lots is None else {"lot": {"$in": lots}}


async def _faults_named(db: Database, q: str) -> set[str]:
    """The faults that an id has to do with: its own, those it refers to, and those in its trace."""
    named = ("_id", "fault", "agreement", "lot", "trace", "task", "notice", "refs")
    begins = [{"fault": {"$regex": f"^{q}"}}] if _BEGINNING.fullmatch(q) else []
    rows = await rows_that(db, {"$or": [*({name: q} for name in named), *begins]})
    refs = {ref for row in rows if row.fault is None for ref in row.refs}
    rows += await rows_that(db, {"_id": {"$in": sorted(refs)}})
    traces = await traces_with(db, {"event": q}, 50)
    return {row.fault for row in rows if row.fault} | await _faults_in(db, traces)


async def _faults_in(db: Database, traces: Collection[str]) -> set[str]:
    if not traces:
        return set()
    return set(await db.chronicle.distinct("fault", {"trace": {"$in": list(traces)}, "fault": {"$ne": None}}))


async def rows_of_fault(db: Database, caller: Identity, fault: str) -> list[Row]:
    """Everything that has to do with a fault; empty where there is none that the caller may see."""
    own = await rows_that(db, {"fault": fault, **_within(await lots_seen(db, caller))})
    opened = next((row for row in own if row.type == _OPENED), None)
    if opened is None:
        return []
    ids = [fault, *(row.id for row in own)]
    asked = await rows_that(db, {"refs": {"$in": ids}, "type": {"$in": list(_TELLS)}})
    notices = sorted({row.notice for row in asked if row.notice})
    return [
        *own,
        *await rows_that(db, {"notice": {"$in": notices}}),
        *await rows_that(db, {"task": {"$in": sorted({ref for row in own for ref in row.refs})}}),
        *await _scores(db, opened),
    ]


async def _scores(db: Database, opened: Row) -> list[Row]:
    """The scores of its site and the settlements of its lot from then on: also one that takes nothing any more."""
    since = {"$gte": opened.at}
    scores = {"type": "ScorePostedV1", "site": opened.site, "lot": opened.lot, "at": since}
    return [
        *await rows_that(db, scores),
        *await rows_that(db, {"type": "SettlementComputedV1", "lot": opened.lot, "at": since}),
    ]


async def traces_that(db: Database, wanted: Wanted) -> list[Head]:
    """Traces that fit, the newest first, at most `TRACES_MAX`. Times are those of the machine, not of the events."""
    query: dict[str, Any] = ({"at": wanted.span} if wanted.span else {}) | (_ERRORS if wanted.error else {})
    if wanted.site or wanted.q:
        query["trace"] = {"$in": sorted(await _traces_of(db, wanted))}
    found = (await traces_with(db, query, 3_000))[:TRACES_MAX]
    heads = await heads_of(db, found)
    return [heads[trace] for trace in found if trace in heads]


async def _traces_of(db: Database, wanted: Wanted) -> set[str]:
    """By what the chronicle knows, and by what stands on the spans themselves."""
    asked: list[set[str]] = []
    if wanted.q:
        names = ("_id", "fault", "agreement", "lot", "trace", "task", "notice", "refs", "key")
        asked.append(await _traces_by(db, wanted.q, names, ("trace", "event", "fault", "agreement")))
    if wanted.site:
        asked.append(await _traces_by(db, wanted.site, ("site",), ("site",)))
    return set.intersection(*asked)


async def _traces_by(db: Database, value: str, of_rows: Iterable[str], of_spans: Iterable[str]) -> set[str]:
    rows = db.chronicle.find({"$or": [{name: value} for name in of_rows]}, {"trace": 1}).sort("at", -1).limit(1_000)
    traces = await traces_with(db, {"$or": [{name: value} for name in of_spans]}, 1_000)
    return {row["trace"] async for row in rows if row["trace"]} | set(traces)
