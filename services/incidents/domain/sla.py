"""What the clocks of a fault make us say: warnings, breaches, and the withdrawal of breaches that were not true (W5).

Everything is derived anew from the recorded steps. What was said is kept only so that nothing is said twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from contracts.agreements.agreement import Lot
from contracts.agreements.calendar import Calendar
from contracts.agreements.clocks import SlaClause
from contracts.agreements.days import UnknownYear
from contracts.events.incidents import SlaBreachedV1, SlaBreachWithdrawnV1, SlaEvent, SlaWarnedV1
from contracts.values import Words
from services.incidents.clock import Clock, derive
from services.incidents.domain.fault import Alarm, Fault, Warned, identity_of

DUE, WARN = "due", "warn"
_REASON = Words(zh="后续收到的记录改变了计时结果", en="What was heard later changed the clock")


@dataclass(frozen=True)
class Derived:
    """The fault after its clocks were looked at, what is to be said, and which timers are to be set or taken back.

    `unknown`: clauses whose due time depends on a year that the calendar does not have yet.
    """

    fault: Fault
    says: tuple[SlaEvent, ...] = ()
    arm: tuple[Alarm, ...] = ()
    clear: tuple[Alarm, ...] = ()
    unknown: tuple[str, ...] = ()


def re_derive(fault: Fault, lot: Lot, calendar: Calendar, now: datetime, as_of: datetime | None = None) -> Derived:
    """Looks at all clocks of a fault, as of `now`. Called again with the same, it says nothing and sets nothing.

    What it leaves: `breached` holds exactly the clauses that are breached by now, each with its due time.
    `as_of`: up to when everything has been heard, where that is not now (a reading tells of nothing later than itself):
    a breach or warning after it is not said yet, its timer is set. A breach that was said and is still true stands.
    """
    judged = now if as_of is None else min(now, as_of)
    says: list[SlaEvent] = []
    alarms: list[Alarm] = []
    unknown: list[str] = []
    changed = fault
    for clause in lot.sla:
        try:
            clock = derive(clause, fault.opened, fault.steps, calendar, now)
        except UnknownYear:
            unknown.append(clause.id)
            continue
        changed, said = _said(changed, clause, clock, now, as_of)
        says += said
        alarms += _alarms(changed, clock, judged)
    wanted, before = {_of(alarm): alarm for alarm in alarms}, {_of(alarm): alarm for alarm in fault.armed}
    return Derived(
        fault=changed.has(armed=tuple(alarms)) if tuple(alarms) != changed.armed else changed,
        says=tuple(says),
        arm=tuple(alarm for name, alarm in wanted.items() if before.get(name) != alarm),
        clear=tuple(alarm for name, alarm in before.items() if name not in wanted),
        unknown=tuple(unknown),
    )


def fired(fault: Fault, name: str, key: str) -> Fault:
    """The fault after one of its timers fired: it is no longer set."""
    return fault.has(armed=tuple(alarm for alarm in fault.armed if _of(alarm) != (name, key)))


def _of(alarm: Alarm) -> tuple[str, str]:
    return alarm.name, alarm.key


def _said(
    fault: Fault, clause: SlaClause, clock: Clock, now: datetime, as_of: datetime | None
) -> tuple[Fault, list[SlaEvent]]:
    fault, breaches = _breaches(fault, clause, clock, now, as_of)
    fault, warnings = _warnings(fault, clause, clock, now if as_of is None else min(now, as_of))
    return fault, [*warnings, *breaches]


def _breaches(
    fault: Fault, clause: SlaClause, clock: Clock, now: datetime, as_of: datetime | None
) -> tuple[Fault, list[SlaEvent]]:
    said, true = fault.breached.get(clause.id), clock.breached_at
    if as_of is not None and true is not None and true > as_of and true != said:
        true = None
    if said == true:
        return fault, []
    shared = {**identity_of(fault.opened), "clause": clause.id, "title": clause.title}
    events: list[SlaEvent] = []
    breached = {other: due for other, due in fault.breached.items() if other != clause.id}
    if said is not None:
        events.append(SlaBreachWithdrawnV1(**shared, at=now, due=said, reason=_REASON, new_due=clock.due))
    if true is not None:
        events.append(SlaBreachedV1(**shared, at=true, due=true, severity=clause.severity))
        breached[clause.id] = true
    return fault.has(breached=breached), events


def _warnings(fault: Fault, clause: SlaClause, clock: Clock, now: datetime) -> tuple[Fault, list[SlaEvent]]:
    """Only a clock that still runs warns; after its end or its breach a warning helps nobody."""
    if clock.due is None or clock.state in ("met", "breached", "not_covered"):
        return fault, []
    events: list[SlaEvent] = []
    for at, lead in _warns(clause, clock):
        warned = Warned(clause=clause.id, due=clock.due, at=at)
        if at <= now < clock.due and warned not in fault.warned:
            shared = {**identity_of(fault.opened), "clause": clause.id, "title": clause.title, "due": clock.due}
            events.append(SlaWarnedV1(**shared, at=at, left_seconds=_seconds(lead)))
            fault = fault.has(warned=(*fault.warned, warned))
    return fault, events


def _warns(clause: SlaClause, clock: Clock) -> list[tuple[datetime, timedelta]]:
    """(at, time left) of each warning, in order."""
    leads = sorted({lead for lead in clause.warns if lead <= clock.allowed}, reverse=True)
    return list(zip(clock.warns, leads, strict=False))


def _seconds(lasting: timedelta) -> Decimal:
    return Decimal(lasting // timedelta(milliseconds=1)) / 1000


def _alarms(fault: Fault, clock: Clock, now: datetime) -> list[Alarm]:
    """The timers that a clock still needs: for what lies ahead, and was not said."""
    if clock.due is None or clock.due <= now or clock.clause in fault.breached:
        return []
    if clock.ended_at is not None and clock.breached_at is None:
        return []
    key = f"{clock.fault}|{clock.clause}"
    warns = [
        Alarm(name=WARN, key=f"{key}|{number}", due=at) for number, at in enumerate(clock.warns) if now < at < clock.due
    ]
    return [*warns, Alarm(name=DUE, key=key, due=clock.due)]
