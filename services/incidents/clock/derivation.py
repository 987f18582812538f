"""Derives a clock from a clause, a fault and all that is known to have happened: no state, no patching (W5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts.agreements.agreement import Lot
from contracts.agreements.calendar import Calendar
from contracts.agreements.clocks import SlaClause, Within, Workdays
from contracts.events.incidents import FaultEvent, FaultOpenedV1
from contracts.values import whole_milliseconds
from services.incidents.clock import wording
from services.incidents.clock.counting import measure_of
from services.incidents.clock.course import Course, course_of
from services.incidents.clock.coverage import Coverage, coverage_of
from services.incidents.clock.face import Clock, Voided
from services.incidents.clock.segments import segments_of


def clocks_of(
    lot: Lot, opened: FaultOpenedV1, steps: Sequence[FaultEvent], calendar: Calendar, now: datetime
) -> tuple[Clock, ...]:
    """The clocks of all clauses of a lot for one fault, those that do not cover it included. Errors as `derive`."""
    return tuple(derive(clause, opened, steps, calendar, now) for clause in lot.sla)


def derive(
    clause: SlaClause, opened: FaultOpenedV1, steps: Sequence[FaultEvent], calendar: Calendar, now: datetime
) -> Clock:
    """The clock of one clause for one fault, as of `now` (aware), in whole milliseconds.

    `steps` are this fault's events in any order and any number of times; what is no step is read over. Every known
    step is a fact, even one later than `now`; a clock that has ended is as of its end, and what came later changes
    nothing in it. Raises UnknownYear where the due time depends on a year the calendar lacks, and UnknownHours.
    """
    coverage = coverage_of(clause, opened, calendar)
    if coverage.limit is None:
        return _not_covered(clause, opened, coverage)
    measure = measure_of(clause, coverage.limit, opened.at, calendar)
    course = course_of(clause, measure, opened.at, steps, calendar, whole_milliseconds(now))
    return _covered(clause, opened, coverage, coverage.limit, course, calendar)


def _not_covered(clause: SlaClause, opened: FaultOpenedV1, coverage: Coverage) -> Clock:
    return Clock(
        clause=clause.id,
        title=clause.title,
        source=clause.source,
        fault=opened.fault,
        severity=clause.severity,
        covered=False,
        why=coverage.why,
        opened_on=coverage.opened_on,
        covers=clause.covers,
        starts=opened.at,
        state="not_covered",
    )


def _covered(
    clause: SlaClause,
    opened: FaultOpenedV1,
    coverage: Coverage,
    limit: Within | Workdays,
    course: Course,
    calendar: Calendar,
) -> Clock:
    allowed, hours = course.measure.allowed, course.measure.hours
    return Clock(
        clause=clause.id,
        title=clause.title,
        source=clause.source,
        fault=opened.fault,
        severity=clause.severity,
        covered=True,
        why=coverage.why,
        opened_on=coverage.opened_on,
        covers=clause.covers,
        counts=hours,
        workdays=limit.workdays if isinstance(limit, Workdays) else None,
        starts=opened.at,
        limit=wording.limit(limit, hours, calendar),
        allowed=allowed,
        state=course.state,
        due=course.due,
        ended_at=course.end.at if course.end else None,
        ended_by=course.end.by if course.end else None,
        breached_at=course.breached_at,
        counted=course.counted,
        left=max(timedelta(0), allowed - course.counted),
        segments=segments_of(clause, course, calendar),
        warns=course.warns(clause.warns),
        voided=tuple(Voided(at=void.at, reopened_at=void.reopened_at) for void in course.voids),
    )
