"""The indicators of a site's month (W3): exact ratios of hours and counts, with both rates and their evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from contracts.agreements.scores import Indicator
from contracts.events.scoring import IndicatorValue
from services.scoring.book import Book
from services.scoring.handling import counted_faults, is_handled
from services.scoring.hours import Hours

MISSING_NAMED = 50
"""At most so many missing hours are named in the evidence of one value; their number follows from the ratio."""


def indicator_values(book: Book) -> tuple[IndicatorValue, ...]:
    """Every indicator of the lot: capture and validity for each required parameter, the others once for the site."""
    return tuple(value for indicator in book.lot.indicators for value in _values(indicator, book))


def _values(indicator: Indicator, book: Book) -> Iterator[IndicatorValue]:
    match indicator.measure:
        case "capture" | "validity":
            for code, hours in book.hours.items():
                yield _of_hours(indicator, code, hours, book.site.id)
        case "handling":
            yield handling(indicator, book)
        case "in_time":
            yield in_time(indicator, book)


def _of_hours(indicator: Indicator, code: str, hours: Hours, site: str) -> IndicatorValue:
    counted = hours.captured if indicator.measure == "capture" else hours.valid
    excluded = hours.outage if indicator.excludes_power else frozenset[datetime]()
    due = hours.due - excluded
    faults = set(hours.spoilt_by if indicator.measure == "validity" else ())
    faults.update(hours.cut_by if indicator.excludes_power else ())
    missing = sorted(due - counted)[:MISSING_NAMED]
    return IndicatorValue(
        indicator=indicator.id,
        title=indicator.title,
        code=code,
        numerator=len(counted & due),
        denominator=len(due),
        excluded=len(excluded),
        ratio=ratio(len(counted & due), len(due)),
        raw_ratio=ratio(len(counted), len(hours.due)),
        required=indicator.at_least,
        met=is_met(len(counted & due), len(due), indicator.at_least),
        evidence=(*sorted(faults), *(hour_id(site, hour) for hour in missing)),
    )


def handling(indicator: Indicator, book: Book) -> IndicatorValue:
    """Faults resolved by the month's close / faults that fell due in it, and those overdue from before it."""
    counted = counted_faults(book)
    wanting = [life.opening for life in counted if not is_handled(life, book)]
    return _of_counts(indicator, len(wanting), len(counted), wanting)


def in_time(indicator: Indicator, book: Book) -> IndicatorValue:
    """Tasks done in their window, also if posted late / tasks whose window closed in the month."""
    late = [task for task in book.closed_tasks if not task.in_time]
    evidence = [id for task in late for id in task.missed or task.said]
    return _of_counts(indicator, len(late), len(book.closed_tasks), evidence)


def _of_counts(indicator: Indicator, wanting: int, total: int, evidence: Iterable[str]) -> IndicatorValue:
    return IndicatorValue(
        indicator=indicator.id,
        title=indicator.title,
        numerator=total - wanting,
        denominator=total,
        ratio=ratio(total - wanting, total),
        required=indicator.at_least,
        met=is_met(total - wanting, total, indicator.at_least),
        evidence=tuple(evidence),
    )


def is_met(numerator: int, denominator: int, at_least: Decimal) -> bool:
    """Compares whole numbers, never the rounded ratio; where nothing was due the indicator is met."""
    return numerator * 10_000 >= int(at_least * 10_000) * denominator


def ratio(numerator: int, denominator: int) -> Decimal | None:
    """Four decimals, rounded half to even (GB/T 8170); None where nothing was due. For display only."""
    if denominator == 0:
        return None
    return (Decimal(numerator) / denominator).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)


def hour_id(site: str, hour: datetime) -> str:
    """The natural key of an hour reading: `site/hour/YYYYMMDDThhmmssZ`."""
    return f"{site}/hour/{hour.astimezone(UTC):%Y%m%dT%H%M%SZ}"
