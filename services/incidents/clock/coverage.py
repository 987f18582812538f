"""Whether a clause covers a fault, and how long it then allows (W5)."""

from __future__ import annotations

from typing import NamedTuple

from contracts.agreements.calendar import Calendar, DayKind
from contracts.agreements.clocks import SlaClause, Within, Workdays
from contracts.agreements.days import day_kind, is_every, is_inside, local_day
from contracts.events.incidents import FaultOpenedV1
from contracts.values import Words
from services.incidents.clock import wording


class Coverage(NamedTuple):
    """`limit` is None where the clause does not cover the fault; `opened_on` where nothing depends on it."""

    limit: Within | Workdays | None
    why: Words
    opened_on: DayKind | None = None


def coverage_of(clause: SlaClause, opened: FaultOpenedV1, calendar: Calendar) -> Coverage:
    """The limit that holds for a fault: it is named, opened inside `covers`, and on a day that a limit stands for."""
    if opened.family not in clause.families and opened.kind not in clause.kinds:
        return Coverage(None, wording.not_named(opened))
    if clause.covers is not None and not is_inside(calendar, clause.covers, opened.at):
        return Coverage(None, wording.opened_outside(opened, clause.covers, calendar))
    return _limit_of(clause, opened, calendar)


def _limit_of(clause: SlaClause, opened: FaultOpenedV1, calendar: Calendar) -> Coverage:
    first = clause.limits[0]
    if is_every(first.days):
        return Coverage(first, wording.covered(opened, clause.covers, None, calendar))
    kind = day_kind(calendar, local_day(calendar, opened.at))
    for limit in clause.limits:
        if kind in limit.days:
            return Coverage(limit, wording.covered(opened, clause.covers, kind, calendar), kind)
    return Coverage(None, wording.no_limit(kind), kind)
