"""The simulated air: ordinary, smooth, and a function of its arguments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.simulator.air import course_of, minute_of, value
from infra.local.simulator.parameters import PARAMETERS

APRIL = datetime(2026, 3, 31, 16, tzinfo=UTC)
CODES = st.sampled_from(sorted(PARAMETERS))
SEEDS = st.integers(0, 10_000)
HOURS = st.integers(0, 30 * 24 - 1)
MINUTE = timedelta(minutes=1)


def every_five_minutes(code: str, days: int, seed: int = 1, site: str = "mulan-lake") -> list[float]:
    return [value(seed, site, code, APRIL + 5 * step * MINUTE) for step in range(days * 288)]


@settings(max_examples=40)
@given(SEEDS, CODES, HOURS)
def test_value_knows_only_its_arguments(seed: int, code: str, hour: int) -> None:
    time = APRIL + timedelta(hours=hour, minutes=hour % 60)
    first = value(seed, "a", code, time)
    course_of.cache_clear()
    for days in (3, 1, 2):
        value(seed, "a", code, time - timedelta(days=days))
    assert value(seed, "a", code, time) == first


@settings(max_examples=40)
@given(SEEDS, CODES, HOURS, st.sampled_from([1, 2, 5, 10, 30]))
def test_hour_is_made_of_its_minutes(seed: int, code: str, hour: int, step: int) -> None:
    course = course_of(seed, "a", code)
    first = minute_of(APRIL) + hour * 60
    minutes = range(first, first + 60, step)
    assert course.within_hour(minutes) == [course.at(minute) for minute in minutes]


def test_zone_of_time_is_no_matter() -> None:
    there = APRIL.astimezone(timezone(timedelta(hours=8)))
    assert value(1, "a", "a34004", there) == value(1, "a", "a34004", APRIL)


def test_seed_and_site_change_values() -> None:
    values = {value(seed, site, "a34004", APRIL) for seed in (1, 2) for site in ("a", "b")}
    assert len(values) == 4


@pytest.mark.parametrize(
    ("code", "low", "high"),
    [
        ("a34004", 20, 120),
        ("a34002", 30, 180),
        ("a05024", 20, 180),
        ("a21004", 10, 90),
        ("a21026", 3, 20),
        ("a21005", 0.3, 1.4),
        ("i33101", 23, 26.5),
        ("i33102", 40, 65),
        ("i33103", 221, 235),
        ("a01002", 30, 95),
        ("VIS", 3, 19),
    ],
)
def test_april_stays_in_its_range(code: str, low: float, high: float) -> None:
    values = every_five_minutes(code, days=30)
    assert low <= min(values) and max(values) <= high


@pytest.mark.parametrize("code", sorted(PARAMETERS))
def test_value_moves_without_jumps(code: str) -> None:
    values = every_five_minutes(code, days=10)
    noise = 0.05 * (max(values) - min(values))
    steps = [abs(after - before) - 0.2 * min(after, before) for before, after in zip(values, values[1:], strict=False)]
    assert max(steps) <= noise


@pytest.mark.parametrize("code", ["a34004", "a34002", "a05024", "a21004"])
def test_written_value_rests_no_hour(code: str) -> None:
    texts = [f"{value:.1f}" for value in every_five_minutes(code, days=10)]
    assert all(len(set(texts[first : first + 12])) > 1 for first in range(0, len(texts) - 12))


def test_coarse_particles_hold_fine_ones() -> None:
    courses = [every_five_minutes(code, days=10) for code in ("a34005", "a34004", "a34002")]
    assert all(pm1 < pm25 < pm10 for pm1, pm25, pm10 in zip(*courses, strict=True))


def test_nitrogen_oxides_hold_both_gases() -> None:
    courses = [every_five_minutes(code, days=10) for code in ("a21003", "a21004", "a21002")]
    assert all(nox > no2 + no for no, no2, nox in zip(*courses, strict=True))


def test_ozone_peaks_in_the_afternoon() -> None:
    month = every_five_minutes("a05024", days=30)
    by_hour = [sum(month[hour * 12 :: 288]) for hour in range(24)]
    assert by_hour.index(max(by_hour)) in range(13, 17)
    assert by_hour.index(min(by_hour)) in range(3, 8)


@settings(max_examples=40)
@given(SEEDS, st.integers(0, 29))
def test_room_swings_little_in_day(seed: int, day: int) -> None:
    first = minute_of(APRIL) + day * 1440
    values = [course_of(seed, "mobile", "i33101").at(minute) for minute in range(first, first + 1440, 5)]
    assert max(values) - min(values) < 2.4


def test_unknown_code_has_no_value() -> None:
    with pytest.raises(KeyError):
        value(1, "a", "a99999", APRIL)
