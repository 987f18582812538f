"""The local days of a month that a site is paid for, and what they make of its share (W18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from contracts.agreements.agreement import Agreement
from contracts.agreements.sites import Site
from contracts.values import Words
from services.scoring.payment import to_the_cent
from services.scoring.span import first_day, month_after

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """The days of `month` from `first` to before `end` on which a site belonged to the agreement; none when equal."""

    month: str
    first: date
    end: date

    @property
    def counted(self) -> int:
        """How many they are."""
        return (self.end - self.first).days

    @property
    def whole(self) -> int:
        """How many days the month has."""
        return (first_day(month_after(self.month)) - first_day(self.month)).days

    @property
    def title(self) -> Words:
        """The days counted, for people. The tender does not say how a part of a month is paid: it is assumed."""
        of_zh, of_en = f"{self.counted}/{self.whole} 天", f"{self.counted} of {self.whole} days"
        if not self.counted:
            return Words(zh=f"按日计付（假定）：{of_zh}", en=f"Paid by the day (assumed): {of_en}")
        last = self.end - DAY
        return Words(
            zh=f"按日计付（假定）：{self.first} 至 {last}，{of_zh}",
            en=f"Paid by the day (assumed): {self.first} to {last}, {of_en}",
        )


def days_of(agreement: Agreement, site: Site, month: str) -> Days:
    """The days of the month that lie inside the term and not before the site's first day."""
    end = min(first_day(month_after(month)), agreement.ends + DAY)
    first = max(first_day(month), agreement.starts, site.since)
    return Days(month, min(first, end), end)


def share_of_days(share: Decimal, days: Days) -> Decimal:
    """The part of a month's share that these days earn: share × days / days of the month.

    The share runs through the days of the month, and a part is the difference of two rounded running sums: the parts
    of a month that is cut in two add up to its share, to the cent, and the whole month is the share itself.
    """
    start = first_day(days.month)
    earned = [to_the_cent(share * (day - start).days / days.whole) for day in (days.first, days.end)]
    return earned[1] - earned[0]
