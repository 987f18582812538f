"""The span of time that one site's score looks at: the natural month in local time, clipped to the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.sites import Site

# China has kept one offset without summer time since 1992.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `opens` (included) to `closes` (excluded), in UTC; what became true after `known` is not seen yet.

    An occurrence (a fault that opens, a task that is done) belongs to the span that holds its moment. A deadline
    belongs to the span in which it ends: one at midnight closes the day before it, so it counts to the old month.
    """

    opens: datetime
    closes: datetime
    known: datetime

    def holds(self, at: datetime) -> bool:
        """Whether an occurrence belongs here."""
        return self.opens <= at < self.closes and at <= self.known

    def ends(self, deadline: datetime) -> bool:
        """Whether a deadline ran out here."""
        return self.opens < deadline <= self.closes and deadline <= self.known

    def hours(self) -> Iterator[datetime]:
        """The starts of the whole hours that have ended by `known`."""
        hour, last = self.opens, min(self.closes, self.known) - HOUR
        while hour <= last:
            yield hour
            hour += HOUR


def midnight(day: date) -> datetime:
    """The local start of a day, in UTC."""
    return datetime.combine(day, time(0), SHANGHAI).astimezone(UTC)


def month_of(moment: datetime) -> str:
    """The local natural month of a moment, `YYYY-MM`."""
    return f"{moment.astimezone(SHANGHAI):%Y-%m}"


def month_ended_by(deadline: datetime) -> str:
    """The local natural month that a deadline ends in: one at midnight of the first ends in the month before."""
    return month_of(deadline - timedelta(milliseconds=1))


def first_day(month: str) -> date:
    """The first day of `YYYY-MM`."""
    return date.fromisoformat(f"{month}-01")


def month_after(month: str) -> str:
    """The next natural month."""
    return f"{first_day(month) + timedelta(days=32):%Y-%m}"


def months_between(earlier: str, later: str) -> int:
    """How many months `later` lies after `earlier`."""
    first, last = first_day(earlier), first_day(later)
    return (last.year - first.year) * 12 + last.month - first.month


def months_of(agreement: Agreement) -> list[str]:
    """The natural months that the term of service touches."""
    months, last = [f"{agreement.starts:%Y-%m}"], f"{agreement.ends:%Y-%m}"
    while months[-1] < last:
        months.append(month_after(months[-1]))
    return months


def close_of(lot: Lot, month: str) -> datetime:
    """When a month's score is computed (W8): the local end of the month plus the agreed time."""
    return midnight(first_day(month_after(month))) + lot.payment.closes


def span_of(agreement: Agreement, lot: Lot, site: Site, month: str, until: datetime | None) -> Span:
    """The span of a site's score: the month inside the term, from the site's first day. May be empty.

    `until` cuts what is known (a month so far); else all is known that became true before the month's close.
    Raises ValueError for a month outside the term.
    """
    if month not in months_of(agreement):
        raise ValueError(f"{month} lies outside the term of {agreement.id}")
    opens = max(midnight(first_day(month)), midnight(agreement.starts), midnight(site.since))
    closes = min(midnight(first_day(month_after(month))), midnight(agreement.ends + timedelta(days=1)))
    known = close_of(lot, month)
    return Span(opens, closes, known if until is None else min(known, until.astimezone(UTC)))
