"""What incidents hears and is woken by: readings, inspections, silence, and clocks that run out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from contracts.events.assets import ReadingReceivedV1
from contracts.events.inspections import InspectionDoneV1
from infra.runtime.agreements import Place, SitePlace, agreement_of, keep_agreements, place_of
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry
from infra.runtime.line import NotYet
from services.incidents.domain import Fault, SiteWatch, re_derive
from services.incidents.domain.inspection import found_in
from services.incidents.domain.sla import DUE, WARN, fired
from services.incidents.rules import Sign, Watch, fall_silent, observe, plan_of
from services.incidents.sittings import (
    SILENCE,
    remember,
    remember_clocks,
    remember_watch,
    sitting_at,
    watch_of,
)

ears = Ears("incidents")
keep_agreements(ears)


@ears.hears(ReadingReceivedV1, needs=lambda reading: [(SiteWatch, reading.site), (SitePlace, reading.site)])
async def open_or_clear_faults_on_reading(reading: ReadingReceivedV1, entry: Entry) -> None:
    """The hot path: most readings say nothing, and only move the watch."""
    place = await _place(entry, reading.site)
    before = await watch_of(entry, reading.site)
    watch, signs = observe(before, reading, plan_of(place.agreement.id, place.lot, place.site))
    if signs:
        await _heed(entry, place, before, watch, signs, reading.at)
    elif watch is not before:
        remember_watch(entry, place, watch)


@ears.hears(InspectionDoneV1, needs=lambda done: [(SiteWatch, done.site), (SitePlace, done.site)])
async def open_fault_on_failed_inspection(done: InspectionDoneV1, entry: Entry) -> None:
    """Each failed item that names a kind of fault opens one, unless it is open on that asset."""
    place = await _place(entry, done.site)
    found = list(found_in(done, place.lot))
    if not found:
        return
    sitting = await sitting_at(entry, place, await watch_of(entry, done.site))
    for one in found:
        sitting.find(one)
    remember(entry, place, sitting.rule())


@ears.wakes(SILENCE, recurs=True, needs=lambda site: [(SiteWatch, site), (SitePlace, site)])
async def open_fault_when_site_is_silent(wake: Wake, entry: Entry) -> None:
    """Looks at what came since the timer was set: sets it anew, or opens the fault at its true time."""
    place = await _place(entry, wake.key)
    before = msgspec.structs.replace(await watch_of(entry, wake.key), armed=None)
    watch, signs = fall_silent(before, plan_of(place.agreement.id, place.lot, place.site), wake.due)
    if signs:
        await _heed(entry, place, before, watch, signs, wake.due)
    else:
        remember_watch(entry, place, watch)


@ears.wakes(DUE, needs=lambda key: [(Fault, _fault_in(key))])
async def say_breach_when_due(wake: Wake, entry: Entry) -> None:
    """A clock ran out."""
    await _look_at_clocks(wake, entry)


@ears.wakes(WARN, needs=lambda key: [(Fault, _fault_in(key))])
async def warn_when_nearly_due(wake: Wake, entry: Entry) -> None:
    """A clock is near its end."""
    await _look_at_clocks(wake, entry)


async def _look_at_clocks(wake: Wake, entry: Entry) -> None:
    fault = await entry.load(Fault, _fault_in(wake.key))
    if fault is None:
        raise LookupError(f"timer {wake.name} of {wake.key}: there is no such fault")
    agreement = await agreement_of(entry, fault.opened.agreement, fault.opened.agreement_version)
    lot = agreement.lot(fault.opened.lot)
    now = max(entry.now, wake.due)
    remember_clocks(entry, re_derive(fired(fault, wake.name, wake.key), lot, agreement.calendar, now))


async def _heed(
    entry: Entry, place: Place, before: Watch, watch: Watch, signs: tuple[Sign, ...], as_of: datetime
) -> None:
    sitting = await sitting_at(entry, place, before)
    sitting.heed(signs, watch)
    remember(entry, place, sitting.rule(as_of))


async def _place(entry: Entry, site: str) -> Place:
    place = await place_of(entry, site)
    if place is None:
        raise NotYet(f"no agreement that names site {site} has been heard of yet")
    return place


def _fault_in(key: str) -> str:
    return key.partition("|")[0]
