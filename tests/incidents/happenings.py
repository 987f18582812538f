"""What happens to a site, each in one call, at the desk of the room: local times, Asia/Shanghai."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from contracts.agreements.agreement import Lot
from contracts.events.event import Event
from contracts.events.incidents import SlaBreachedV1, SlaBreachWithdrawnV1
from infra.runtime.agreements import place_of
from infra.runtime.ledger import Entry
from services.incidents.domain import Fault
from services.incidents.domain.fault import identity_of
from services.incidents.domain.opening import Found
from services.incidents.handlers import ears
from services.incidents.rules import fault_id
from services.incidents.sittings import remember, sitting_at, watch_of
from tests.incidents.desk import Desk, every
from tests.incidents.site_stories import SITE, STEP, agreement, at, lot, reading


async def new_desk(of: Lot | None = None, version: int = 1) -> Desk:
    """Agreements are parsed once per version and process: other terms need another version."""
    made = Desk(ears, at("05:00"))
    await made.publish(agreement(of or lot(), version))
    return made


async def live(desk: Desk, start: str, end: str, **values: Any) -> None:
    """Readings every five minutes, each heard when its period ends."""
    for time in every(STEP, at(start), at(end)):
        await desk.pass_time(time + STEP)
        await desk.hear(reading(time, **{"volt": 230, "so2": 5, **values}))


async def late(desk: Desk, start: str, end: str, **values: Any) -> None:
    """Readings of the past, heard now."""
    for time in every(STEP, at(start), at(end)):
        await desk.hear(reading(time, received=desk.now, **{"so2": 5, **values}))


async def post(desk: Desk, of: type[Any], fault: str, when: datetime, **fields: Any) -> None:
    async def record(entry: Entry) -> None:
        place = await place_of(entry, SITE)
        assert place
        sitting = await sitting_at(entry, place, await watch_of(entry, SITE))
        shared = identity_of(sitting.fault(fault).opened)
        sitting.step(fault, of(**shared, at=when, by="zhang", posted_at=entry.now, **fields))
        remember(entry, place, sitting.rule())

    await desk.act(record)


async def call(desk: Desk, kind: str, asset: str, when: datetime) -> Fault | None:
    return await find(desk, Found(fault_id("wuhan-air", asset, kind, when), asset, kind, "call", when, when))


async def find(desk: Desk, found: Found) -> Fault | None:
    async def report(entry: Entry) -> Fault | None:
        place = await place_of(entry, SITE)
        assert place
        sitting = await sitting_at(entry, place, await watch_of(entry, SITE))
        opened = sitting.find(found)
        remember(entry, place, sitting.rule())
        return opened

    opened: Fault | None = await desk.act(report)
    return opened


def faults(desk: Desk) -> list[Fault]:
    return [Fault.of({**kept, "_v": 1}) for (model, _), kept in desk.kept.items() if model is Fault]


def marks(desk: Desk, *types: type[Event]) -> list[tuple[str, datetime]]:
    return [(type(event).__name__, event.at) for event in desk.told(*types)]


def standing(said: Iterable[Event]) -> dict[str, datetime]:
    """By clause, the breaches that were said and not withdrawn; none said twice, none withdrawn that was not said."""
    held: dict[str, datetime] = {}
    for event in said:
        if isinstance(event, SlaBreachedV1):
            assert event.clause not in held
            assert event.at == event.due
            held[event.clause] = event.due
        if isinstance(event, SlaBreachWithdrawnV1):
            assert held.pop(event.clause) == event.due
    return held
