"""Windows against a slow twin that looks at every minute of the term by its own reading of the rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.inspections.domain.windows import Window, end_of, next_midnight, windows
from tests.inspections.papers import ENDS, LOCAL, STARTS, agreement, at, only_plan, plan

PLANS = Path(__file__).parents[2] / "contracts/agreements/wuhan-air/lot-1/plans.yaml"
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
DAY = timedelta(days=1)
FIRST, LAST = datetime.combine(STARTS, time()), datetime.combine(ENDS + DAY, time())


@dataclass(frozen=True)
class Rule:
    """A recurrence as people say it: every `interval` days, weeks (on `weekdays`) or months (on `monthdays`)."""

    freq: str
    interval: int
    weekdays: frozenset[int]
    monthdays: frozenset[int]
    hours: frozenset[int]
    minutes: frozenset[int]

    @property
    def text(self) -> str:
        parts = [f"FREQ={self.freq}", f"INTERVAL={self.interval}"]
        if self.freq == "WEEKLY":
            parts.append("BYDAY=" + ",".join(DAYS[day] for day in sorted(self.weekdays)))
        if self.freq == "MONTHLY":
            parts.append("BYMONTHDAY=" + ",".join(str(day) for day in sorted(self.monthdays)))
        parts.append("BYHOUR=" + ",".join(str(hour) for hour in sorted(self.hours)))
        parts.append("BYMINUTE=" + ",".join(str(minute) for minute in sorted(self.minutes)))
        return ";".join([*parts, "BYSECOND=0"])

    def is_on(self, day: date) -> bool:
        if self.freq == "DAILY":
            return (day - STARTS).days % self.interval == 0
        if self.freq == "WEEKLY":
            return day.weekday() in self.weekdays and (_monday(day) - _monday(STARTS)).days // 7 % self.interval == 0
        months = (day.year - STARTS.year) * 12 + day.month - STARTS.month
        return months % self.interval == 0 and bool({day.day, day.day - _days_in(day) - 1} & self.monthdays)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _days_in(day: date) -> int:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return (following - date(day.year, day.month, 1)).days


def slow_openings(rule: Rule) -> list[datetime]:
    """Day by day, and on the days that count minute by minute."""
    found, day = [], STARTS
    while day <= ENDS:
        if rule.is_on(day):
            minutes = (datetime.combine(day, time()) + timedelta(minutes=n) for n in range(24 * 60))
            found += [minute for minute in minutes if minute.hour in rule.hours and minute.minute in rule.minutes]
        day += DAY
    return found


def slow_windows(rule: Rule, lasts: timedelta | None) -> list[Window]:
    """`lasts` None: until the next opening. Both ends in UTC, the close inside the term."""
    opens = slow_openings(rule)
    closes = [min(one + lasts, LAST) for one in opens] if lasts else [*opens[1:], LAST]
    return [Window(_utc(a), _utc(b)) for a, b in zip(opens, closes, strict=False)]


def _utc(wall: datetime) -> datetime:
    """Shanghai has kept UTC+8 since 1991."""
    return (wall - timedelta(hours=8)).replace(tzinfo=UTC)


def few(values: st.SearchStrategy[int], most: int = 3) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(values, min_size=1, max_size=most)


RULES = st.builds(
    Rule,
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]),
    st.integers(1, 5),
    few(st.integers(0, 6)),
    few(st.one_of(st.integers(1, 31), st.integers(-31, -1))),
    few(st.integers(0, 23)),
    few(st.integers(0, 59), 2),
)
LASTS = st.one_of(st.none(), st.integers(1, 60 * 24 * 40).map(lambda minutes: timedelta(minutes=minutes)))
TIMES = st.integers(-60 * 24 * 10, 60 * 24 * 110).map(lambda minutes: at(1) + timedelta(minutes=minutes))


def fast_windows(rule: Rule, lasts: timedelta | None, start: datetime, end: datetime) -> list[Window]:
    minutes = "until_next" if lasts is None else f"PT{int(lasts.total_seconds()) // 60}M"
    terms = agreement(plan(repeats=rule.text, lasts=minutes))
    return list(windows(only_plan(terms), terms, start, end))


@settings(max_examples=50)
@given(RULES, LASTS)
@example(Rule("MONTHLY", 1, frozenset({0}), frozenset({31}), frozenset({0}), frozenset({0})), None)
@example(Rule("MONTHLY", 2, frozenset({0}), frozenset({-1}), frozenset({23}), frozenset({59})), timedelta(days=2))
@example(Rule("WEEKLY", 2, frozenset({0, 6}), frozenset({1}), frozenset({0}), frozenset({0})), None)
def test_windows_agree_with_every_minute(rule: Rule, lasts: timedelta | None) -> None:
    assert fast_windows(rule, lasts, at(1, month=1), at(1, month=12)) == slow_windows(rule, lasts)


@settings(max_examples=50)
@given(RULES, LASTS, TIMES, TIMES)
def test_stretch_holds_windows_with_a_part(rule: Rule, lasts: timedelta | None, a: datetime, b: datetime) -> None:
    start, end = min(a, b), max(a, b)
    touched = [one for one in slow_windows(rule, lasts) if one.closes > start and one.opens < end]
    assert fast_windows(rule, lasts, start, end) == touched


@given(TIMES)
def test_next_midnight_is_the_following_day(now: datetime) -> None:
    found = next_midnight(now, agreement())
    local = found.astimezone(LOCAL)
    assert local.time() == time() and timedelta(0) < found - now <= DAY


def test_week_opens_on_monday_in_local_time() -> None:
    terms = agreement(plan(repeats="FREQ=WEEKLY;BYDAY=MO;BYHOUR=0", lasts="P7D"))
    found = windows(only_plan(terms), terms, at(1), at(20))
    assert found == (Window(at(6), at(13)), Window(at(13), at(20)))
    assert found[0].opens == datetime(2026, 4, 5, 16, tzinfo=UTC)


def test_last_window_closes_with_the_term() -> None:
    terms = agreement(plan(repeats="FREQ=WEEKLY;BYDAY=MO;BYHOUR=0", lasts="P7D"))
    assert windows(only_plan(terms), terms, at(29, month=6), at(1, month=9)) == (
        Window(at(29, month=6), at(1, month=7)),
    )
    assert end_of(terms) == at(1, month=7)


@pytest.mark.parametrize("ending", ["COUNT=2", "UNTIL=20260501T000000", "until=20260501T000000"])
def test_rule_with_an_end_keeps_it(ending: str) -> None:
    terms = agreement(plan(repeats=f"FREQ=MONTHLY;BYMONTHDAY=1;{ending}", lasts="until_next"))
    found = windows(only_plan(terms), terms, at(1), at(1, month=12))
    assert found == (Window(at(1), at(1, month=5)), Window(at(1, month=5), at(1, month=7)))


def test_april_of_wuhan_has_known_windows() -> None:
    plans = yaml.safe_load(PLANS.read_text(encoding="utf-8"))["plans"]
    terms = agreement(*plans, starts="2026-01-01", ends="2026-12-31")
    due = {
        one.id: sum(at(1) < window.closes <= at(1, month=5) for window in windows(one, terms, at(1), at(1, month=5)))
        for one in terms.lots[0].plans
    }
    assert (due["remote-check"], due["weekly-patrol"], due["monthly"]) == (60, 4, 1)
    assert (due["two-monthly"], due["quarterly"], due["half-yearly"], due["yearly"]) == (1, 0, 0, 0)
