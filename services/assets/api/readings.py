"""Routes of what was stored: latest, one reading, a series, availability by day, everything of a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from contracts.agreements.mistakes.mistake import nearest, one_of
from contracts.agreements.sites import Measure
from contracts.events.assets import ReadingKind
from contracts.values import Moment, Words
from infra.runtime.acts import Database
from infra.runtime.problems import Problem, not_found
from infra.runtime.security import PEOPLE, Caller, allow
from services.assets import store
from services.assets.api.sites import visible
from services.assets.register import measures_of

router = APIRouter(prefix="/v1", tags=["assets"])
_ZONE = ZoneInfo("Asia/Shanghai")


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
    replaced: dict[str, dict[str, dict[str, str]]] = {}
    """By event of a release: the values that stood before it."""


def _reading_view(row: dict[str, Any]) -> ReadingView:
    return ReadingView(reading=row["_id"], **{name: row[name] for name in ReadingView.model_fields if name in row})


@router.get("/sites/{site}/latest", dependencies=[allow(*PEOPLE)])
async def latest(site: str, db: Database, caller: Caller, kind: ReadingKind = "minute") -> ReadingView:
    """The newest reading of a kind."""
    await visible(db, caller, site)
    row = await store.latest_readings(db, site, kind)
    if row is None:
        raise not_found(f"{site}: no {kind} reading")
    return _reading_view(row)


@router.get("/sites/{site}/readings/{kind}/{time}", dependencies=[allow(*PEOPLE, "service")])
async def show_reading(site: str, kind: ReadingKind, time: str, db: Database, caller: Caller) -> ReadingView:
    """One reading by its natural key; `time` as YYYYMMDDThhmmssZ."""
    await visible(db, caller, site)
    row = await store.reading(db, f"{site}/{kind}/{time}")
    if row is None:
        raise not_found(f"{site}/{kind}/{time}")
    return _reading_view(row)


@router.get("/sites/{site}/series/{code}", dependencies=[allow(*PEOPLE)])
async def series(
    site: str, code: str, start: Moment, end: Moment, db: Database, caller: Caller, kind: ReadingKind = "hour"
) -> list[dict[str, Any]]:
    """One parameter over time, start included, end excluded, at most 32 days of minutes or 400 of hours.

    A code that the site neither has now nor had then: 404, with the one that was likely meant.
    """
    place = await visible(db, caller, site)
    longest = timedelta(days=400 if kind in ("hour", "day") else 32)
    if not timedelta(0) < end - start <= longest:
        detail = Words(zh=f"至多 {longest.days} 天", en=f"at most {longest.days} days")
        raise Problem(422, "period", Words(zh="时间段过长或为空", en="The period is empty or too long"), detail)
    found = await store.series(db, site, kind, code, start, end)
    measures = measures_of(place.site)
    if not found and (code not in measures or measures[code].code != code):
        raise unknown_code(code, measures)
    return found


def unknown_code(code: str, measures: Mapping[str, Measure]) -> Problem:
    """An alias is known by the code under which its values are kept."""
    codes = {measure.code for measure in measures.values()}
    likely = measures[code].code if code in measures else nearest(code, codes)
    expected = one_of(codes) if likely is None else Words(zh=f"是否 {likely}？", en=f"did you mean {likely}?")
    detail = Words(zh=f"{code}：{expected.zh}", en=f"{code}: {expected.en}")
    return Problem(404, "unknown-code", Words(zh="该站点没有此参数", en="This site has no such parameter"), detail)


class DayAvailability(BaseModel):
    """Hours of a local day that have a value, and a valid (N) one, by code."""

    day: date
    captured: dict[str, int]
    valid: dict[str, int]


@router.get("/sites/{site}/availability", dependencies=[allow(*PEOPLE)])
async def availability(site: str, first: date, last: date, db: Database, caller: Caller) -> list[DayAvailability]:
    """By local day: how many of its 24 hours have a value."""
    await visible(db, caller, site)
    if not 0 <= (last - first).days <= 400:
        raise Problem(422, "period", Words(zh="时间段过长或为空", en="The period is empty or too long"))
    days = {
        first + timedelta(days=n): DayAvailability(day=first + timedelta(days=n), captured={}, valid={})
        for n in range((last - first).days + 1)
    }
    start, end = (datetime.combine(day, time(0), _ZONE).astimezone(UTC) for day in (first, last + timedelta(days=1)))
    async for row in store.readings(db, site, "hour", start, end):
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
            async for row in store.readings(db, place["_id"], kind, start, end):
                yield json.dumps(_reading_view(row).model_dump(mode="json"), ensure_ascii=False) + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")
