"""What notify hears, and what it makes of it: messages to people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from contracts.agreements.agreement import Agreement, Lot
from contracts.events.incidents import (
    FaultOpenedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
    SlaWarnedV1,
)
from contracts.events.inspections import InspectionMissedV1
from contracts.events.scoring import SettlementComputedV1
from infra.runtime.agreements import SitePlace, agreement_of, keep_agreements, place_of
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry, State
from infra.runtime.line import NotYet
from services.notify.counter import Counter
from services.notify.domain.directory import Directory
from services.notify.domain.facts import facts_of
from services.notify.domain.messages import Message, written
from services.notify.domain.routes import Told, notices_for
from services.notify.domain.storm import Window
from services.notify.domain.tray import Tray, origin_of, tray_and_origin
from services.notify.mailroom import Mailroom
from services.notify.texts import worded

log = structlog.get_logger()
Need = tuple[type[State], str]


def ears_for(counter: Counter, join: timedelta = timedelta(0)) -> Ears:
    """The dispatch table of notify, sending over this counter; a notice waits so long for others of its cause."""
    ears, mailroom = Ears("notify"), Mailroom(join)
    keep_agreements(ears)
    teller = Teller(mailroom)
    ears.hears(FaultOpenedV1, needs=_needs)(teller.tell_of_opened_fault)
    ears.hears(FaultReopenedV1, needs=_needs)(teller.tell_of_reopened_fault)
    ears.hears(FaultResolvedV1, needs=_needs)(teller.tell_of_resolved_fault)
    ears.hears(SlaWarnedV1, needs=_needs)(teller.tell_of_coming_breach)
    ears.hears(SlaBreachedV1, needs=_needs)(teller.tell_of_breach)
    ears.hears(SlaBreachWithdrawnV1, needs=_needs)(teller.tell_of_withdrawn_breach)
    ears.hears(InspectionMissedV1, needs=_needs)(teller.tell_of_missed_inspection)
    ears.hears(SettlementComputedV1, needs=_needs)(teller.tell_of_settlement)
    ears.wakes("release", needs=lambda key: [(Message, key)])(mailroom.admit_message_when_quiet_ends)
    ears.wakes("join", needs=lambda key: [(Tray, tray_and_origin(key)[0])])(mailroom.join_messages_of_one_cause)
    ears.wakes("bundle", needs=lambda key: [(Window, key)])(mailroom.bundle_held_messages_when_window_ends)
    sent: list[Need] = [(Directory, "directory")]
    ears.wakes("send", needs=lambda key: [(Message, key), *sent], outside=True)(counter.send_message_when_due)
    return ears


def _needs(event: Any) -> Iterable[Need]:
    if isinstance(event, InspectionMissedV1):
        return [(Directory, "directory"), (SitePlace, event.site)]
    return [(Directory, "directory")]  # not the agreement, which is read once and then known


@dataclass(frozen=True)
class Teller:
    """Writes the messages that an event makes, and gives them to the mailroom."""

    mailroom: Mailroom

    async def tell_of_opened_fault(self, opened: FaultOpenedV1, entry: Entry) -> None:
        await self._tell(opened, entry)

    async def tell_of_reopened_fault(self, reopened: FaultReopenedV1, entry: Entry) -> None:
        await self._tell(reopened, entry)

    async def tell_of_resolved_fault(self, resolved: FaultResolvedV1, entry: Entry) -> None:
        await self._tell(resolved, entry)

    async def tell_of_coming_breach(self, warned: SlaWarnedV1, entry: Entry) -> None:
        await self._tell(warned, entry)

    async def tell_of_breach(self, breached: SlaBreachedV1, entry: Entry) -> None:
        await self._tell(breached, entry)

    async def tell_of_withdrawn_breach(self, withdrawn: SlaBreachWithdrawnV1, entry: Entry) -> None:
        await self._tell(withdrawn, entry)

    async def tell_of_missed_inspection(self, missed: InspectionMissedV1, entry: Entry) -> None:
        await self._tell(missed, entry)

    async def tell_of_settlement(self, computed: SettlementComputedV1, entry: Entry) -> None:
        await self._tell(computed, entry)

    async def _tell(self, event: Told, entry: Entry) -> None:
        agreement, lot = await _agreement(event, entry)
        directory = await entry.load(Directory, "directory") or Directory()
        notices = notices_for(event, entry.cause, lot, directory, entry.now)
        if not notices:
            log.info("nobody to tell", type=event.type(), cause=entry.cause, agreement=agreement.id, lot=lot.id)
            return
        facts = facts_of(event, agreement, lot)
        languages = {person.id: person.languages for person in directory.people}
        origin = origin_of(event, entry.correlation)
        for notice in notices:
            words = worded(notice.template, notice.channel, facts, languages[notice.person])
            message = written(notice, agreement.version, words, entry.now, origin)
            await self.mailroom.take(message, lot.notices, entry)


async def _agreement(event: Told, entry: Entry) -> tuple[Agreement, Lot]:
    """The agreement as it was decided under; an inspection names no version: the one in force at its site."""
    if isinstance(event, InspectionMissedV1):
        place = await place_of(entry, event.site)
        if place is None:
            raise NotYet(f"site {event.site} stands in no agreement that was heard of")
        return place.agreement, place.lot
    agreement = await agreement_of(entry, event.agreement, event.agreement_version)
    return agreement, agreement.lot(event.lot)
