"""What this room remembers besides its tasks, its indexes, and the queries that are more than a load by id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field
from pymongo import ASCENDING, IndexModel

from contracts.values import Moment, Month
from infra.runtime.ledger import Database
from infra.runtime.states import State
from services.inspections.domain.task import Task, TaskState

_SHANGHAI = ZoneInfo("Asia/Shanghai")


class Roster(State):
    """How far the tasks of an agreement (`id`) are on the list: those of `version`, up to `upto`."""

    COLLECTION: ClassVar[str] = "rosters"
    version: int
    upto: Moment


class Photo(State):
    """A photo (`id` is its SHA-256 digest) and the first task that showed it."""

    COLLECTION: ClassVar[str] = "photos"
    task: str


INDEXES: dict[str, Sequence[IndexModel]] = {
    Task.COLLECTION: (
        IndexModel([("closes", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("supplier", ASCENDING), ("closes", ASCENDING)]),
        IndexModel([("site", ASCENDING), ("closes", ASCENDING)]),
    ),
    Roster.COLLECTION: (),
    Photo.COLLECTION: (),
}


class Wanted(BaseModel):
    """Which tasks are looked for: all that fit every field given.

    `day`: open on some part of that local day. `month`: due in that local month, by scoring's rule: a close at its last
    midnight still belongs to it. `due_by`: closing at that moment at the latest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    agreement: str | None = None
    lot: str | None = None
    site: str | None = None
    plan: str | None = None
    state: TaskState | None = None
    day: date | None = None
    month: Month | None = None
    due_by: Moment | None = None
    limit: int = Field(default=100, ge=1, le=500)
    skip: int = Field(default=0, ge=0)


async def tasks_that(db: Database, wanted: Wanted, supplier: str | None) -> list[Task]:
    """The tasks that fit, the next to close first; only those of `supplier`, where one is given."""
    soonest_first = [("closes", ASCENDING), ("_id", ASCENDING)]
    query = _query(wanted, supplier)
    cursor = db[Task.COLLECTION].find(query).sort(soonest_first).skip(wanted.skip).limit(wanted.limit)
    return [Task.of(document) async for document in cursor]


def _query(wanted: Wanted, supplier: str | None) -> dict[str, Any]:
    named = wanted.model_dump(include={"agreement", "lot", "site", "plan", "state"}, exclude_none=True)
    query: dict[str, Any] = {**named, **({"supplier": supplier} if supplier is not None else {})}
    times = [_on_day(wanted.day), _in_month(wanted.month), {"closes": {"$lte": wanted.due_by}} if wanted.due_by else {}]
    if any(times):
        query["$and"] = [time for time in times if time]
    return query


def _on_day(day: date | None) -> dict[str, Any]:
    if day is None:
        return {}
    return {"opens": {"$lt": _midnight(day + timedelta(days=1))}, "closes": {"$gt": _midnight(day)}}


def _in_month(month: str | None) -> dict[str, Any]:
    if month is None:
        return {}
    first = date(int(month[:4]), int(month[5:]), 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return {"closes": {"$gt": _midnight(first), "$lte": _midnight(following)}}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _SHANGHAI).astimezone(UTC)
