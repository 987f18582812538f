"""How a service stands: what it has heard of what there is, what waits to be said, what is overdue, what is parked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError
from fastapi import APIRouter, Request
from pydantic import BaseModel

from contracts.values import Moment
from infra.runtime import bus, metrics
from infra.runtime.acts import opened_room
from infra.runtime.security import allow

if TYPE_CHECKING:
    from infra.runtime.room import Room

router = APIRouter()
_ASK_SECONDS = 5.0
_LETTERS = [{"$group": {"_id": None, "letters": {"$sum": {"$size": {"$ifNull": ["$letters", [1]]}}}}}]


class Stream(BaseModel):
    """One partition of a stream that this service hears. Offsets are the highest heard, by this process or by another
    of its service, and the highest there is."""

    topic: str
    partition: int
    heard: int
    end: int
    lag: int


class Outbox(BaseModel):
    """What is committed and not yet taken by Kafka."""

    waiting: int
    oldest_seconds: float


class Overdue(BaseModel):
    """Timers that should have fired, by the service's clock."""

    overdue: int
    oldest_overdue_seconds: float
    next_due: Moment | None


class Standing(BaseModel):
    """`streams` is None where Kafka does not answer: how far behind this service is, is not known then."""

    service: str
    version: str
    now: Moment
    """The service's clock."""
    opened: bool
    faults: dict[str, str]
    streams: list[Stream] | None
    outbox: Outbox
    timers: Overdue
    parked: int


@router.get("/runtime/state", dependencies=[allow("administrator", "service")])
async def show_standing(request: Request) -> Standing:
    """What an administrator wants to know of a service at a glance."""
    room = opened_room(request)
    return Standing(
        service=room.name,
        version=version("watchbill"),
        now=room.clock.now(),
        opened=room.health.opened,
        faults=room.health.report(),
        streams=await _streams(room),
        outbox=await _outbox(room),
        timers=await _timers(room),
        parked=await room.ledger.db.parked.count_documents({}),
    )


async def measure(room: Room) -> None:
    """Brings the gauges of what only the database knows up to date."""
    outbox, timers = await _outbox(room), await _timers(room)
    metrics.OUTBOX.labels(room.name).set(outbox.waiting)
    metrics.OUTBOX_AGE.labels(room.name).set(outbox.oldest_seconds)
    metrics.OVERDUE.labels(room.name).set(timers.overdue)
    metrics.PARKED_NOW.labels(room.name).set(await room.ledger.db.parked.count_documents({}))
    for more in room.measures:
        await more(room)


async def _streams(room: Room) -> list[Stream] | None:
    """Kafka is asked where the streams end: what the consumers know of it is old when they are stuck."""
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            ends, heard = await bus.ends(room.settings), await room.heard_together()
    except (TimeoutError, KafkaError, OSError):
        return None
    mine = room.streams
    found = []
    for where, end in sorted(ends.items()):
        topic, _, partition = where.rpartition("/")
        if topic in mine:
            at = heard.get(where, -1)
            found.append(Stream(topic=topic, partition=int(partition), heard=at, end=end, lag=max(0, end - at)))
    return found


async def _outbox(room: Room) -> Outbox:
    outbox = room.ledger.db.outbox
    oldest = await outbox.find_one({}, {"seq": 1}, sort=[("seq", 1)])
    if oldest is None:
        return Outbox(waiting=0, oldest_seconds=0.0)
    age = datetime.now(UTC).timestamp() - oldest["seq"] / 1_000_000
    counted = await outbox.aggregate(_LETTERS).to_list(None)
    return Outbox(waiting=sum(row["letters"] for row in counted), oldest_seconds=max(0.0, age))


async def _timers(room: Room) -> Overdue:
    timers, horizon = room.ledger.db.timers, room.clock.horizon()
    soonest = await timers.find_one({}, {"due": 1}, sort=[("due", 1)])
    if soonest is None:
        return Overdue(overdue=0, oldest_overdue_seconds=0.0, next_due=None)
    overdue = await timers.count_documents({"due": {"$lte": horizon}})
    late = (horizon - soonest["due"]).total_seconds() if overdue else 0.0
    return Overdue(overdue=overdue, oldest_overdue_seconds=late, next_due=soonest["due"])
