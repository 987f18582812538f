"""Indicators, the score sheet, and what the score makes of the payment (W3, W18)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from contracts.agreements.entry import Entry, Term
from contracts.values import Slug

Points = Annotated[Decimal, Field(ge=0, max_digits=7, decimal_places=2)]
Ratio = Annotated[Decimal, Field(ge=0, le=1, max_digits=6, decimal_places=4)]
Money = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=2)]


class Indicator(Entry):
    """A ratio of the month.

    `capture`: hours with a value / hours that should have run. `validity`: hours with a valid value / the same.
    Both by site and required parameter, power outages excluded. `handling`: faults that fell due (by their first
    standing breach, or by their resolution where that came first) and were resolved by the month's close / those that
    fell due, with those of earlier months that are still open. `in_time`: inspections done in their window / windows
    that closed.
    """

    measure: Literal["capture", "validity", "handling", "in_time"]
    at_least: Ratio
    excludes_power: bool = False


class Breaches(Term):
    """Each clock of these clauses that ran out."""

    of: Literal["breaches"]
    clauses: tuple[Slug, ...]


class Missed(Term):
    """Each task of these plans that was not done in its window."""

    of: Literal["missed"]
    plans: tuple[Slug, ...]


class FailedItems(Term):
    """Each failed check-list item of these groups."""

    of: Literal["failed_items"]
    groups: tuple[Slug, ...]


class Faults(Term):
    """Each fault of these kinds that opened."""

    of: Literal["faults"]
    kinds: tuple[Slug, ...]


class Unmet(Term):
    """Each of these indicators that was not met."""

    of: Literal["unmet"]
    indicators: tuple[Slug, ...]


Counted = Annotated[Breaches | Missed | FailedItems | Faults | Unmet, Field(discriminator="of")]


class Deduction(Entry):
    """Takes `points` for each counted finding, at most `cap`."""

    counts: Counted
    points: Points
    cap: Points | None = None


class Part(Entry):
    """A part of the sheet; its deductions together take at most its points."""

    points: Points
    deductions: tuple[Deduction, ...] = ()


class Sheet(Entry):
    """A score sheet, filled for each site and month. An unmet gate sets the score to `gate_points`."""

    parts: tuple[Part, ...] = Field(min_length=1)
    gates: tuple[Slug, ...] = ()
    gate_points: Points = Decimal(0)

    @property
    def full(self) -> Decimal:
        """All the points there are."""
        return sum((part.points for part in self.parts), Decimal(0))


class Proportional(Term):
    """The share times points / full points."""

    rule: Literal["proportional"]


class FullAbove(Term):
    """Full pay from `full_from` points; below, the share × (`plus` + points) %."""

    rule: Literal["full_above"]
    full_from: Points
    plus: Points


class PerPoint(Term):
    """`amount` off for every point (or part of one) below `full_from`, at most the share."""

    rule: Literal["per_point"]
    full_from: Points
    amount: Money


Pricing = Annotated[Proportional | FullAbove | PerPoint, Field(discriminator="rule")]


class Payment(Entry):
    """The fee of a year, split evenly over the lot's sites and twelve months, to the cent; and its price by score.

    A site that belongs to the agreement for a part of a month is paid by the day.
    """

    annual_fee: Money
    currency: Literal["CNY"] = "CNY"
    pricing: Pricing
    closes: timedelta
    """How long after the end of a month, local time, its score is computed."""
