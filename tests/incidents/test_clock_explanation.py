"""What an explanation of a clock says."""

from __future__ import annotations

import json
from datetime import date, timedelta

from contracts.agreements.agreement import Agreement
from contracts.agreements.calendar import Calendar, Year
from contracts.agreements.clocks import SlaClause, Within, Workdays
from contracts.values import Words
from services.incidents.clock import derive, explain, explain_events
from tests.incidents.clock_stories import CALENDAR, SOURCE, at, clause, opened, paused, reopened, resumed, step, words

HOUR = timedelta(hours=1)
SOLVE = clause(4 * HOUR, covers="patrol", warns=(HOUR,))
HISTORY = (opened(at("06:30")), paused(at("06:30")), resumed(at("09:30")), step("resolved", at("13:00")))


def agreement_with(*clauses: SlaClause) -> Agreement:
    entry = {"title": words("name"), "source": SOURCE}
    lot = {
        **entry,
        "id": "lot-1",
        "supplier": "supplier",
        "sites": [{**entry, "id": "mulan-lake", "kind": "station", "since": "2025-01-01"}],
        "fault_kinds": [],
        "sla": clauses,
        "sheet": {**entry, "id": "sheet", "parts": [{**entry, "id": "all", "points": "100"}]},
        "payment": {
            **entry,
            "id": "fee",
            "annual_fee": "120000.00",
            "pricing": {"rule": "proportional"},
            "closes": "P3D",
        },
        "notices": {"groups": [], "routes": []},
    }
    return Agreement.model_validate(
        {
            **entry,
            "id": "wuhan-air",
            "version": 1,
            "starts": "2026-01-01",
            "ends": "2026-12-31",
            "buyer": "buyer",
            "parties": [{"id": "buyer", "title": words("buyer")}, {"id": "supplier", "title": words("supplier")}],
            "calendar": CALENDAR,
            "lots": [lot],
        }
    )


def english(lines: tuple[Words, ...]) -> list[str]:
    return [line.en for line in lines]


def test_explanation_tells_the_whole_story() -> None:
    told = explain(derive(SOLVE, HISTORY[0], HISTORY[1:], CALENDAR, at("14:00")), CALENDAR)
    assert english(told.lines) == [
        "clause solve: solve (W5, 一包 2.4(2)③)",
        "covered: a fault of family 'instrument', opened at 2026-03-03 06:30:00, inside 'patrol'",
        "limit: 4 h",
        "hours 'patrol': 06:00-20:00 every day",
        "2026-03-03 06:30:00 → 2026-03-03 09:30:00: 3 h, power outage, excluded",
        "2026-03-03 09:30:00 → 2026-03-03 13:00:00: 3 h 30 min, counted",
        "warning falls due: 2026-03-03 12:30:00",
        "due: 2026-03-03 13:30:00",
        "resolved: 2026-03-03 13:00:00",
        "outcome: met, 3 h 30 min counted, 30 min left",
    ]
    assert told.lines[4].zh == "2026-03-03 06:30:00 → 2026-03-03 09:30:00：3 小时，停电，扣除"


def test_resolution_that_does_not_count_is_told() -> None:
    steps = (*HISTORY, reopened(at("13:40")))
    told = explain(derive(SOLVE, HISTORY[0], steps, CALENDAR, at("14:00")), CALENDAR)
    assert english(told.lines)[5:] == [
        "2026-03-03 09:30:00 → 2026-03-03 14:00:00: 4 h 30 min, counted",
        "warning falls due: 2026-03-03 12:30:00",
        "due: 2026-03-03 13:30:00",
        "resolution does not count: the fault was still there after 2026-03-03 13:00:00, "
        "open again at 2026-03-03 13:40:00",
        "outcome: breached, 4 h 30 min counted, 0 s left",
    ]
    assert told.lines[-2].zh == "解决不成立：2026-03-03 13:00:00 之后故障仍在，2026-03-03 13:40:00 重新打开"


def test_resolution_as_it_reopens_does_not_count() -> None:
    for over, state in ((at("13:00"), "breached"), (at("13:01"), "met")):
        steps = (step("resolved", over), reopened(at("13:00")))
        assert derive(SOLVE, opened(at("09:30")), steps, CALENDAR, at("14:00")).state == state


def test_clock_that_ended_before_tells_no_resolution() -> None:
    steps = (step("arrived", at("09:00")), step("resolved", at("10:00")), reopened(at("11:00")))
    for until in (("arrived",), ("arrived", "resolved")):
        clock = derive(clause(4 * HOUR, until=until), HISTORY[0], steps, CALENDAR, at("14:00"))
        assert (clock.state, clock.voided) == ("met", ())


def test_events_tell_that_a_fault_was_open_again() -> None:
    (told,) = explain_events([reopened(at("13:40")), *HISTORY], agreement_with(SOLVE))
    assert (told.clock.state, told.as_of, len(told.clock.voided)) == ("breached", at("13:40"), 1)
    (over,) = explain_events([step("resolved", at("14:10")), reopened(at("13:40")), *HISTORY], agreement_with(SOLVE))
    assert (over.clock.ended_at, over.clock.breached_at) == (at("14:10"), at("13:30"))


def test_record_is_plain_json() -> None:
    told = explain(derive(SOLVE, HISTORY[0], HISTORY[1:], CALENDAR, at("14:00")), CALENDAR)
    record = json.loads(json.dumps(told.record()))
    assert record["clock"]["source"] == {"row": "W5", "clause": "一包 2.4(2)③", "assumed": False, "note": None}
    assert record["clock"]["due"] == "2026-03-03T05:30:00Z"
    assert record["hours"][0]["id"] == "patrol"


def test_days_are_told_in_runs() -> None:
    clock = derive(clause(Workdays(workdays=3)), opened(at("2026-02-12T17:00")), [], CALENDAR, at("2026-02-12T17:00"))
    told = explain(clock, CALENDAR)
    assert [(run.first.day, run.last.day, run.kind) for run in told.days] == [
        (12, 14, "workday"),
        (15, 23, "holiday"),
        (24, 24, "workday"),
    ]
    assert "limit: 3 workdays after the opening day" in english(told.lines)
    assert any("the opening day does not count" in line for line in english(told.lines))


def test_provisional_year_is_marked() -> None:
    years = {2026: Year(holidays=(), provisional=True)}
    calendar = Calendar(id="cn", years=years, hours=CALENDAR.hours)
    promise = clause(Within(days=("workday",), time=HOUR))
    told = explain(derive(promise, opened(at("07:00")), [], calendar, at("07:30")), calendar)
    assert [(run.first, run.provisional) for run in told.days] == [(date(2026, 3, 3), True)]
    assert "calendar 2026-03-03: workday (provisional)" in english(told.lines)


def test_uncovered_clause_says_why() -> None:
    told = explain(derive(SOLVE, opened(at("05:59")), [], CALENDAR, at("14:00")), CALENDAR)
    assert english(told.lines)[1] == "not covered: opened at 2026-03-03 05:59:00, outside 'patrol'"
    assert len(told.lines) == 3


def test_open_pause_leaves_due_open() -> None:
    told = explain(derive(SOLVE, opened(at("06:30")), [paused(at("07:00"))], CALENDAR, at("14:00")), CALENDAR)
    assert "due: not known while the pause is open" in english(told.lines)


def test_events_are_explained_by_clause() -> None:
    agreement = agreement_with(SOLVE, clause(5 * HOUR, until=("arrived",)))
    told = explain_events([*reversed(HISTORY), *HISTORY], agreement)
    assert [each.clock.state for each in told] == ["met", "running"]
    assert {each.as_of for each in told} == {at("13:00")}
    assert [each.clock.state for each in explain_events(HISTORY, agreement, now=at("23:00"))] == ["met", "breached"]


def test_faults_of_others_are_left_out() -> None:
    foreign = HISTORY[0].model_copy(update={"agreement": "elsewhere"})
    assert explain_events([foreign], agreement_with(SOLVE)) == ()
    assert explain_events(HISTORY[1:], agreement_with(SOLVE)) == ()


def test_other_version_is_pointed_out() -> None:
    older = [HISTORY[0].model_copy(update={"agreement_version": 7})]
    told = explain_events(older, agreement_with(SOLVE))
    assert told[0].lines[0].en == "note: the fault opened under version 7, explained here with version 1"
