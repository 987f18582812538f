"""What notify hears, and what it makes of it: messages to people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.notices import Notices
from contracts.events.incidents import (
    FaultOpenedV1,
    FaultResolvedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
    SlaWarnedV1,
)
from contracts.events.inspections import InspectionMissedV1
from contracts.events.scoring import SettlementComputedV1
from infra.runtime.agreements import AgreementKept, SitePlace, agreement_of, keep_agreements, place_of
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry, State
from infra.runtime.line import NotYet
from services.notify.counter import Counter
from services.notify.domain import said
from services.notify.domain.directory import Directory
from services.notify.domain.facts import facts_of, facts_of_bundle
from services.notify.domain.messages import BUNDLE, Message, bundle_of, bundled, held, queued, written
from services.notify.domain.routes import Told, notices_for
from services.notify.domain.storm import Window, admitted, window_id
from services.notify.texts import worded

log = structlog.get_logger()
Need = tuple[type[State], str]


def ears_for(counter: Counter) -> Ears:
    """The dispatch table of notify, sending over this counter."""
    ears = Ears("notify")
    keep_agreements(ears)
    ears.hears(FaultOpenedV1, needs=_needs)(tell_of_opened_fault)
    ears.hears(FaultResolvedV1, needs=_needs)(tell_of_resolved_fault)
    ears.hears(SlaWarnedV1, needs=_needs)(tell_of_coming_breach)
    ears.hears(SlaBreachedV1, needs=_needs)(tell_of_breach)
    ears.hears(SlaBreachWithdrawnV1, needs=_needs)(tell_of_withdrawn_breach)
    ears.hears(InspectionMissedV1, needs=_needs)(tell_of_missed_inspection)
    ears.hears(SettlementComputedV1, needs=_needs)(tell_of_settlement)
    ears.wakes("release", needs=lambda key: [(Message, key)])(admit_message_when_quiet_ends)
    ears.wakes("bundle", needs=lambda key: [(Window, key)])(bundle_held_messages_when_window_ends)
    sent: list[Need] = [(Directory, "directory")]
    ears.wakes("send", needs=lambda key: [(Message, key), *sent], outside=True)(counter.send_message_when_due)
    return ears


def _needs(event: Any) -> Iterable[Need]:
    if isinstance(event, InspectionMissedV1):
        return [(Directory, "directory"), (SitePlace, event.site)]
    return [(Directory, "directory"), (AgreementKept, f"{event.agreement}@{event.agreement_version}")]


async def tell_of_opened_fault(opened: FaultOpenedV1, entry: Entry) -> None:
    await _tell(opened, entry)


async def tell_of_resolved_fault(resolved: FaultResolvedV1, entry: Entry) -> None:
    await _tell(resolved, entry)


async def tell_of_coming_breach(warned: SlaWarnedV1, entry: Entry) -> None:
    await _tell(warned, entry)


async def tell_of_breach(breached: SlaBreachedV1, entry: Entry) -> None:
    await _tell(breached, entry)


async def tell_of_withdrawn_breach(withdrawn: SlaBreachWithdrawnV1, entry: Entry) -> None:
    await _tell(withdrawn, entry)


async def tell_of_missed_inspection(missed: InspectionMissedV1, entry: Entry) -> None:
    await _tell(missed, entry)


async def tell_of_settlement(computed: SettlementComputedV1, entry: Entry) -> None:
    await _tell(computed, entry)


async def admit_message_when_quiet_ends(wake: Wake, entry: Entry) -> None:
    """What waited for the end of the quiet hours goes on, counted for a storm like any other."""
    message = await entry.load(Message, wake.key)
    if message is None or message.state != "waiting":
        return
    agreement = await agreement_of(entry, message.agreement, message.version)
    await _admit(message, agreement.lot(message.lot or "").notices, entry)


async def bundle_held_messages_when_window_ends(wake: Wake, entry: Entry) -> None:
    """All that a storm held back becomes one message; one alone goes as it is."""
    window = await entry.load(Window, wake.key)
    if window is None:
        return
    entry.erase(Window, window.id)
    await entry.page.fetch((Message, id) for id in window.held)
    parts = [part for id in window.held if (part := await entry.load(Message, id)) and part.state == "waiting"]
    if len(parts) == 1:
        _queue(parts[0], entry)
    elif parts:
        await _bundle(parts, window.bundle, entry)


async def _tell(event: Told, entry: Entry) -> None:
    agreement, lot = await _agreement(event, entry)
    directory = await entry.load(Directory, "directory") or Directory()
    notices = notices_for(event, entry.cause, lot, directory, entry.now)
    if not notices:
        log.info("nobody to tell", type=event.type(), cause=entry.cause, agreement=agreement.id, lot=lot.id)
        return
    facts = facts_of(event, agreement, lot)
    languages = {person.id: person.languages for person in directory.people}
    for notice in notices:
        words = worded(notice.template, notice.channel, facts, languages[notice.person])
        message = written(notice, agreement.version, words, entry.now)
        if notice.send_at > entry.now:
            entry.write(message)
            entry.wake(notice.send_at, "release", message.id)
        else:
            await _admit(message, lot.notices, entry)


async def _agreement(event: Told, entry: Entry) -> tuple[Agreement, Lot]:
    """The agreement as it was decided under; an inspection names no version: the one in force at its site."""
    if isinstance(event, InspectionMissedV1):
        place = await place_of(entry, event.site)
        if place is None:
            raise NotYet(f"site {event.site} stands in no agreement that was heard of")
        return place.agreement, place.lot
    agreement = await agreement_of(entry, event.agreement, event.agreement_version)
    return agreement, agreement.lot(event.lot)


async def _admit(message: Message, rules: Notices, entry: Entry) -> None:
    key = window_id(message.person, message.channel)
    window, goes = admitted(await entry.load(Window, key), key, message.id, rules, entry.now)
    entry.write(window)
    if goes:
        _queue(message, entry)
    else:
        entry.write(held(message, window.ends, entry.now))
        entry.wake(max(window.ends, entry.now), "bundle", key)


async def _bundle(parts: list[Message], cause: str, entry: Entry) -> None:
    first = parts[0]
    directory = await entry.load(Directory, "directory") or Directory()
    person = directory.person(first.person)
    words = worded(BUNDLE, first.channel, facts_of_bundle(parts), person.languages if person else ("zh", "en"))
    bundle = bundle_of(parts, cause, words, entry.now)
    for part in parts:
        entry.write(bundled(part, bundle.id, entry.now))
    _queue(bundle, entry)


def _queue(message: Message, entry: Entry) -> None:
    """A storm is one notice: only what goes out is said to be requested."""
    entry.write(queued(message, entry.now))
    entry.say(said.requested(message, entry.now))
    entry.wake(entry.now, "send", message.id)
