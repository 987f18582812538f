"""Warnings and breaches: said once, at their instants, and withdrawn when later records make them untrue."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agreements.clocks import SlaClause
from contracts.events.event import Event
from contracts.events.incidents import (
    FaultAcknowledgedV1,
    FaultArrivedV1,
    FaultPausedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    FaultResumedV1,
    SlaBreachWithdrawnV1,
    SlaWarnedV1,
)
from services.incidents.clock import derive
from services.incidents.domain import Derived, Fault, Found, Refused, open_fault, re_derive, with_step
from services.incidents.domain.fault import Step, identity_of
from services.incidents.domain.sla import fired
from services.incidents.domain.steps import recorded
from tests.incidents.clock_stories import CALENDAR
from tests.incidents.happenings import standing
from tests.incidents.site_stories import PM, SITE, SOLVE, at, lot, minutes

OPENED = at("07:00")
ARRIVE = SOLVE.model_copy(update={"id": "arrive", "until": ("arrived", "resolved"), "counts": "visits"})
LOT = lot(sla=(SOLVE, ARRIVE))


def fault(opened: datetime = OPENED) -> Fault:
    found = Found("f-1", PM, "analyser-fault", "reading", opened - minutes(5), opened)
    return open_fault(found, "wuhan-air", 1, LOT, SITE)


def step(of: Any, when: datetime, posted: datetime | None = None, **fields: Any) -> Step:
    made: Step = of(**identity_of(fault().opened), at=when, by="zhang", posted_at=posted or when, **fields)
    return made


def at_once(one: Fault, now: datetime) -> Derived:
    return re_derive(one, LOT, CALENDAR, now)


MOVES = [FaultAcknowledgedV1, FaultArrivedV1, FaultResolvedV1, FaultReopenedV1]
half_hours = st.integers(-1, 24).map(lambda number: OPENED + number * minutes(30))
steps = st.one_of(
    st.builds(step, st.sampled_from(MOVES), half_hours),
    st.builds(
        step,
        st.sampled_from([FaultPausedV1, FaultResumedV1]),
        half_hours,
        reason=st.sampled_from(["power", "weather"]),
    ),
)


@settings(max_examples=150)
@given(st.lists(st.tuples(steps, st.integers(0, 90)), max_size=8))
def test_standing_breaches_equal_the_derived(course: list[tuple[Step, int]]) -> None:
    now, derived = OPENED, at_once(fault(), OPENED)
    said: list[Event] = []
    for one, later in [*course, (None, 600)]:
        now += minutes(later)
        changed = derived.fault if one is None else recorded(derived.fault, one)
        derived = at_once(changed, now)
        said += derived.says
        clocks = [derive(clause, changed.opened, changed.steps, CALENDAR, now) for clause in LOT.sla]
        assert standing(said) == {clock.clause: clock.breached_at for clock in clocks if clock.breached_at}
        assert derived.fault.breached == standing(said)


@settings(max_examples=100)
@given(st.lists(st.tuples(steps, st.integers(0, 90)), max_size=6))
def test_nothing_is_said_twice(course: list[tuple[Step, int]]) -> None:
    now, one = OPENED, fault()
    warned: list[tuple[str, datetime, datetime]] = []
    for added, later in course:
        now += minutes(later)
        derived = at_once(recorded(one, added), now)
        again = at_once(derived.fault, now)
        assert (again.says, again.arm, again.clear) == ((), (), ())
        warned += [(each.clause, each.due, each.at) for each in derived.says if isinstance(each, SlaWarnedV1)]
        one = derived.fault
    assert len(warned) == len(set(warned))


@settings(max_examples=100)
@given(st.lists(st.tuples(steps, st.integers(0, 90)), max_size=6))
def test_timers_alone_find_every_breach(course: list[tuple[Step, int]]) -> None:
    """Only the timers that are set look at the clocks in between; no breach is missed or late by that."""
    derived = at_once(fault(), OPENED)
    said: list[Event] = []
    timers = {(alarm.name, alarm.key): alarm.due for alarm in derived.arm}
    now = OPENED
    for one, later in [*course, (None, 3000)]:
        now += minutes(later)
        while timers and (first := min(timers, key=lambda known: (timers[known], known))) and timers[first] <= now:
            due = timers.pop(first)
            derived = at_once(fired(derived.fault, *first), due)
            said += derived.says
            timers |= {(alarm.name, alarm.key): alarm.due for alarm in derived.arm}
        if one is not None:
            derived = at_once(recorded(derived.fault, one), now)
            said += derived.says
            timers |= {(alarm.name, alarm.key): alarm.due for alarm in derived.arm}
            for alarm in derived.clear:
                timers.pop((alarm.name, alarm.key), None)
        assert {(alarm.name, alarm.key): alarm.due for alarm in derived.fault.armed} == timers
    assert standing(said) == at_once(derived.fault, now).fault.breached


def test_warning_tells_the_time_left() -> None:
    (warning,) = [each for each in at_once(fault(), at("10:00")).says if each.clause == "solve"]
    assert isinstance(warning, SlaWarnedV1)
    assert (warning.at, warning.due, warning.left_seconds) == (at("10:00"), at("11:00"), Decimal(3600))


def test_breach_that_is_still_true_stands() -> None:
    """Of a time before the due time nothing is known that makes the breach untrue."""
    breached = at_once(fault(), at("11:30")).fault
    again = re_derive(breached, LOT, CALENDAR, at("11:40"), as_of=at("09:00"))
    assert (again.says, again.arm, again.fault) == ((), (), breached)


def test_breach_at_another_time_waits_for_it() -> None:
    breached = at_once(fault(), at("11:30")).fault
    pauses = [step(FaultPausedV1, at("08:00"), reason="power"), step(FaultResumedV1, at("08:10"), reason="power")]
    moved = re_derive(recorded(breached, *pauses), LOT, CALENDAR, at("11:40"), as_of=at("08:10"))
    assert {(type(each), each.due) for each in moved.says} == {(SlaBreachWithdrawnV1, at("11:00"))}
    assert {(alarm.name, alarm.due) for alarm in moved.arm} == {("due", at("11:10")), ("warn", at("10:10"))}


def test_late_resolution_withdraws_the_breach() -> None:
    breached = at_once(fault(), at("11:30")).fault
    late = with_step(breached, step(FaultResolvedV1, at("10:59"), at("11:40")), at("11:40"))
    withdrawn = [each for each in at_once(late, at("11:40")).says if isinstance(each, SlaBreachWithdrawnV1)]
    assert {(each.clause, each.due, each.new_due) for each in withdrawn} == {
        ("solve", at("11:00"), at("11:00")),
        ("arrive", at("11:00"), at("11:00")),
    }


def test_resolution_takes_the_timers_back() -> None:
    first = at_once(fault(), OPENED)
    solved = recorded(first.fault, step(FaultResolvedV1, at("08:00")))
    assert {alarm.key for alarm in at_once(solved, at("08:00")).clear} == {alarm.key for alarm in first.arm}


def test_year_without_calendar_is_named() -> None:
    new_year = at("2026-12-31T17:00")
    derived = re_derive(fault(new_year), LOT, CALENDAR, new_year)
    assert derived.unknown == ()
    office = SlaClause(**{**SOLVE.model_dump(), "id": "office", "counts": "office"})
    derived = re_derive(fault(new_year), lot(sla=(SOLVE, office)), CALENDAR, new_year)
    assert derived.unknown == ("office",)
    assert [alarm.key for alarm in derived.arm if alarm.name == "due"] == ["f-1|solve"]


REFUSALS: list[tuple[str, Step, timedelta]] = [
    ("step-in-future", step(FaultArrivedV1, at("12:03")), timedelta(0)),
    ("step-before-fault", step(FaultArrivedV1, at("06:54")), timedelta(0)),
    ("step-after-resolution", step(FaultArrivedV1, at("09:01")), timedelta(0)),
    ("already-resolved", step(FaultResolvedV1, at("08:00")), timedelta(0)),
    ("closed-for-good", step(FaultArrivedV1, at("08:00")), timedelta(hours=46)),
    ("not-paused", step(FaultResumedV1, at("08:00"), reason="weather"), timedelta(0)),
    ("already-paused", step(FaultPausedV1, at("08:00"), reason="access"), timedelta(0)),
]
TWO_DAYS = timedelta(hours=48)


@pytest.mark.parametrize(("code", "late", "later"), REFUSALS)
def test_step_that_cannot_be_is_refused(code: str, late: Step, later: timedelta) -> None:
    one = recorded(fault(), step(FaultPausedV1, at("07:30"), reason="access"), step(FaultResolvedV1, at("09:00")))
    with pytest.raises(Refused) as refused:
        with_step(one, late, at("12:00") + later)
    assert refused.value.code == code


@pytest.mark.parametrize("of", [FaultResolvedV1, FaultArrivedV1, FaultPausedV1])
def test_step_of_long_ago_is_refused(of: type[Any]) -> None:
    reason = {"reason": "power"} if of is FaultPausedV1 else {}
    late = step(of, at("09:59"), **reason)
    assert with_step(fault(), late, late.at + TWO_DAYS).steps == (late,)
    with pytest.raises(Refused) as refused:
        with_step(fault(), late, late.at + TWO_DAYS + minutes(1))
    assert (refused.value.status, refused.value.code) == (409, "too-late")


def test_administrator_records_what_is_long_ago() -> None:
    late = step(FaultResolvedV1, at("09:59"))
    assert not with_step(fault(), late, late.at + 9 * TWO_DAYS, however_late=True).open


def test_phone_a_little_ahead_is_taken() -> None:
    assert with_step(fault(), step(FaultArrivedV1, at("12:02")), at("12:00")).steps


def test_fault_survives_the_database() -> None:
    one = recorded(fault(), step(FaultArrivedV1, at("08:00")), step(FaultPausedV1, at("08:10"), reason="weather"))
    one = at_once(one, at("12:00")).fault
    assert Fault.of({**one.document(), "_v": 3}) == one
