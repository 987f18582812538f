"""The clauses of row W5, told as stories."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.agreements.clocks import Within, Workdays
from contracts.agreements.days import UnknownYear
from services.incidents.clock import Clock
from tests.incidents.clock_stories import at, clause, clock, opened, paused, resumed, step

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SOLVE = clause(4 * HOUR, covers="patrol", warns=(HOUR,))
ARRIVE = clause(5 * HOUR, covers="visits", until=("arrived", "resolved"))
APP = clause(
    Within(days=("workday",), time=3 * HOUR),
    Within(days=("weekend",), time=6 * HOUR),
    Within(days=("holiday",), time=24 * HOUR),
)
REPAIR = clause(Workdays(workdays=3))


def test_solved_within_four_hours_is_met() -> None:
    shown = clock(SOLVE, opened(at("07:10")), step("resolved", at("11:10")), now=at("12:00"))
    assert (shown.state, shown.due, shown.ended_at, shown.left) == ("met", at("11:10"), at("11:10"), timedelta(0))
    assert shown.breached_at is None


def test_solved_a_millisecond_late_is_breached() -> None:
    late = at("11:10") + timedelta(milliseconds=1)
    shown = clock(SOLVE, opened(at("07:10")), step("resolved", late), now=at("12:00"))
    assert (shown.state, shown.breached_at, shown.ended_at) == ("breached", at("11:10"), late)


def test_warning_comes_an_hour_before() -> None:
    shown = clock(SOLVE, opened(at("07:10")), now=at("08:00"))
    assert shown.warns == (at("10:10"),)
    assert (shown.state, shown.counted, shown.left) == ("running", 50 * MINUTE, 190 * MINUTE)


def test_resolved_fault_warns_no_more() -> None:
    assert clock(SOLVE, opened(at("07:10")), step("resolved", at("10:10")), now=at("12:00")).warns == ()


@pytest.mark.parametrize(
    ("opening", "covered"),
    [("05:59", False), ("05:59:59.999", False), ("06:00", True), ("19:59:59.999", True), ("20:00", False)],
)
def test_coverage_includes_start_not_end(opening: str, covered: bool) -> None:
    shown = clock(SOLVE, opened(at(opening)), now=at("23:00"))
    assert shown.covered is covered
    assert (shown.due is not None) is covered
    assert (shown.state == "not_covered") is not covered


def test_unnamed_family_is_not_covered() -> None:
    shown = clock(SOLVE, opened(at("07:10"), family="power", kind="mains-lost"), now=at("23:00"))
    assert (shown.state, shown.due, shown.segments, shown.warns) == ("not_covered", None, (), ())
    assert shown.why.en == "the clause does not name this kind of fault (family 'power', fault)"


def test_named_kind_is_covered() -> None:
    promise = clause(HOUR, families=(), kinds=("mains-lost",))
    assert clock(promise, opened(at("07:10"), family="power", kind="mains-lost"), now=at("07:20")).covered


def test_power_cut_moves_the_deadline() -> None:
    shown = clock(SOLVE, opened(at("06:30")), paused(at("06:30")), resumed(at("09:30")), now=at("10:00"))
    assert shown.due == at("13:30")
    assert [(piece.counted, piece.starts, piece.ends) for piece in shown.segments] == [
        (False, at("06:30"), at("09:30")),
        (True, at("09:30"), at("13:30")),
    ]


def test_cut_before_the_opening_counts() -> None:
    shown = clock(SOLVE, opened(at("07:00")), paused(at("05:00")), resumed(at("09:30")), now=at("10:00"))
    assert shown.due == at("13:30")


def test_cut_over_before_opening_is_nothing() -> None:
    shown = clock(SOLVE, opened(at("07:00")), paused(at("05:00")), resumed(at("06:30")), now=at("10:00"))
    assert shown.due == at("11:00")


def test_open_power_cut_has_no_deadline() -> None:
    shown = clock(SOLVE, opened(at("06:30")), paused(at("07:30")), now=at("23:00"))
    assert (shown.state, shown.due, shown.counted, shown.left) == ("paused", None, HOUR, 3 * HOUR)


def test_late_power_cut_undoes_no_breach() -> None:
    shown = clock(SOLVE, opened(at("06:30")), paused(at("10:30")), now=at("23:00"))
    assert (shown.state, shown.due, shown.breached_at) == ("breached", at("10:30"), at("10:30"))


def test_other_reasons_do_not_stop() -> None:
    shown = clock(SOLVE, opened(at("06:30")), paused(at("07:00"), "weather"), now=at("08:00"))
    assert (shown.state, shown.due) == ("running", at("10:30"))
    assert [piece.pauses for piece in shown.segments] == [(), ("weather",)]


def test_overlapping_reasons_stop_once() -> None:
    steps = (paused(at("07:00")), paused(at("08:00"), "communication"), resumed(at("09:00")))
    shown = clock(SOLVE, opened(at("06:30")), *steps, resumed(at("10:00"), "communication"), now=at("10:30"))
    assert shown.due == at("13:30")


def test_shorter_cut_inside_another_changes_nothing() -> None:
    inner = (paused(at("08:00"), "communication"), resumed(at("08:30"), "communication"))
    steps = (paused(at("07:00")), *inner, resumed(at("10:00")))
    assert clock(SOLVE, opened(at("06:30")), *steps, now=at("10:30")).due == at("13:30")


def test_cut_holds_from_its_first_instant() -> None:
    steps = (paused(at("07:00")), resumed(at("08:00")))
    assert clock(SOLVE, opened(at("06:30")), steps[0], now=at("07:00")).state == "paused"
    assert clock(SOLVE, opened(at("06:30")), *steps, now=at("08:00")).state == "running"


def test_resumption_at_the_end_still_counts() -> None:
    steps = (paused(at("07:00")), resumed(at("08:00")), step("resolved", at("08:00")))
    assert clock(SOLVE, opened(at("06:30")), *steps, now=at("23:00")).due == at("11:30")


def test_pause_and_resume_together_change_nothing() -> None:
    nothing = (paused(at("07:00")), resumed(at("07:00")))
    assert clock(SOLVE, opened(at("06:30")), *nothing, now=at("08:00")).due == at("10:30")
    onward = (paused(at("07:00")), resumed(at("08:00")), paused(at("08:00")), resumed(at("09:00")))
    assert clock(SOLVE, opened(at("06:30")), *onward, now=at("09:00")).due == at("12:30")


def test_steps_after_the_end_are_ignored() -> None:
    steps = (step("resolved", at("09:00")), paused(at("09:30")), step("resolved", at("22:00")))
    shown = clock(SOLVE, opened(at("06:30")), *steps, now=at("23:00"))
    assert (shown.state, shown.due, shown.ended_at) == ("met", at("10:30"), at("09:00"))


def test_step_before_opening_ends_at_once() -> None:
    shown = clock(ARRIVE, opened(at("07:00")), step("arrived", at("06:40")), now=at("23:00"))
    assert (shown.state, shown.ended_at, shown.counted, shown.segments) == ("met", at("07:00"), timedelta(0), ())


def test_arrival_at_exactly_five_hours_is_in_time() -> None:
    shown = clock(ARRIVE, opened(at("07:10")), step("arrived", at("12:10")), now=at("23:00"))
    assert (shown.state, shown.ended_by) == ("met", "arrived")


def test_acknowledgement_does_not_end_the_arrival() -> None:
    shown = clock(ARRIVE, opened(at("07:10")), step("acknowledged", at("07:20")), now=at("12:10"))
    assert (shown.state, shown.breached_at, shown.ended_at) == ("breached", at("12:10"), None)


@pytest.mark.parametrize(
    ("opening", "due", "kind"),
    [
        ("2026-02-13T22:00", "2026-02-14T01:00", "workday"),
        ("2026-02-14T22:00", "2026-02-15T01:00", "workday"),
        ("2026-02-15T22:00", "2026-02-16T22:00", "holiday"),
        ("2026-03-01T22:00", "2026-03-02T04:00", "weekend"),
    ],
)
def test_app_limit_follows_the_day(opening: str, due: str, kind: str) -> None:
    shown = clock(APP, opened(at(opening)), now=at(opening))
    assert (shown.due, shown.opened_on) == (at(due), kind)


def test_day_without_limit_is_not_covered() -> None:
    promise = clause(Within(days=("workday",), time=HOUR))
    assert clock(promise, opened(at("2026-03-01T10:00")), now=at("2026-03-01T23:00")).state == "not_covered"


@pytest.mark.parametrize(
    ("opening", "due"),
    [
        ("2026-02-12T17:00", "2026-02-25T00:00"),  # Thu: Fri 13, Sat 14 (worked), Tue 24
        ("2026-02-13T00:00", "2026-02-26T00:00"),  # Fri: Sat 14 (worked), Tue 24, Wed 25
        ("2026-02-18T09:00", "2026-02-27T00:00"),  # in the festival: Tue 24, Wed 25, Thu 26
        ("2026-02-26T23:59:59", "2026-03-03T00:00"),  # Thu: Fri 27, Sat 28 (worked), Mon 2
    ],
)
def test_three_workdays_cross_the_spring_festival(opening: str, due: str) -> None:
    assert clock(REPAIR, opened(at(opening)), now=at(opening)).due == at(due)


def test_cut_on_a_workday_moves_workdays() -> None:
    cut = (paused(at("2026-03-04T08:00")), resumed(at("2026-03-04T10:00")))
    shown = clock(REPAIR, opened(at("2026-03-03T09:00")), *cut, now=at("2026-03-05T00:00"))
    assert shown.due == at("2026-03-09T02:00")  # Wed, Thu, Fri less two hours, then Monday
    assert shown.counted == 22 * HOUR


def test_cut_on_opening_day_moves_nothing() -> None:
    cut = (paused(at("2026-03-03T10:00")), resumed(at("2026-03-04T00:00")))
    assert clock(REPAIR, opened(at("2026-03-03T09:00")), *cut, now=at("2026-03-05T00:00")).due == at("2026-03-07T00:00")


@pytest.mark.parametrize("hours", ["office", "desk"])
def test_two_business_hours_end_on_worked_saturday(hours: str) -> None:
    shown = clock(clause(2 * HOUR, counts=hours), opened(at("2026-02-13T17:00")), now=at("2026-02-13T17:30"))
    assert shown.due == at("2026-02-14T10:00")
    assert shown.warns == ()


def test_lunch_break_does_not_count() -> None:
    shown = clock(clause(4 * HOUR, counts="desk"), opened(at("09:30")), now=at("12:30"))
    assert (shown.due, shown.counted, shown.state) == (at("14:30"), timedelta(hours=2, minutes=30), "running")


def test_unknown_year_is_never_guessed() -> None:
    promise = clause(4 * HOUR, counts="office")
    fault = opened(at("2026-12-31T16:00"))
    with pytest.raises(UnknownYear, match="2027"):
        clock(promise, fault, now=at("2026-12-31T17:00"))
    last = clock(promise, opened(at("2026-12-31T14:00")), now=at("2026-12-31T19:00"))
    assert last.due == at("2026-12-31T18:00")


def test_several_warnings_come_in_order() -> None:
    promise = clause(4 * HOUR, warns=(HOUR, 3 * HOUR, 4 * HOUR, 5 * HOUR))
    shown = clock(promise, opened(at("06:30")), now=at("06:30"))
    assert shown.warns == (at("06:30"), at("07:30"), at("09:30"))


def test_clock_survives_json() -> None:
    shown = clock(SOLVE, opened(at("06:30")), paused(at("07:00")), resumed(at("08:00")), now=at("10:00"))
    assert Clock.model_validate_json(shown.model_dump_json()) == shown
