"""Mistakes of sense: dates, recurrences and ranges that are well formed and cannot be meant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation

from dateutil.rrule import rrulestr
from pydantic import TypeAdapter, ValidationError

from contracts.agreements.mistakes.mistake import Mistake
from contracts.agreements.placed import Placed, each, mistake_at
from contracts.agreements.plans import LATE_POST
from contracts.values import Words

RECURRENCE = Words(zh="RFC 5545 重复规则，如 FREQ=DAILY;BYHOUR=6", en="an RFC 5545 rule such as FREQ=DAILY;BYHOUR=6")
ORDERED_DATES = Words(zh="不早于 starts 的日期", en="a date not before `starts`")
ORDERED_BOUNDS = Words(zh="大于 low 的数字", en="a number above `low`")
SOME_BOUND = Words(zh="low 或 high 至少一个", en="`low` or `high`, at least one")
OWN_YEAR = Words(zh="属于该年的日期", en="a day of that year")
_DURATION = TypeAdapter(timedelta)
A_WEEKEND = Words(zh="调休上班的周六或周日", en="a Saturday or Sunday that is worked")


def sense_mistakes(root: Placed) -> Iterator[Mistake]:
    """Recurrences that do not parse, years without data, days of another year, ranges upside down, a close that does
    not wait for late posts."""
    yield from _recurrences(root)
    yield from _term(root)
    yield from _days(root)
    yield from _bounds(root)
    yield from _close(root)


def _recurrences(root: Placed) -> Iterator[Mistake]:
    starts = _date(root.child("starts")) or date(2026, 1, 1)
    for path, rule in each(root, "lots.*.plans.*.repeats"):
        if rule.text is not None and not _recurs(rule.text, starts):
            yield mistake_at(root, path, rule.spot, rule.text or "", RECURRENCE)


def _recurs(rule: str, starts: date) -> bool:
    try:
        rrulestr(rule, dtstart=datetime.combine(starts, time()))
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return True


def _term(root: Placed) -> Iterator[Mistake]:
    starts, ends = _date(root.child("starts")), _date(root.child("ends"))
    if starts is None or ends is None:
        return
    if ends < starts:
        yield mistake_at(root, ("ends",), root.fields["ends"].spot, root.fields["ends"].text or "", ORDERED_DATES)
    for _, years in each(root, "calendar.years"):
        for year in range(starts.year, ends.year + 1):
            if str(year) not in years.fields:
                words = Words(zh=f"服务期内 {year} 年的节假日", en=f"the holidays of {year}, a year of the term")
                yield mistake_at(root, ("calendar", "years", str(year)), years.spot, years.text or "", words)


def _days(root: Placed) -> Iterator[Mistake]:
    for _, years in each(root, "calendar.years"):
        for year, days in years.fields.items():
            above = ("calendar", "years", year)
            for path, day in each(days, "holidays.*"):
                if (on := _date(day)) is not None and str(on.year) != year:
                    yield mistake_at(root, (*above, *path), day.spot, day.text or "", OWN_YEAR)
            for path, day in each(days, "makeup_workdays.*"):
                if (on := _date(day)) is not None and (str(on.year) != year or on.weekday() < 5):
                    yield mistake_at(
                        root, (*above, *path), day.spot, day.text or "", A_WEEKEND if str(on.year) == year else OWN_YEAR
                    )


def _bounds(root: Placed) -> Iterator[Mistake]:
    for at in ("lots.*.sites.*.room.*", "lots.*.sites.*.assets.*.measures.*", "lots.*.fault_rules.*.when"):
        for path, range_ in each(root, at):
            low, high = _number(range_.child("low")), _number(range_.child("high"))
            if low is not None and high is not None and high <= low:
                yield mistake_at(
                    root, (*path, "high"), range_.fields["high"].spot, range_.fields["high"].text or "", ORDERED_BOUNDS
                )
    for path, when in each(root, "lots.*.fault_rules.*.when"):
        test = when.child("test")
        if test is not None and test.text == "outside" and not {"low", "high"} & when.fields.keys():
            yield mistake_at(root, path, when.spot, when.text or "", SOME_BOUND)


def _close(root: Placed) -> Iterator[Mistake]:
    """A month that is closed before its last window's late posts are in would be scored without them."""
    for path, lot in each(root, "lots.*"):
        closes = next((placed for _, placed in each(lot, "payment.closes")), None)
        waits = [_lasting(plan.child("late_post")) or LATE_POST for _, plan in each(lot, "plans.*")]
        lasts = _lasting(closes)
        if closes is not None and lasts is not None and waits and lasts < max(waits):
            hours = int(max(waits) / timedelta(hours=1))
            words = Words(
                zh=f"不短于补报期限，如 PT{hours}H", en=f"no less than the longest late_post, such as PT{hours}H"
            )
            yield mistake_at(root, (*path, "payment", "closes"), closes.spot, closes.text or "", words)


def _lasting(placed: Placed | None) -> timedelta | None:
    try:
        return _DURATION.validate_python(placed.text) if placed and placed.text else None
    except ValidationError:
        return None


def _date(placed: Placed | None) -> date | None:
    try:
        return date.fromisoformat(placed.text or "") if placed else None
    except ValueError:
        return None


def _number(placed: Placed | None) -> Decimal | None:
    try:
        return Decimal(placed.text or "") if placed else None
    except InvalidOperation:
        return None
