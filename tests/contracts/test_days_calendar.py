"""Calendar arithmetic against the State Council's notice of 2025-11-04, and against a slow look at each minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agreements.calendar import EVERY_DAY, Calendar, DayKind, Hours, Span, Year
from contracts.agreements.days import (
    UnknownHours,
    UnknownYear,
    daily_spans,
    daily_workdays,
    day_kind,
    is_inside,
    open_spans,
)
from contracts.agreements.seed_calendar import year_from_chinesecalendar
from contracts.values import Words

SHANGHAI = timezone(timedelta(hours=8))
MINUTE = timedelta(minutes=1)
NAME = Words(zh="时段", en="hours")
# Written out by hand: first day and length of each festival, then the worked weekends.
DAYS_OFF_2026 = (("01-01", 3), ("02-15", 9), ("04-04", 3), ("05-01", 5), ("06-19", 3), ("09-25", 3), ("10-01", 7))
WORKED_2026 = ("01-04", "02-14", "02-28", "05-09", "09-20", "10-10")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def hours(spans: list[tuple[str, str]], days: tuple[DayKind, ...] = EVERY_DAY) -> Hours:
    cut = tuple(Span(starts=time.fromisoformat(starts), ends=time.fromisoformat(ends)) for starts, ends in spans)
    return Hours(id="these", title=NAME, days=days, spans=cut)


def calendar_with(these: Hours) -> Calendar:
    return Calendar(id="cn", years={2026: year_from_chinesecalendar(2026)}, hours=(these,))


OFFICE = calendar_with(hours([("09:00", "18:00")], ("workday",)))


def test_seeded_year_equals_the_notice() -> None:
    year = year_from_chinesecalendar(2026)
    firsts = [(date.fromisoformat(f"2026-{first}"), length) for first, length in DAYS_OFF_2026]
    assert year.holidays == tuple(first + timedelta(days=n) for first, length in firsts for n in range(length))
    assert year.makeup_workdays == tuple(date.fromisoformat(f"2026-{day}") for day in WORKED_2026)


def test_seeding_refuses_an_unknown_year() -> None:
    with pytest.raises(UnknownYear, match="2199"):
        year_from_chinesecalendar(2199)


@pytest.mark.parametrize("day", WORKED_2026)
def test_makeup_weekend_is_a_workday(day: str) -> None:
    worked = date.fromisoformat(f"2026-{day}")
    assert worked.weekday() >= 5
    assert day_kind(OFFICE, worked) == "workday"


def test_festival_weekend_is_a_holiday() -> None:
    assert day_kind(OFFICE, date(2026, 2, 21)) == "holiday"
    assert day_kind(OFFICE, date(2026, 2, 23)) == "holiday"
    assert day_kind(OFFICE, date(2026, 2, 24)) == "workday"
    assert day_kind(OFFICE, date(2026, 3, 1)) == "weekend"


def test_unlisted_year_is_an_error() -> None:
    with pytest.raises(UnknownYear, match="no data for the year 2027"):
        day_kind(OFFICE, date(2027, 1, 4))
    with pytest.raises(UnknownYear):
        is_inside(OFFICE, "these", at("2027-01-04T10:00"))


def test_hours_of_every_day_need_no_year() -> None:
    patrol = calendar_with(hours([("06:00", "20:00")]))
    assert is_inside(patrol, "these", at("2031-01-04T10:00"))


def test_unnamed_hours_are_an_error() -> None:
    with pytest.raises(UnknownHours, match="night"):
        is_inside(OFFICE, "night", at("2026-02-13T10:00"))


def test_span_includes_start_not_end() -> None:
    assert is_inside(OFFICE, "these", at("2026-02-13T09:00"))
    assert is_inside(OFFICE, "these", at("2026-02-13T17:59:59.999"))
    assert not is_inside(OFFICE, "these", at("2026-02-13T18:00"))
    assert not is_inside(OFFICE, "these", at("2026-02-13T08:59:59.999"))


def test_spans_merge_across_midnight() -> None:
    night = calendar_with(hours([("22:00", "00:00"), ("00:00", "02:00")]))
    spans = list(open_spans(night, "these", at("2026-03-02T12:00"), at("2026-03-03T12:00")))
    assert spans == [(at("2026-03-02T22:00"), at("2026-03-03T02:00"))]
    assert len(list(daily_spans(night, "these", at("2026-03-02T12:00"), at("2026-03-03T12:00")))) == 2


def test_spans_come_in_utc() -> None:
    spans = list(open_spans(OFFICE, "these", at("2026-02-13T00:00"), at("2026-02-14T00:00")))
    assert spans == [(datetime(2026, 2, 13, 1, tzinfo=UTC), datetime(2026, 2, 13, 10, tzinfo=UTC))]
    assert all(edge.utcoffset() == timedelta(0) for span in spans for edge in span)


def test_last_known_day_asks_no_further() -> None:
    spans = daily_spans(OFFICE, "these", at("2026-12-31T08:00"), at("2027-03-01T00:00"))
    assert next(spans) == (at("2026-12-31T09:00"), at("2026-12-31T18:00"))
    with pytest.raises(UnknownYear):
        next(spans)


def test_workdays_skip_the_spring_festival() -> None:
    days = daily_workdays(OFFICE, at("2026-02-13T12:00"), at("2026-02-25T00:00"))
    starts = [at("2026-02-13T12:00"), at("2026-02-14T00:00"), at("2026-02-24T00:00")]
    assert [start for start, _ in days] == starts


def test_calendar_change_is_a_new_calendar() -> None:
    for year, kind in ((Year(holidays=(date(2026, 3, 2),)), "holiday"), (Year(holidays=()), "workday")):
        assert day_kind(Calendar(id="cn", years={2026: year}, hours=()), date(2026, 3, 2)) == kind


minutes = st.integers(0, 24 * 60 - 1)


@st.composite
def any_hours(draw: st.DrawFn) -> Hours:
    spans = []
    for _ in range(draw(st.integers(1, 3))):
        start = draw(minutes)
        end = draw(st.integers(start + 1, 24 * 60)) % (24 * 60)
        spans.append((f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}"))
    return hours(spans, tuple(draw(st.sets(st.sampled_from(EVERY_DAY), min_size=1))))


@settings(max_examples=60)
@given(these=any_hours(), first=st.integers(0, 9 * 1440), length=st.integers(0, 3 * 1440))
def test_open_minutes_are_those_inside(these: Hours, first: int, length: int) -> None:
    calendar = calendar_with(these)
    start = at("2026-02-12T00:00") + first * MINUTE
    spans = list(open_spans(calendar, "these", start, start + length * MINUTE))
    told = {instant for begin, end in spans for instant in _minutes(begin, end)}
    assert told == {instant for instant in _minutes(start, start + length * MINUTE) if _slow_inside(these, instant)}
    assert all(one[1] < other[0] for one, other in zip(spans, spans[1:], strict=False))
    assert {each for each in _minutes(start, start + length * MINUTE) if is_inside(calendar, "these", each)} == told


def _minutes(start: datetime, end: datetime) -> list[datetime]:
    return [start + n * MINUTE for n in range(int((end - start) / MINUTE))]


def _slow_inside(these: Hours, instant: datetime) -> bool:
    wall = f"{instant.astimezone(SHANGHAI):%m-%d %H:%M}"
    day, clock = wall.split()
    off = "02-15" <= day <= "02-23"
    workday = not off and (day in WORKED_2026 or date.fromisoformat(f"2026-{day}").isoweekday() <= 5)
    kind = "holiday" if off else "workday" if workday else "weekend"
    ends = [(f"{span.starts:%H:%M}", "24:00" if span.ends == time(0) else f"{span.ends:%H:%M}") for span in these.spans]
    return kind in these.days and any(starts <= clock < end for starts, end in ends)
