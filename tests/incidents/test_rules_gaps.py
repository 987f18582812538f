"""Gaps in the data: nobody knows what was in between, so nothing lasts across them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.agreements.faults import FaultRule, FlagIs
from contracts.events.incidents import FaultOpenedV1, FaultReopenedV1, FaultResolvedV1
from services.incidents.rules import Gone, Seen
from tests.incidents.desk import every
from tests.incidents.happenings import live, marks, new_desk, post
from tests.incidents.site_stories import (
    HOT,
    PERIODS,
    STUCK,
    at,
    lot,
    measured,
    minutes,
    plan,
    reading,
    rule,
    watched,
)

SLOW = {"lasts": minutes(30), "clears": minutes(30)}
WARM = HOT.model_copy(update=SLOW)
MARKED = rule("marked", "analyser-fault", FlagIs(test="flag", any_of=("D",)), codes=("so2",), lasts=minutes(15))


def spoken(one: FaultRule, *told: tuple[str, dict[str, Any]]) -> list[Seen | Gone]:
    """What a rule of five-minute readings says to these."""
    _, signs = watched([reading(at(time), **values) for time, values in told], plan([one]))
    return [sign for sign in signs if isinstance(sign, Seen | Gone)]


def test_equal_values_beyond_a_cut_are_not_stuck() -> None:
    values = [41, 43, 42, 42, 44, 41]
    times = ["06:45", "06:50", "06:55", "13:00", "13:05", "13:10"]
    assert spoken(STUCK, *((time, {"pm": value}) for time, value in zip(times, values, strict=True))) == []


def test_stuck_value_is_stuck_since_the_cut() -> None:
    times = [at("06:50"), at("06:55"), *(at("13:00") + n * minutes(5) for n in range(6))]
    _, signs = watched([reading(time, pm=42) for time in times], plan([STUCK]))
    assert [(sign.since, sign.at) for sign in signs if isinstance(sign, Seen)] == [(at("13:00"), at("13:30"))]


@pytest.mark.parametrize(
    ("kind", "gap", "follows"),
    [
        ("minute", minutes(30), True),
        ("minute", minutes(31), False),
        ("hour", timedelta(hours=2), True),
        ("hour", timedelta(hours=2, minutes=1), False),
        ("realtime", minutes(30), True),
        ("realtime", minutes(31), False),
    ],
)
def test_value_follows_on_over_two_periods(kind: str, gap: timedelta, follows: bool) -> None:
    lasting = {"readings": kind, "lasts": PERIODS[kind] + gap}
    period, start = PERIODS[kind], at("06:00")
    for one in (WARM.model_copy(update=lasting), STUCK.model_copy(update={**lasting, "codes": ("temp",)})):
        came = [reading(time, kind=kind, temp=35) for time in (start, start + period + gap)]
        assert len(watched(came, plan([one]))[1]) == follows


def test_suspicion_begins_anew_behind_a_gap() -> None:
    hot = {"temp": 35}
    times = ["06:00", "06:05", "07:00", "07:05", "07:10", "07:15", "07:20", "07:25"]
    (seen,) = spoken(WARM, *((time, hot) for time in times))
    assert isinstance(seen, Seen)
    assert (seen.since, seen.at) == (at("07:00"), at("07:30"))


def test_clearing_begins_anew_behind_a_gap() -> None:
    one = HOT.model_copy(update={"clears": minutes(30)})
    times = ["06:05", "06:10", "08:00", "08:05", "08:10", "08:15", "08:20", "08:25"]
    seen, gone = spoken(one, ("06:00", {"temp": 35}), *((time, {"temp": 20}) for time in times))
    assert (seen.at, gone.at) == (at("06:05"), at("08:00"))


def test_gap_does_not_end_a_fault() -> None:
    assert [type(sign) for sign in spoken(HOT, ("06:00", {"temp": 35}), ("12:00", {"temp": 35}))] == [Seen]


def test_value_that_is_not_looked_at_bridges_no_gap() -> None:
    marks = [(f"06:{minute:02}", {"temp": measured(20, "M")}) for minute in range(5, 60, 5)]
    assert spoken(WARM, ("06:00", {"temp": 35}), *marks, ("07:00", {"temp": 35})) == []


@pytest.mark.parametrize(
    ("heard", "over", "again"),
    [
        (at("07:15"), at("06:20"), at("07:25")),
        (at("07:25"), at("07:12"), at("07:30")),
        (at("07:25"), at("07:22"), at("07:40")),
    ],
)
async def test_fault_closed_by_hand_does_not_reach_over_a_gap(heard: datetime, over: datetime, again: datetime) -> None:
    """Bad until 06:30 and again from 07:10 on: what is posted of a time before that reaches back to 07:10 only."""
    desk, bad = await new_desk(lot(rules=(MARKED,)), version=81), measured(5, "D")
    await live(desk, "06:00", "06:30", so2=bad)
    for time in every(minutes(5), at("07:10"), at("08:00")):
        if time == heard:
            await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, over)
        await desk.pass_time(time + minutes(5))
        await desk.hear(reading(time, so2=bad))
    assert marks(desk, FaultOpenedV1, FaultReopenedV1) == [
        ("FaultOpenedV1", at("06:15")),
        ("FaultReopenedV1", again),
    ]
