"""The queries of incidents that are more than a load by id, and its indexes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field
from pymongo import ASCENDING, DESCENDING, IndexModel

from contracts.values import Month
from infra.runtime.ledger import Database
from services.incidents.domain import Fault

INDEXES = {
    "faults": [
        IndexModel(
            [("opened.asset", ASCENDING), ("opened.kind", ASCENDING)],
            name="one_open_fault_of_a_kind_on_an_asset",
            unique=True,
            partialFilterExpression={"open": True},
        ),
        IndexModel([("opened.at", DESCENDING), ("_id", ASCENDING)]),
        IndexModel([("opened.site", ASCENDING), ("opened.at", DESCENDING)]),
        IndexModel([("supplier", ASCENDING), ("opened.at", DESCENDING)]),
    ],
    "watches": [],
}
_SHANGHAI = ZoneInfo("Asia/Shanghai")


class Wanted(BaseModel):
    """Which faults are looked for: all that fit every field given. `month`: the local month they opened in. `number`:
    how the id begins, as an SMS says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    site: str | None = None
    state: Literal["open", "resolved"] | None = None
    month: Month | None = None
    supplier: str | None = None
    number: Annotated[str, Field(pattern="^[0-9a-f]{8}$")] | None = None
    limit: int = Field(default=100, ge=1, le=500)
    skip: int = Field(default=0, ge=0)


async def faults_that(db: Database, wanted: Wanted) -> list[Fault]:
    """The faults that fit, newest first."""
    newest_first = [("opened.at", DESCENDING), ("_id", ASCENDING)]
    cursor = db[Fault.COLLECTION].find(_query(wanted)).sort(newest_first).skip(wanted.skip).limit(wanted.limit)
    return [Fault.of(document) async for document in cursor]


async def fault_of(db: Database, fault: str) -> Fault | None:
    """The fault of this id."""
    document = await db[Fault.COLLECTION].find_one({"_id": fault})
    return Fault.of(document) if document else None


def _query(wanted: Wanted) -> dict[str, Any]:
    query: dict[str, Any] = {}
    if wanted.site is not None:
        query["opened.site"] = wanted.site
    if wanted.state is not None:
        query["open"] = wanted.state == "open"
    if wanted.month is not None:
        starts, ends = month_of(wanted.month)
        query["opened.at"] = {"$gte": starts, "$lt": ends}
    if wanted.supplier is not None:
        query["supplier"] = wanted.supplier
    if wanted.number is not None:
        query["_id"] = {"$gte": wanted.number, "$lt": f"{wanted.number}g"}
    return query


def month_of(month: str) -> tuple[datetime, datetime]:
    """The first instant of a local month (`2026-04`) and that of the next, in UTC."""
    year, number = int(month[:4]), int(month[5:])
    starts = datetime(year, number, 1, tzinfo=_SHANGHAI)
    ends = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=_SHANGHAI)
    return starts.astimezone(UTC), ends.astimezone(UTC)
