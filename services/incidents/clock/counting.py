"""Counting time: which instants count for a clause, and when the counted time reaches a mark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from contracts.agreements.calendar import Calendar
from contracts.agreements.clocks import SlaClause, Within, Workdays
from contracts.agreements.days import (
    ONE_DAY,
    Interval,
    daily_spans,
    daily_workdays,
    day_starts,
    local_day,
)
from services.incidents.clock.steps import ENDLESS


class Measure(NamedTuple):
    """How a clause counts: from `since`, inside `hours` or on whole workdays, up to `allowed`.

    A limit of n workdays counts all 24 hours of each workday from the midnight after the opening day, up to n * 24
    hours; so without excluded time it ends at 24:00 of the n-th workday, and each excluded hour of a workday moves
    it on by an hour of workday time. Excluded time on the opening day or on a day off moves nothing. The clause's
    `counts` do not apply to it.
    """

    since: datetime
    allowed: timedelta
    hours: str | None
    workdays: bool


def measure_of(clause: SlaClause, limit: Within | Workdays, opened_at: datetime, calendar: Calendar) -> Measure:
    """How this limit of the clause counts for a fault opened then."""
    if isinstance(limit, Within):
        return Measure(opened_at, limit.time, clause.counts, workdays=False)
    since = day_starts(calendar, local_day(calendar, opened_at) + ONE_DAY)
    return Measure(since, limit.workdays * ONE_DAY, None, workdays=True)


def counted_until_due(measure: Measure, excluded: Sequence[Interval], calendar: Calendar) -> list[Interval]:
    """The counted time from the start up to the due time, or up to an open-ended excluded pause. UnknownYear."""
    end = excluded[-1][0] if excluded and excluded[-1][1] == ENDLESS else ENDLESS
    left, taken = measure.allowed, []
    for starts, ends in _counted(measure, excluded, calendar, measure.since, end):
        ends = min(ends, starts + left)
        taken.append((starts, ends))
        left -= ends - starts
        if not left:
            break
    return taken


def counted_after(
    measure: Measure, excluded: Sequence[Interval], calendar: Calendar, start: datetime, end: datetime
) -> list[Interval]:
    """The counted time of [start, end). UnknownYear."""
    return list(_counted(measure, excluded, calendar, max(start, measure.since), end))


def _counted(
    measure: Measure, excluded: Sequence[Interval], calendar: Calendar, start: datetime, end: datetime
) -> Iterator[Interval]:
    if end <= start:
        return iter(())
    return _without(_open(measure, calendar, start, end), excluded)


def _open(measure: Measure, calendar: Calendar, start: datetime, end: datetime) -> Iterable[Interval]:
    if measure.workdays:
        return daily_workdays(calendar, start, end)
    if measure.hours is not None:
        return daily_spans(calendar, measure.hours, start, end)
    return ((start, end),)


def _without(spans: Iterable[Interval], excluded: Sequence[Interval]) -> Iterator[Interval]:
    for starts, ends in spans:
        for stops, resumes in excluded:
            if stops >= ends:
                break
            if starts < stops:
                yield starts, stops
            starts = max(starts, resumes)
        if starts < ends:
            yield starts, ends


def total(spans: Iterable[Interval], upto: datetime) -> timedelta:
    """The length of the spans before an instant."""
    return sum((min(ends, upto) - starts for starts, ends in spans if starts < upto), timedelta(0))


def reached(spans: Iterable[Interval], mark: timedelta) -> datetime | None:
    """The first instant at which so much (more than zero) was counted; None where the spans are shorter."""
    for starts, ends in spans:
        if ends - starts >= mark:
            return starts + mark
        mark -= ends - starts
    return None
