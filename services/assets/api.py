"""The HTTP edge of assets: agreements, register, readings, quarantine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import digest_of
from contracts.events.assets import AgreementPublishedV1, Measured, ReadingKind, ReadingRejectedV1
from contracts.values import Moment, Words
from infra.runtime.acts import Act, Database
from infra.runtime.agreements import Place, Reader, SitePlace, agreement_of, place_of
from infra.runtime.ledger import Entry
from infra.runtime.problems import Problem, not_found
from infra.runtime.security import PEOPLE, Caller, Identity, allow
from services.assets import store
from services.assets.gateway import Gateway
from services.assets.hj212 import parse
from services.assets.hj212.grammar import Malformed
from services.assets.intake import Sent, sent_of, take
from services.assets.register import Known, Register

router = APIRouter(prefix="/v1", tags=["assets"])
_ZONE = ZoneInfo("Asia/Shanghai")
_PAGE = 5000


class Published(BaseModel):
    """A version of an agreement that is in force."""

    agreement: str
    version: int
    digest: str


@router.post("/agreements", dependencies=[allow("administrator")], status_code=201)
async def publish_agreement(agreement: Agreement, act: Act) -> Published:
    """Publishes a version. The same version with the same content is answered as before; with another, 409."""

    async def publish(entry: Entry, caller: Identity) -> Published:
        digest = digest_of(agreement)
        known = await entry.load(store.Publication, f"{agreement.id}@{agreement.version}")
        if known and known.digest != digest:
            words = Words(
                zh="该版本已发布且内容不同，请提高版本号",
                en="This version is published with other content: raise the version",
            )
            raise Problem(409, "version-published", words, f"{agreement.id} version {agreement.version}")
        if known is None:
            entry.write(
                store.Publication(
                    id=f"{agreement.id}@{agreement.version}",
                    agreement=agreement.id,
                    version=agreement.version,
                    digest=digest,
                    by=caller.person,
                    at=entry.now,
                )
            )
            entry.say(
                AgreementPublishedV1(
                    at=entry.now, agreement=agreement.id, version=agreement.version, digest=digest, document=agreement
                )
            )
        return Published(agreement=agreement.id, version=agreement.version, digest=digest)

    return await act("publish_agreement", agreement, publish)


@router.get("/agreements", dependencies=[allow("buyer", "administrator", "auditor")])
async def list_agreements(db: Database) -> list[Published]:
    """Every published version."""
    rows = db.publications.find({}).sort("_id", 1)
    return [Published(agreement=row["agreement"], version=row["version"], digest=row["digest"]) async for row in rows]


@router.get("/agreements/{agreement}", dependencies=[allow("buyer", "administrator", "auditor")])
async def show_agreement(agreement: str, db: Database) -> Agreement:
    """The newest version, whole."""
    newest = await db.publications.find_one({"agreement": agreement}, sort=[("version", -1)])
    if newest is None:
        raise not_found(agreement)
    return await agreement_of(Reader(db), agreement, newest["version"])


class InstrumentView(BaseModel):
    """An instrument or other asset of a site."""

    id: str
    title: Words
    maker: str
    model: str
    serial: str | None
    codes: list[str]


class SiteView(BaseModel):
    """A site with its instruments and its logger's MN."""

    id: str
    title: Words
    kind: str
    agreement: str
    lot: str
    mn: str | None
    instruments: list[InstrumentView] = []


def _site_view(place: Place, whole: bool) -> SiteView:
    site = place.site
    instruments = [
        InstrumentView(
            id=asset.id,
            title=asset.title,
            maker=asset.maker,
            model=asset.model,
            serial=asset.serial,
            codes=[measure.code for measure in asset.measures],
        )
        for asset in site.assets
    ]
    return SiteView(
        id=site.id, title=site.title, kind=site.kind, agreement=place.agreement.id, lot=place.lot.id,
        mn=site.logger.mn if site.logger else None, instruments=instruments if whole else [],
    )  # fmt: skip


async def _visible(db: Database, caller: Identity, site: str) -> Place:
    place = await place_of(Reader(db), site)
    if place is None or not caller.sees(place.lot.supplier):
        raise not_found(site)
    return place


@router.get("/sites", dependencies=[allow(*PEOPLE)])
async def list_sites(db: Database, caller: Caller) -> list[SiteView]:
    """The register: a supplier sees its own sites only."""
    query = {"supplier": caller.organisation} if caller.role == "supplier" else {}
    rows = [SitePlace.of(row) async for row in db.places.find(query).sort("_id", 1)]
    places = [await place_of(Reader(db), row.id) for row in rows]
    return [_site_view(place, whole=False) for place in places if place]


@router.get("/sites/{site}", dependencies=[allow(*PEOPLE)])
async def show_site(site: str, db: Database, caller: Caller) -> SiteView:
    """A site with its instruments."""
    return _site_view(await _visible(db, caller, site), whole=True)


class ReadingView(BaseModel):
    """A stored reading; `values` by code: v value, l lowest, h highest, f flag, as text."""

    reading: str
    site: str
    kind: str
    time: datetime
    at: datetime
    received_at: datetime
    channel: str
    released_from: str | None
    digest: str
    event: str
    values: dict[str, dict[str, str]]


def _reading_view(row: dict[str, Any]) -> ReadingView:
    return ReadingView(
        reading=row["_id"], **{name: row[name] for name in ReadingView.model_fields if name != "reading"}
    )


@router.get("/sites/{site}/latest", dependencies=[allow(*PEOPLE)])
async def latest(site: str, db: Database, caller: Caller, kind: ReadingKind = "minute") -> ReadingView:
    """The newest reading of a kind."""
    await _visible(db, caller, site)
    row = await store.latest_readings(db, site, kind)
    if row is None:
        raise not_found(f"{site}: no {kind} reading")
    return _reading_view(row)


@router.get("/sites/{site}/readings/{kind}/{time}", dependencies=[allow(*PEOPLE)])
async def show_reading(site: str, kind: ReadingKind, time: str, db: Database, caller: Caller) -> ReadingView:
    """One reading by its natural key; `time` as YYYYMMDDThhmmssZ."""
    await _visible(db, caller, site)
    row = await db.readings.find_one({"_id": f"{site}/{kind}/{time}"})
    if row is None:
        raise not_found(f"{site}/{kind}/{time}")
    return _reading_view(row)


@router.get("/sites/{site}/series/{code}", dependencies=[allow(*PEOPLE)])
async def series(
    site: str, code: str, start: Moment, end: Moment, db: Database, caller: Caller, kind: ReadingKind = "hour"
) -> list[dict[str, Any]]:
    """One parameter over time, start included, end excluded, at most 32 days of minutes or 400 of hours."""
    await _visible(db, caller, site)
    longest = timedelta(days=400 if kind in ("hour", "day") else 32)
    if not timedelta(0) < end - start <= longest:
        raise Problem(
            422, "period", Words(zh="时间段过长或为空", en="The period is empty or too long"), f"at most {longest}"
        )
    return await store.series(db, site, kind, code, start, end)


class DayAvailability(BaseModel):
    """Hours of a local day that have a value, and a valid (N) one, by code."""

    day: date
    captured: dict[str, int]
    valid: dict[str, int]


@router.get("/sites/{site}/availability", dependencies=[allow(*PEOPLE)])
async def availability(site: str, first: date, last: date, db: Database, caller: Caller) -> list[DayAvailability]:
    """By local day: how many of its 24 hours have a value."""
    await _visible(db, caller, site)
    if not 0 <= (last - first).days <= 400:
        raise Problem(422, "period", Words(zh="时间段过长或为空", en="The period is empty or too long"))
    days = {
        first + timedelta(days=n): DayAvailability(day=first + timedelta(days=n), captured={}, valid={})
        for n in range((last - first).days + 1)
    }
    start, end = (datetime.combine(day, time(0), _ZONE).astimezone(UTC) for day in (first, last + timedelta(days=1)))
    async for row in db.readings.find(store.between(site, "hour", start, end)):
        day = days[row["time"].astimezone(_ZONE).date()]
        for code, value in row["values"].items():
            day.captured[code] = day.captured.get(code, 0) + ("v" in value)
            day.valid[code] = day.valid.get(code, 0) + ("v" in value and value["f"] == "N")
    return list(days.values())


@router.get("/readings", dependencies=[allow("buyer", "administrator", "auditor")])
async def export_readings(start: Moment, end: Moment, db: Database, kind: ReadingKind = "minute") -> StreamingResponse:
    """Every site's readings of a kind as JSON lines, oldest first by site."""

    async def lines() -> AsyncIterator[str]:
        async for place in db.places.find({}, {"_id": 1}).sort("_id", 1):
            rows = db.readings.find(store.between(place["_id"], kind, start, end)).sort("_id", 1)
            async for row in rows:
                yield json.dumps(_reading_view(row).model_dump(mode="json"), ensure_ascii=False) + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


class PostedReading(BaseModel):
    """One reading over HTTP; `time` is the start of its period."""

    kind: ReadingKind
    time: Moment
    values: dict[str, Measured]


class PostedReadings(BaseModel):
    """A batch of one logger."""

    readings: list[PostedReading]


class Receipt(BaseModel):
    """How many readings were handed on, and what was refused of them."""

    taken: int
    refused: list[str] = []


@router.post("/sites/{site}/readings", dependencies=[allow("logger")], status_code=202)
async def post_readings(site: str, posted: PostedReadings, request: Request, caller: Caller) -> Receipt:
    """The logger's other way in: the same checks as the gateway's, answered when Kafka has all of it."""
    register: Register = request.app.state.register
    gateway: Gateway = request.app.state.gateway
    known = await register.by_site(site)
    if known is None or caller.person != site:
        raise Problem(403, "foreign-site", Words(zh="该密钥不属于此站点", en="This key is not of this site"), site)
    now, tolerance = request.app.state.room.clock.now(), timedelta(minutes=5)
    batch = [take(_sent(one), known, now, tolerance) for one in posted.readings]
    await gateway.publish(batch)
    events = [event for taken in batch for event in taken.events]
    refused = [f"{event.reason}: {event.detail}" for event in events if isinstance(event, ReadingRejectedV1)]
    return Receipt(taken=len(events) - len(refused), refused=refused)


def _sent(posted: PostedReading) -> Sent:
    values = {code: _written(measured) for code, measured in posted.values.items()}
    digest = hashlib.sha256(posted.model_dump_json().encode()).hexdigest()
    return Sent(posted.kind, posted.time, values, digest, channel="http")


def _written(measured: Measured) -> dict[str, str]:
    fields = (("avg", measured.value), ("min", measured.low), ("max", measured.high))
    return {"flag": measured.flag} | {name: str(value) for name, value in fields if value is not None}


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
        segment = row["piece"].partition("##")[2][4:-4].encode()
        sent = sent_of(parse(segment), row["piece"])
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
