"""Between the decisions and the ledger: loads what a sitting needs, and remembers what it ruled."""

from __future__ import annotations

import msgspec
import structlog

from infra.runtime.agreements import Place, agreement_of
from infra.runtime.ledger import Entry
from services.incidents.domain import Derived, Fault, Ruling, SiteWatch, Sitting, Terms
from services.incidents.rules import Watch, plan_of, silent_from
from services.incidents.rules.book import LATE_EVIDENCE
from services.incidents.rules.instants import ms_of

log = structlog.get_logger()
SILENCE = "silence"


async def watch_of(entry: Entry, site: str) -> Watch:
    """What is known of the site; nothing yet where it was never heard of."""
    known = await entry.load(SiteWatch, site)
    return known.watch if known else Watch(site)


async def sitting_at(entry: Entry, place: Place, watch: Watch) -> Sitting:
    """A sitting over the site, with its open and its recently closed faults, and those whose closing is in doubt."""
    recent = ms_of(entry.now - LATE_EVIDENCE)
    closed = (fault.fault for fault in watch.closed if fault.at >= recent)
    doubted = (doubt.fault.fault for doubt in watch.doubts.values())
    ids = dict.fromkeys([*(fault.fault for fault in watch.open.values()), *closed, *doubted])
    faults = {fault.id: fault for id in ids if (fault := await entry.load(Fault, id)) is not None}
    versions = {
        version: await agreement_of(entry, place.agreement.id, version)
        for version in {fault.opened.agreement_version for fault in faults.values()}
    }
    return Sitting(watch, faults, Terms(place.agreement, place.lot, place.site), versions, entry.now)


def remember(entry: Entry, place: Place, ruling: Ruling) -> None:
    """Writes what was ruled, says it, and sets the timers, that of the site's silence included."""
    remember_watch(entry, place, ruling.watch)
    for fault in ruling.faults:
        entry.write(fault)
    for event in ruling.says:
        entry.say(event)
    for alarm in ruling.clear:
        entry.unwake(alarm.name, alarm.key)
    for alarm in ruling.arm:
        entry.wake(alarm.due, alarm.name, alarm.key)
    for fault_id, clause in ruling.unknown:
        log.error("due time unknown without calendar", fault=fault_id, clause=clause)


def remember_watch(entry: Entry, place: Place, watch: Watch) -> None:
    """Writes the site's watch. Its timer is set only where none is: readings do not move it, it looks again itself."""
    due = silent_from(watch, plan_of(place.agreement.id, place.lot, place.site))
    if due is not None and (watch.armed is None or ms_of(due) < watch.armed):
        entry.wake(due, SILENCE, watch.site)
        watch = msgspec.structs.replace(watch, armed=ms_of(due))
    entry.write(SiteWatch.holding(watch))


def remember_clocks(entry: Entry, derived: Derived) -> None:
    """Writes what the clocks of one fault came to."""
    entry.write(derived.fault)
    for event in derived.says:
        entry.say(event)
    for alarm in derived.clear:
        entry.unwake(alarm.name, alarm.key)
    for alarm in derived.arm:
        entry.wake(alarm.due, alarm.name, alarm.key)
