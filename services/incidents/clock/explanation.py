"""Explains a clock line by line: the clause and its source, the calendar, the timeline, the due time (W5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby

from pydantic import JsonValue

from contracts.agreements.agreement import Agreement
from contracts.agreements.calendar import Calendar, DayKind, Hours
from contracts.agreements.days import ONE_DAY, day_kind, hours_named, is_every, local_day
from contracts.events.event import Event
from contracts.events.incidents import FaultEvent, FaultOpenedV1, FaultStep
from contracts.values import Frozen, Moment, Words
from services.incidents.clock import telling
from services.incidents.clock.derivation import clocks_of
from services.incidents.clock.face import Clock


class DayRun(Frozen):
    """Local days of one kind in a row, both included."""

    first: date
    last: date
    kind: DayKind
    provisional: bool = False
    """The year's notice was not out when the calendar was made."""


class Explanation(Frozen):
    """A clock with what it was derived from. `lines` are for people; `record` is the same as JSON values."""

    clock: Clock
    as_of: Moment | None = None
    calendar: str
    timezone: str
    days: tuple[DayRun, ...]
    """The days whose kind mattered."""
    hours: tuple[Hours, ...]
    """The named hours that mattered."""
    lines: tuple[Words, ...]

    def record(self) -> dict[str, JsonValue]:
        """JSON values: instants in UTC, durations in ISO 8601."""
        return self.model_dump(mode="json")


def explain(clock: Clock, calendar: Calendar, timezone: str | None = None) -> Explanation:
    """The explanation of a clock by the calendar it was derived with; times are told in `timezone` (the calendar's)."""
    timezone = timezone or calendar.timezone
    days, hours = tuple(_runs(clock, calendar)), _hours(clock, calendar)
    lines = (
        *telling.clause(clock),
        *telling.hours(hours),
        *(telling.days(run.first, run.last, run.kind, run.provisional) for run in days),
        *(telling.segment(segment, timezone) for segment in clock.segments),
        *telling.outcome(clock, timezone),
    )
    return Explanation(clock=clock, calendar=calendar.id, timezone=timezone, days=days, hours=hours, lines=lines)


def explain_events(
    events: Iterable[Event], agreement: Agreement, now: datetime | None = None
) -> tuple[Explanation, ...]:
    """The explanations of every fault of this agreement among the events, clause by clause.

    As of `now`, or else of the latest instant the events tell of. Faults are in order of their opening. Events in any
    order; a fault whose opening is not among them is left out. KeyError where the agreement has no such lot.
    """
    faults = [event for event in events if isinstance(event, FaultEvent) and event.agreement == agreement.id]
    openings = {event.fault: event for event in faults if isinstance(event, FaultOpenedV1)}
    as_of = now or max((_heard(event) for event in faults), default=None)
    if as_of is None:
        return ()
    told: list[Explanation] = []
    for opened in sorted(openings.values(), key=lambda each: (each.at, each.fault)):
        told.extend(_explained(opened, [event for event in faults if event.fault == opened.fault], agreement, as_of))
    return tuple(told)


def _explained(
    opened: FaultOpenedV1, steps: Sequence[FaultEvent], agreement: Agreement, as_of: datetime
) -> Iterator[Explanation]:
    for clock in clocks_of(agreement.lot(opened.lot), opened, steps, agreement.calendar, as_of):
        told = explain(clock, agreement.calendar)
        extra = telling.version(opened.agreement_version, agreement.version)
        yield told.model_copy(update={"as_of": as_of, "lines": (*extra, *told.lines)})


def _heard(event: FaultEvent) -> datetime:
    return max(event.at, event.posted_at) if isinstance(event, FaultStep) else event.at


def _hours(clock: Clock, calendar: Calendar) -> tuple[Hours, ...]:
    named = dict.fromkeys(name for name in (clock.covers, clock.counts) if name is not None)
    return tuple(hours_named(calendar, name) for name in named)


def _runs(clock: Clock, calendar: Calendar) -> Iterator[DayRun]:
    for kind, group in groupby(_days(clock, calendar), key=lambda day: day_kind(calendar, day)):
        run = list(group)
        provisional = any(calendar.years[day.year].provisional for day in run)
        yield DayRun(first=run[0], last=run[-1], kind=kind, provisional=provisional)


def _days(clock: Clock, calendar: Calendar) -> Iterator[date]:
    """The days whose kind mattered: all that the timeline touches, or only that of the opening."""
    first = local_day(calendar, clock.starts)
    if clock.workdays is not None or _depends(clock.counts, calendar):
        last = local_day(calendar, clock.segments[-1].ends - timedelta(milliseconds=1)) if clock.segments else first
        yield from (first + n * ONE_DAY for n in range((last - first).days + 1))
    elif clock.opened_on is not None or _depends(clock.covers, calendar):
        yield first


def _depends(hours: str | None, calendar: Calendar) -> bool:
    return hours is not None and not is_every(hours_named(calendar, hours).days)
