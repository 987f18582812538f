"""Routes: from an event to the notices it makes, one per cause, person and channel (W10)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from contracts.agreements.agreement import Lot
from contracts.agreements.faults import Family, Severity
from contracts.agreements.notices import Group, Quiet, Route
from contracts.events.incidents import (
    FaultEvent,
    FaultOpenedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
    SlaEvent,
    SlaWarnedV1,
)
from contracts.events.inspections import InspectionMissedV1
from contracts.events.notify import ChannelKind
from contracts.events.scoring import SettlementComputedV1
from contracts.ids import id_of
from contracts.values import Frozen
from services.notify.domain.directory import LOCAL, Directory, Person, next_local, on_duty

Told = (
    FaultOpenedV1
    | FaultReopenedV1
    | FaultResolvedV1
    | SlaWarnedV1
    | SlaBreachedV1
    | SlaBreachWithdrawnV1
    | InspectionMissedV1
    | SettlementComputedV1
)
_IDS = uuid.UUID("0f0d4e0c-6a53-4a1c-a1de-3d6b1c1c8a77")


class Notice(Frozen):
    """Somebody is to be told of something on one channel, not before `send_at`."""

    id: str
    cause: str
    person: str
    organisation: str
    channel: ChannelKind
    agreement: str
    lot: str
    group: str
    route: str
    template: str
    subject: str
    critical: bool
    send_at: datetime


@dataclass(frozen=True, slots=True)
class Traits:
    """What routes are chosen by."""

    severity: Severity | None = None
    family: Family | None = None


@dataclass(frozen=True, slots=True)
class _Recipient:
    route: Route
    group: Group
    person: Person
    channel: ChannelKind


def notices_for(event: Told, cause: str, lot: Lot, directory: Directory, now: datetime) -> tuple[Notice, ...]:
    """Who is to be told of this event, sorted by person and channel.

    Whoever is reached by several routes or groups is told once, by the first route of the agreement. Duty times are
    judged at `now`; in the quiet hours what is not critical waits for their end.
    """
    traits = traits_of(event, lot)
    critical = traits.severity == "critical"
    send_at = after_quiet(now, None if critical else lot.notices.quiet)
    found: dict[tuple[str, str], Notice] = {}
    for to in _recipients(event, traits, lot, directory, now):
        notice = Notice(
            id=notice_id(cause, to.person.id, to.channel), cause=cause, person=to.person.id,
            organisation=to.person.organisation, channel=to.channel, agreement=event.agreement, lot=lot.id,
            group=to.group.id, route=to.route.id, template=template_for(event, to.route), subject=subject_of(event),
            critical=critical, send_at=send_at,
        )  # fmt: skip
        found.setdefault((to.person.id, to.channel), notice)
    return tuple(found[key] for key in sorted(found))


def notice_id(cause: str, person: str, channel: str) -> str:
    """The same cause, person and channel is the same notice, however often it is heard."""
    return id_of(_IDS, f"{cause}|{person}|{channel}")


def traits_of(event: Told, lot: Lot) -> Traits:
    """Severity and family of what happened. A clock has the severity of its clause, a fault that of its kind."""
    if not isinstance(event, FaultEvent):
        return Traits()
    kind = next((kind for kind in lot.fault_kinds if kind.id == event.kind), None)
    family = kind.family if kind else None
    if isinstance(event, FaultOpenedV1):
        return Traits(event.severity, event.family)
    if isinstance(event, SlaBreachedV1):
        return Traits(event.severity, family)
    if isinstance(event, SlaEvent):
        return Traits(next((clause.severity for clause in lot.sla if clause.id == event.clause), None), family)
    return Traits(kind.severity if kind else None, family)


def subject_of(event: Told) -> str:
    """The id of what is told of: a fault, an inspection task, a settlement."""
    match event:
        case InspectionMissedV1():
            return event.task
        case SettlementComputedV1():
            return event.settlement
    return event.fault


def after_quiet(now: datetime, quiet: Quiet | None) -> datetime:
    """`now`, or the end of the quiet hours it falls into. Hours that end before they start run over midnight."""
    if quiet is None:
        return now
    clock = now.astimezone(LOCAL).time()
    if quiet.starts < quiet.ends:
        inside = quiet.starts <= clock < quiet.ends
    else:
        inside = clock >= quiet.starts or clock < quiet.ends
    return next_local(now, f"{quiet.ends:%H:%M}") if inside else now


def route_type(event: Told) -> str:
    """The event's type as routes name it, without its version. Whoever hears that a fault opens hears it again."""
    if isinstance(event, FaultReopenedV1):
        return "FaultOpened"
    return re.sub(r"V\d+$", "", event.type())


def template_for(event: Told, route: Route) -> str:
    """The route's template; a fault that is open again has words of its own."""
    return "fault-reopened" if isinstance(event, FaultReopenedV1) else route.template


def _matches(route: Route, event: Told, traits: Traits) -> bool:
    return (
        route.on == route_type(event)
        and (not route.severities or traits.severity in route.severities)
        and (not route.families or traits.family in route.families)
    )


def _recipients(event: Told, traits: Traits, lot: Lot, directory: Directory, now: datetime) -> Iterator[_Recipient]:
    groups = {group.id: group for group in lot.notices.groups}
    for route in lot.notices.routes:
        if not _matches(route, event, traits):
            continue
        for group in (groups[id] for id in route.to if id in groups):
            for person in on_duty(directory.members(group.party, group.id), now):
                yield from (_Recipient(route, group, person, channel) for channel in route.channels)
