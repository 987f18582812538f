"""Routes of the quarantine: what was refused is listed, counted, and can be released."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from contracts.events.assets import ReadingRejectedV1
from contracts.values import Words
from infra.runtime.acts import Database
from infra.runtime.problems import Problem, not_found
from infra.runtime.security import PEOPLE, Caller, allow
from services.assets import store
from services.assets.api.posts import Receipt, receipt_of
from services.assets.gateway import Gateway
from services.assets.register import Known, Register
from services.assets.release import released

router = APIRouter(prefix="/v1", tags=["assets"])


class RejectionView(BaseModel):
    """Something that was refused and is kept apart."""

    rejection: str
    reason: str
    detail: str
    site: str | None
    mn: str | None
    code: str | None
    time: datetime | None
    received_at: datetime
    piece: str
    released: str | None


@router.get("/rejections", dependencies=[allow(*PEOPLE)])
async def list_rejections(
    db: Database, caller: Caller, reason: str | None = None, site: str | None = None
) -> list[RejectionView]:
    """What was refused, newest first, at most 500; a supplier sees its own sites'."""
    query: dict[str, Any] = {name: value for name, value in (("reason", reason), ("site", site)) if value}
    if caller.role == "supplier":
        mine = [row["_id"] async for row in db.places.find({"supplier": caller.organisation}, {"_id": 1})]
        query = {"$and": [query, {"site": {"$in": mine}}]}
    rows = db.rejections.find(query).sort("received_at", -1).limit(500)
    return [
        RejectionView(
            **{"rejection": row["_id"], **{n: row.get(n) for n in RejectionView.model_fields if n != "rejection"}}
        )
        async for row in rows
    ]


@router.get("/rejections/counts", dependencies=[allow(*PEOPLE)])
async def count_rejections(db: Database, caller: Caller) -> dict[str, int]:
    """How many were refused, by reason."""
    match: dict[str, Any] = {}
    if caller.role == "supplier":
        match = {
            "site": {"$in": [row["_id"] async for row in db.places.find({"supplier": caller.organisation}, {"_id": 1})]}
        }
    rows = db.rejections.aggregate([{"$match": match}, {"$group": {"_id": "$reason", "n": {"$sum": 1}}}])
    return {row["_id"]: row["n"] async for row in rows}


@router.post("/rejections/{rejection:path}/release", dependencies=[allow("administrator")])
async def release(rejection: str, db: Database, request: Request, caller: Caller) -> Receipt:
    """Lets what was refused count after all: it becomes a reading that names the rejection it comes from.

    What is still refused is said in the answer and refused anew by itself; where nothing else is left, it is 409 and
    nothing is changed. A `conflict` takes the place of what it contradicts.
    """
    row = await db.rejections.find_one({"_id": rejection})
    if row is None:
        raise not_found(rejection)
    gateway: Gateway = request.app.state.gateway
    known, now = await _logger_of(row, request.app.state.register), request.app.state.room.clock.now()
    taken = released(ReadingRejectedV1.model_validate(row), known, now, gateway.tolerance)
    if isinstance(taken, Words):
        raise _unreleasable(taken)
    receipt = receipt_of([taken])
    if not receipt.taken:
        raise _unreleasable(_STILL_REFUSED, "; ".join(receipt.refused), refused=receipt.refused)
    await gateway.publish([taken])
    await store.mark_released(db, rejection, caller.person)
    return receipt


_STILL_REFUSED = Words(zh="仍不符合要求，未放行", en="It is still refused: nothing was released")
_NO_LOGGER = Words(zh="没有已登记的数采仪，无法放行", en="No registered logger: it cannot be released")


def _unreleasable(why: Words, detail: str = "", **more: Any) -> Problem:
    return Problem(409, "not-releasable", why, detail, **more)


async def _logger_of(row: dict[str, Any], register: Register) -> Known:
    site = await register.by_site(row["site"]) if row["site"] else None
    known = site or (await register.by_mn(row["mn"]) if row["mn"] else None)
    if known is None:
        raise _unreleasable(_NO_LOGGER)
    return known
