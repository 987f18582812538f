"""What every service answers about itself: health, metrics, parked letters, and the conductor's clock."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from pymongo.errors import PyMongoError

from contracts.values import Moment, Words
from infra.runtime import metrics
from infra.runtime.acts import opened_room
from infra.runtime.asyncapi import asyncapi_document, server_of
from infra.runtime.clock import MovableClock
from infra.runtime.pages import docs_page
from infra.runtime.problems import Problem, not_found
from infra.runtime.redrive import redrive
from infra.runtime.security import Caller, allow
from infra.runtime.standing import measure

if TYPE_CHECKING:
    from infra.runtime.room import Room

log = structlog.get_logger()
PARKED_LISTED_MAX = 500
router = APIRouter()
_MEASURE_SECONDS = 3.0


class HealthView(BaseModel):
    """`ok` and, by part, what is wrong."""

    ok: bool
    faults: dict[str, str] = {}


def _room(request: Request) -> Room:
    room: Room = request.app.state.room
    return room


@router.get("/asyncapi", include_in_schema=False)
async def asyncapi(request: Request) -> dict[str, Any]:
    """The events this service hears and may say, as AsyncAPI 3."""
    state = request.app.state
    if not hasattr(state, "asyncapi"):
        settings = _room(request).settings
        server = server_of(tls=settings.kafka_ca is not None, user=settings.kafka_user)
        prefix = settings.database_prefix
        state.asyncapi = asyncapi_document(_room(request).ears, database_prefix=prefix, server=server)
    document: dict[str, Any] = state.asyncapi
    return document


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
async def docs(request: Request) -> str:
    """The routes with their roles, and the events, on one page without foreign assets."""
    return docs_page(_room(request))


@router.get("/health/live")
async def live(request: Request, response: Response) -> HealthView:
    """False when something has ended or is stuck: a restart is due."""
    health = _room(request).health
    faults = {part: reason for part, reason in health.report().items() if not health.waits(part)}
    response.status_code = 503 if faults else 200
    return HealthView(ok=not faults, faults=faults)


@router.get("/health/ready")
async def ready(request: Request, response: Response) -> HealthView:
    """True when it is open and nothing is wrong."""
    health = _room(request).health
    faults = health.report()
    if not health.opened:
        faults.setdefault("opening", "not open yet")
    response.status_code = 503 if faults else 200
    return HealthView(ok=not faults, faults=faults)


@router.get("/metrics")
async def show_metrics(request: Request) -> Response:
    """Prometheus metrics; their meanings stand in infra/runtime/metrics.py."""
    room = _room(request)
    metrics.UNWELL.labels(room.name).set(len(room.health.report()))
    metrics.BUILD.labels(room.name, version("watchbill")).set(1)
    if room.health.opened:
        try:
            async with asyncio.timeout(_MEASURE_SECONDS):
                await measure(room)
        except (PyMongoError, TimeoutError):  # the others still tell something: what only the database knows is old
            log.warning("gauges not measured")
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


class ParkedView(BaseModel):
    """A letter that could not be handled."""

    id: str
    type: str
    handler: str | None
    reason: str
    topic: str | None
    offset: int | None
    at: datetime
    headers: dict[str, str] = {}
    body: str = ""


def _view(row: dict[str, Any], whole: bool) -> ParkedView:
    headers = {name: bytes(value).decode(errors="replace") for name, value in row.get("headers", [])} if whole else {}
    body = bytes(row.get("value", b"")).decode(errors="replace") if whole else ""
    return ParkedView(
        id=row["_id"],
        type=row["type"],
        handler=row.get("handler"),
        reason=row["reason"],
        topic=row.get("topic"),
        offset=row.get("offset"),
        at=row["at"],
        headers=headers,
        body=body,
    )


@router.get("/runtime/parked", dependencies=[allow("administrator", "service")])
async def list_parked(request: Request) -> list[ParkedView]:
    """Parked letters, oldest first, at most `PARKED_LISTED_MAX`."""
    rows = opened_room(request).ledger.db.parked.find({}).sort("at", 1).limit(PARKED_LISTED_MAX)
    return [_view(row, whole=False) async for row in rows]


@router.get("/runtime/parked/{id:path}", dependencies=[allow("administrator", "service")])
async def show_parked(request: Request, id: str) -> ParkedView:
    """One parked letter with its headers and body."""
    row = await opened_room(request).ledger.db.parked.find_one({"_id": id})
    if row is None:
        raise not_found(id)
    return _view(row, whole=True)


class Redriven(BaseModel):
    """What came of hearing it again: `still` says what is still wrong."""

    id: str
    ok: bool
    still: str = ""


@router.post("/runtime/redrive/{id:path}", dependencies=[allow("administrator", "service")])
async def redrive_parked(request: Request, id: str, caller: Caller) -> Redriven:
    """Hears a parked letter again, as if for the first time; a parked timer is set again."""
    room = opened_room(request)
    try:
        still = await redrive(id, room.ears, room.ledger, room.relay)
    except LookupError as missing:
        raise not_found(id) from missing
    return Redriven(id=id, ok=still is None, still=still or "")


class Move(BaseModel):
    """The conductor's clock; timers fire up to `horizon`."""

    now: Moment
    horizon: Moment


def _movable(room: Room) -> MovableClock:
    if not isinstance(room.clock, MovableClock):
        raise Problem(409, "system-clock", Words(zh="本服务使用系统时钟", en="This service runs on the system's clock"))
    return room.clock


@router.post("/runtime/clock", dependencies=[allow("service")])
async def move_clock(request: Request, move: Move) -> Move:
    """Sets the clock of a service that a conductor moves."""
    return _moved(_room(request), move)


def _moved(room: Room, move: Move) -> Move:
    clock = _movable(room)
    if move.now > clock.now() or move.horizon > clock.horizon():
        clock.move(max(move.now, clock.now()), max(move.horizon, clock.horizon()))
    return Move(now=clock.now(), horizon=clock.horizon())


class Upto(BaseModel):
    """The offsets, by `topic/partition`, that are known to have been said, and how long to wait for them; the time,
    where the conductor's clock has moved or this service may have been started again."""

    said: dict[str, int] = {}
    within_seconds: float = 20.0
    move: Move | None = None


class Settled(BaseModel):
    """Whether all of it was heard, nothing waits to be said and no timer is due; what this service has said, and the
    streams that it hears."""

    quiet: bool
    said: dict[str, int]
    hears: list[str] = []
    next_due: Moment | None = None


@router.post("/runtime/settle", dependencies=[allow("service")])
async def settle(request: Request, upto: Upto) -> Settled:
    """Waits until this service has nothing left to do for what was said up to here."""
    room = _room(request)
    if upto.move:
        _moved(room, upto.move)
    if not room.health.opened:
        return Settled(quiet=False, said={})
    until = time.monotonic() + upto.within_seconds
    while not (quiet := await _is_quiet(room, upto.said)) and time.monotonic() < until:
        await asyncio.sleep(0.004)
    said, hears = dict(room.relay.said), sorted(room.streams)
    return Settled(quiet=quiet, said=said, hears=hears, next_due=await room.timers.next_due())


async def _is_quiet(room: Room, said: dict[str, int]) -> bool:
    if not room.has_heard(said):
        return False
    if room.ledger.lock.locked() or not room.relay.idle or any(not part.idle for part in room.parts):
        return False
    due = await room.timers.next_due()
    return (due is None or due > room.clock.horizon()) and room.relay.idle and not room.ledger.lock.locked()
