"""When the windows of a plan open and close (W4): RFC 5545 rules in local wall time, from the start of the term.

A window belongs to the term it opens in, and closes with the term at the latest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from contracts.agreements.agreement import Agreement
from contracts.agreements.plans import InspectionPlan

ONE_DAY = timedelta(days=1)


class Window(NamedTuple):
    """From `opens` to `closes`, both included, UTC."""

    opens: datetime
    closes: datetime


def windows(plan: InspectionPlan, agreement: Agreement, start: datetime, end: datetime) -> tuple[Window, ...]:
    """The windows that have a part in [start, end): those that close after `start` and open before `end`."""
    found = []
    for window in _windows(plan, agreement):
        if window.opens >= end:
            break
        if window.closes > start:
            found.append(window)
    return tuple(found)


def midnight(day: date, agreement: Agreement) -> datetime:
    """The first instant of a local day, UTC."""
    return _instant(datetime.combine(day, time()), agreement)


def next_midnight(at: datetime, agreement: Agreement) -> datetime:
    """The first local midnight after `at`, UTC."""
    return midnight(at.astimezone(_zone(agreement)).date() + ONE_DAY, agreement)


def end_of(agreement: Agreement) -> datetime:
    """The first instant after the term, UTC."""
    return midnight(agreement.ends + ONE_DAY, agreement)


def _windows(plan: InspectionPlan, agreement: Agreement) -> Iterator[Window]:
    """All windows of the term, in order."""
    last = datetime.combine(agreement.ends + ONE_DAY, time())
    openings = _openings(plan.repeats, agreement.starts, last)
    opens = next(openings, None)
    while opens is not None:
        following = next(openings, None)
        closes = (following or last) if plan.lasts == "until_next" else min(opens + plan.lasts, last)
        yield Window(_instant(opens, agreement), _instant(closes, agreement))
        opens = following


def _openings(repeats: str, starts: date, last: datetime) -> Iterator[datetime]:
    """The openings before `last`, local wall time."""
    rule = rrulestr(repeats, dtstart=datetime.combine(starts, time()))
    return takewhile(lambda opens: opens < last, rule)


def _instant(wall: datetime, agreement: Agreement) -> datetime:
    return wall.replace(tzinfo=_zone(agreement)).astimezone(UTC)


def _zone(agreement: Agreement) -> ZoneInfo:
    return ZoneInfo(agreement.calendar.timezone)
