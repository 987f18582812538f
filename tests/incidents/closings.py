"""A site whose instrument is marked, and what people say of its fault."""

from __future__ import annotations

from datetime import datetime

from contracts.agreements.faults import FlagIs
from contracts.events.incidents import (
    FaultOpenedV1,
    FaultReopenedV1,
    FaultResolvedV1,
)
from services.incidents.domain import Fault, SiteWatch
from tests.incidents.desk import Desk
from tests.incidents.happenings import faults, live, marks, post
from tests.incidents.site_stories import (
    SITE,
    at,
    measured,
    minutes,
    rule,
)

BAD = measured(3, "D")
SLOW = {"lasts": minutes(10), "clears": minutes(10)}
MARKED = rule("marked", "analyser-fault", FlagIs(test="flag", any_of=("D",)), codes=("so2", "no2"), **SLOW)


def check_watch(desk: Desk) -> None:
    """What the watch holds open, closed and in doubt."""
    document = desk.kept[SiteWatch, SITE]
    assert isinstance(document["doubts"], list), "ids hold dots"
    watch = SiteWatch.of({**document, "_v": 1}).watch
    open_now = {fault.fault for fault in watch.open.values()}
    assert open_now == {fault.id for fault in faults(desk) if fault.open}
    assert not open_now & {past.fault for past in watch.closed}
    assert not open_now & {doubt.fault.fault for doubt in watch.doubts.values()}


async def closed(desk: Desk, until: str, over: str | None = None) -> str:
    """An instrument marked from 06:00 on, and its fault, closed at `until` as over at that time, or `over`."""
    await live(desk, "06:00", until, so2=BAD)
    fault: str = desk.told(FaultOpenedV1)[0].fault
    await post(desk, FaultResolvedV1, fault, at(over or until))
    return fault


def openings(desk: Desk) -> list[tuple[str, datetime]]:
    return marks(desk, FaultOpenedV1, FaultReopenedV1)


def fault_of(desk: Desk) -> Fault:
    (fault,) = [one for one in faults(desk) if one.opened.kind == "analyser-fault"]
    return fault
