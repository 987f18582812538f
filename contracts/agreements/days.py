"""Calendar arithmetic: what kind of day it is, and which instants lie inside named hours (W5; libraries.md 2.3).

Days and hours are local to the calendar's time zone; every instant taken or given is aware, and given in UTC.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from contracts.agreements.calendar import EVERY_DAY, Calendar, DayKind, Hours
from contracts.values import Slug

Interval = tuple[datetime, datetime]
"""From (included) to (excluded), UTC."""
Cut = tuple[time, time]
"""Local wall times of one day; an end of 00:00 is the day's end."""
WHOLE_DAY: tuple[Cut, ...] = ((time(0), time(0)),)
ONE_DAY = timedelta(days=1)


class UnknownYear(LookupError):
    """The calendar has no data for this year: people must supply it, nobody may guess."""

    def __init__(self, calendar: str, year: int) -> None:
        super().__init__(f"calendar '{calendar}' has no data for the year {year}: publish its holidays first")
        self.calendar = calendar
        self.year = year


class UnknownHours(LookupError):
    """The calendar has no hours of this name."""

    def __init__(self, calendar: str, hours: str) -> None:
        super().__init__(f"calendar '{calendar}' has no hours '{hours}'")


@dataclass(frozen=True)
class _Table:
    """A calendar made ready for look-ups."""

    calendar: str
    zone: ZoneInfo
    years: frozenset[int]
    holidays: frozenset[date]
    makeup_workdays: frozenset[date]
    hours: dict[Slug, Hours]
    cuts: dict[Slug, tuple[Cut, ...]]

    def kind(self, day: date) -> DayKind:
        if day.year not in self.years:
            raise UnknownYear(self.calendar, day.year)
        if day in self.holidays:
            return "holiday"
        return "workday" if day in self.makeup_workdays or day.weekday() < 5 else "weekend"

    def named(self, hours_id: Slug) -> Hours:
        if hours_id not in self.hours:
            raise UnknownHours(self.calendar, hours_id)
        return self.hours[hours_id]

    def is_open_on(self, days: tuple[DayKind, ...], day: date) -> bool:
        return is_every(days) or self.kind(day) in days


_tables: dict[int, tuple[weakref.ref[Calendar], _Table]] = {}


def _table(calendar: Calendar) -> _Table:
    # By identity: a calendar holds a dict, so it has no hash, and comparing two by value costs more than a look-up.
    known = _tables.get(id(calendar))
    if known is not None and known[0]() is calendar:
        return known[1]
    key, table = id(calendar), _prepared(calendar)
    _tables[key] = (weakref.ref(calendar, lambda gone: _forget(key, gone)), table)
    return table


def _forget(key: int, gone: weakref.ref[Calendar]) -> None:
    # A new calendar may already live at the same address.
    if key in _tables and _tables[key][0] is gone:
        del _tables[key]


def _prepared(calendar: Calendar) -> _Table:
    years = calendar.years.values()
    return _Table(
        calendar=calendar.id,
        zone=zone_of(calendar.timezone),
        years=frozenset(calendar.years),
        holidays=frozenset(day for year in years for day in year.holidays),
        makeup_workdays=frozenset(day for year in years for day in year.makeup_workdays),
        hours={hours.id: hours for hours in calendar.hours},
        cuts={hours.id: _merged_cuts(hours) for hours in calendar.hours},
    )


def _merged_cuts(hours: Hours) -> tuple[Cut, ...]:
    merged: list[Cut] = []
    for span in sorted(hours.spans, key=lambda span: span.starts):
        if merged and _reaches(merged[-1][1], span.starts):
            merged[-1] = (merged[-1][0], _later(merged[-1][1], span.ends))
        else:
            merged.append((span.starts, span.ends))
    return tuple(merged)


def _reaches(ends: time, other: time) -> bool:
    return ends == time(0) or other <= ends


def _later(one: time, other: time) -> time:
    return time(0) if time(0) in (one, other) else max(one, other)


@cache
def zone_of(timezone: str) -> ZoneInfo:
    """The time zone of this name."""
    return ZoneInfo(timezone)


def is_every(days: tuple[DayKind, ...]) -> bool:
    """Whether these are all kinds of day, so that nobody need ask which one it is."""
    return set(days) == set(EVERY_DAY)


def day_kind(calendar: Calendar, day: date) -> DayKind:
    """What kind of day this local date is; UnknownYear where the calendar has no data for its year.

    Holidays win over make-up workdays, and both over the weekday (State Council notices, such as that of 2025-11-04).
    """
    return _table(calendar).kind(day)


def local_day(calendar: Calendar, at: datetime) -> date:
    """The local date of an instant."""
    return at.astimezone(_table(calendar).zone).date()


def day_starts(calendar: Calendar, day: date) -> datetime:
    """The first instant of a local date."""
    return _instant(day, time(0), _table(calendar).zone)


def hours_named(calendar: Calendar, hours_id: Slug) -> Hours:
    """The hours of this name; UnknownHours where there are none."""
    return _table(calendar).named(hours_id)


def is_inside(calendar: Calendar, hours_id: Slug, at: datetime) -> bool:
    """Whether an instant lies inside named hours: a span's start does, its end does not. UnknownYear, UnknownHours."""
    table = _table(calendar)
    hours = table.named(hours_id)
    local = at.astimezone(table.zone)
    now = local.time()
    inside = any(starts <= now and (now < ends or ends == time(0)) for starts, ends in table.cuts[hours_id])
    return inside and table.is_open_on(hours.days, local.date())


def open_spans(calendar: Calendar, hours_id: Slug, start: datetime, end: datetime) -> Iterator[Interval]:
    """The parts of [start, end) inside named hours, merged where they touch. UnknownYear, UnknownHours."""
    return _merged(daily_spans(calendar, hours_id, start, end))


def daily_spans(calendar: Calendar, hours_id: Slug, start: datetime, end: datetime) -> Iterator[Interval]:
    """The same, cut at each local midnight, and asking for no day later than the one it gives."""
    table = _table(calendar)
    return _by_day(table, table.named(hours_id).days, table.cuts[hours_id], start, end)


def daily_workdays(calendar: Calendar, start: datetime, end: datetime) -> Iterator[Interval]:
    """The parts of [start, end) that lie on workdays, day by day. UnknownYear."""
    return _by_day(_table(calendar), ("workday",), WHOLE_DAY, start, end)


def _by_day(
    table: _Table, days: tuple[DayKind, ...], cuts: tuple[Cut, ...], start: datetime, end: datetime
) -> Iterator[Interval]:
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    day = start.astimezone(table.zone).date()
    while _instant(day, time(0), table.zone) < end:
        if table.is_open_on(days, day):
            yield from _clipped((_interval(day, cut, table.zone) for cut in cuts), start, end)
        day += ONE_DAY


def _interval(day: date, cut: Cut, zone: ZoneInfo) -> Interval:
    starts, ends = cut
    return _instant(day, starts, zone), _instant(day if ends != time(0) else day + ONE_DAY, ends, zone)


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)


def _clipped(intervals: Iterable[Interval], start: datetime, end: datetime) -> Iterator[Interval]:
    for starts, ends in intervals:
        starts, ends = max(starts, start), min(ends, end)
        if starts < ends:
            yield starts, ends


def _merged(intervals: Iterable[Interval]) -> Iterator[Interval]:
    held: Interval | None = None
    for starts, ends in intervals:
        if held and held[1] == starts:
            held = (held[0], ends)
            continue
        if held:
            yield held
        held = (starts, ends)
    if held:
        yield held
