"""Late evidence: what comes for a month that is settled already, and which settlements it can change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, TypeGuard

from contracts.events.assets import ReadingReceivedV1
from contracts.events.event import Event
from contracts.events.incidents import (
    FaultEvent,
    FaultOpenedV1,
    FaultResolvedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
)
from contracts.events.inspections import InspectionDoneV1, InspectionEvent
from infra.runtime.states import State
from services.scoring.span import first_day, midnight, month_after, month_ended_by, month_of

LATE_BUNDLE = timedelta(hours=1)
"""Late evidence for a lot's month that comes within this time after the first makes one new reckoning."""
BY_LATE_EVIDENCE = "late evidence"
"""Who asks for a revision that late evidence (补充证据) made: no person."""


Told = ReadingReceivedV1 | FaultEvent | InspectionEvent
"""What tells a score of a site."""


class LateMonth(State):
    """A settled month of a lot (`id` is `agreement/lot/month`) that late evidence came for, until it is reckoned
    again at `due`."""

    COLLECTION: ClassVar[str] = "late_months"
    agreement: str
    lot: str
    month: str
    since: datetime
    """When the first of it was heard."""
    due: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """A month of a lot as it was settled: its sites, and up to when it looked."""

    agreement: str
    lot: str
    month: str
    sites: frozenset[str]
    closed_at: datetime

    @property
    def id(self) -> str:
        """`agreement/lot/month`."""
        return f"{self.agreement}/{self.lot}/{self.month}"

    @property
    def ended(self) -> datetime:
        """The local end of the month."""
        return midnight(first_day(month_after(self.month)))


def oldest_moment(event: Event) -> datetime | None:
    """The earliest moment that the event tells a score of. None for what no score looks at: warnings, pauses, and
    what is done about a fault short of resolving it, which reach a score through the breaches they make untrue; and a
    reopening, which reaches what the resolutions reached that it takes back (`evidence.taken_back_by`)."""
    match event:
        case ReadingReceivedV1():
            return event.time
        case FaultOpenedV1():
            return event.since
        case SlaBreachedV1() | SlaBreachWithdrawnV1():
            return event.due
        case FaultResolvedV1():
            return event.at
        case InspectionDoneV1():
            return min(event.at, event.closes)
        case InspectionEvent():
            return event.closes
    return None


def may_be_late(event: Event, now: datetime) -> TypeGuard[Told]:
    """Whether a settled month is worth looking for: a cheap question, asked of every event. What tells of this month
    only is not late; but a resolution of this month may lie before the close of the last one."""
    moment = oldest_moment(event)
    if moment is None or moment > now:
        return False
    return isinstance(event, FaultResolvedV1) or month_ended_by(moment) < month_of(now)


def reached_by(events: Iterable[Told], settled: Settled) -> bool:
    """Whether any of these events can change what was settled."""
    return any(_reaches(event, settled) for event in events)


def _reaches(event: Told, settled: Settled) -> bool:
    """A reading or a task reaches its own month; a fault every month from its first sign on, as it may last."""
    match event:
        case ReadingReceivedV1():
            return event.site in settled.sites and month_of(event.time) == settled.month
        case FaultEvent():
            return _is_of(event, settled) and _fault_reaches(event, settled)
        case InspectionEvent():
            return _is_of(event, settled) and settled.month in _months_of_task(event)


def _is_of(event: FaultEvent | InspectionEvent, settled: Settled) -> bool:
    here = (event.agreement, event.lot) == (settled.agreement, settled.lot)
    return here and event.site in settled.sites


def _fault_reaches(event: FaultEvent, settled: Settled) -> bool:
    match event:
        case FaultOpenedV1():
            return event.since < settled.ended
        case FaultResolvedV1():
            return event.at <= settled.closed_at
        case SlaBreachedV1() | SlaBreachWithdrawnV1():
            return event.due <= settled.ended
    return False


def _months_of_task(event: InspectionEvent) -> set[str]:
    months = {month_ended_by(event.closes)}
    return months | {month_of(event.at)} if isinstance(event, InspectionDoneV1) else months
