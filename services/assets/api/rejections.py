"""Routes of the quarantine: what was refused is listed, counted, and can be released."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from contracts.events.assets import ReadingRejectedV1
from contracts.values import Words
from infra.runtime.acts import Database
from infra.runtime.problems import Problem, not_found
from infra.runtime.security import PEOPLE, Caller, allow
from services.assets.api.posts import Receipt
from services.assets.gateway import Gateway
from services.assets.hj212 import parse
from services.assets.hj212.grammar import Malformed
from services.assets.intake import Sent, sent_of, take
from services.assets.register import Known, Register

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
    """Lets what was refused count after all: it becomes a reading that names the rejection it comes from."""
    row = await db.rejections.find_one({"_id": rejection})
    if row is None:
        raise not_found(rejection)
    known, sent = await _again(row, request.app.state.register)
    taken = take(sent, known, request.app.state.room.clock.now(), timedelta(minutes=5), released_from=rejection)
    gateway: Gateway = request.app.state.gateway
    await gateway.publish([taken])
    await db.rejections.update_one({"_id": rejection}, {"$set": {"released": caller.person}})
    refused = [event.detail for event in taken.events if isinstance(event, ReadingRejectedV1)]
    return Receipt(taken=len(taken.events) - len(refused), refused=refused)


async def _again(row: dict[str, Any], register: Register) -> tuple[Known, Sent]:
    """What a rejection says once more, from its values or else from its frame."""
    site = await register.by_site(row["site"]) if row["site"] else None
    known = site or (await register.by_mn(row["mn"]) if row["mn"] else None)
    if known is None:
        raise Problem(
            409,
            "not-releasable",
            Words(zh="没有已登记的数采仪，无法放行", en="No registered logger: it cannot be released"),
        )
    if row["values"] and row["kind"] and row["time"]:
        undone = {code: _undone(value, known, code) for code, value in row["values"].items()}
        return known, Sent(row["kind"], row["time"], undone, row["_id"], channel="release")
    try:
        raw = row["piece"].encode()
        sent = sent_of(parse(raw.partition(b"##")[2][4:-4]), raw)
    except Malformed as flaw:
        raise Problem(
            409,
            "not-releasable",
            Words(zh="报文已损坏，无法放行", en="The frame is damaged: it cannot be released"),
            str(flaw),
        ) from flaw
    if isinstance(sent, str):
        raise Problem(409, "not-releasable", Words(zh="报文中没有读数", en="The frame holds no reading"))
    return known, sent


def _undone(value: dict[str, Any], known: Known, code: str) -> dict[str, str]:
    """Stored values are in the register's unit: take the factor off again, it will be applied once more."""
    factor = known.factors.get(code, Decimal(1))
    named = (("avg", value["value"]), ("min", value["low"]), ("max", value["high"]))
    return {"flag": value["flag"]} | {name: str(Decimal(text) / factor) for name, text in named if text is not None}
