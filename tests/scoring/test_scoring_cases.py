"""Single cases a buyer would ask about, each with its figures."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.events.scoring import IndicatorValue, ScorePostedV1, SitePayment
from services.scoring.month import MonthScore, score_month
from services.scoring.recorded import Recorded
from tests.scoring import papers
from tests.scoring.papers import HOUR, at

GOOD = papers.full_hours("s1", at(1), at(1, month=5))


def april(events: list[Recorded], **terms: Any) -> MonthScore:
    agreement = papers.agreement(**terms)
    return score_month(agreement, "lot-1", "2026-04", events, until=None, revision=1, provisional=False)


def s1(events: list[Recorded], **terms: Any) -> tuple[ScorePostedV1, SitePayment]:
    scored = april(events, **terms)
    return scored.scores[0], scored.settlement.sites[0]


def value(posted: ScorePostedV1, indicator: str, code: str | None = None) -> IndicatorValue:
    return next(v for v in posted.indicators if v.indicator == indicator and code in (None, v.code))


def test_missed_patrol_costs_five_points() -> None:
    posted, paid = s1([*GOOD, papers.missed("s1", "p1", at(5), at(6))], sheet={**papers.SHEET, "gates": []})
    lines = [(line.line, line.points, line.amount, line.evidence) for line in paid.lines]
    unmet = posted.lines[1]
    assert (paid.share, posted.lines[0].points, posted.lines[0].evidence) == (
        Decimal("10238.10"),
        Decimal("5.00"),
        ("missed p1",),
    )
    assert (unmet.deduction, unmet.count, posted.points) == ("unmet", 1, Decimal("80.00"))
    assert lines[0] == ("air/lot-1/2026-04/r1/s1/tasks/missed", Decimal("5.00"), Decimal("511.91"), ("missed p1",))
    assert paid.share - paid.payable == sum(line.amount for line in paid.lines) == Decimal("2047.62")


def test_five_of_a_hundred_on_a_share() -> None:
    sheet = {**papers.SHEET, "parts": papers.SHEET["parts"][:3] + [papers.entry("data", points="40")]}
    posted, paid = s1([*GOOD, papers.missed("s1", "p1", at(5), at(6))], sheet=sheet)
    assert (posted.full, posted.points) == (Decimal(100), Decimal(95))
    assert (paid.share, paid.payable, paid.lines[0].amount) == (
        Decimal("10238.10"),
        Decimal("9726.20"),
        Decimal("511.90"),
    )


def test_late_post_of_timely_work_counts() -> None:
    missed, done = papers.missed("s1", "p1", at(5), at(6)), papers.done("s1", "p1", at(5), at(6), at(5, 23))
    posted, _ = s1([*GOOD, missed, done])
    assert posted.points == 100 and value(posted, "in-time").ratio == Decimal("1.0000")


def test_work_after_the_close_stays_missed() -> None:
    posted, _ = s1([*GOOD, papers.missed("s1", "p1", at(5), at(6)), papers.done("s1", "p1", at(5), at(6), at(6, 1))])
    assert posted.lines[0].evidence == ("missed p1",)


def test_window_closing_at_midnight_ends_the_month() -> None:
    posted, _ = s1([*GOOD, papers.missed("s1", "p1", at(30), at(1, month=5))])
    assert posted.lines[0].deduction == "missed"


def test_unmet_gate_leaves_nothing_to_pay() -> None:
    posted, paid = s1(GOOD[:600])
    assert posted.gated_by == ("capture", "validity") and posted.points == 0
    assert (paid.payable, paid.lines[-1].line) == (Decimal("0.00"), "air/lot-1/2026-04/r1/s1/gate/gate")
    assert sum(line.amount for line in paid.lines) == paid.share
    assert paid.lines[-1].evidence[0] == "s1/hour/20260425T160000Z" and len(paid.lines[-1].evidence) == 50


def test_gate_never_raises_a_score() -> None:
    sheet = {**papers.SHEET, "gate_points": "99"}
    posted, _ = s1([*GOOD[:600], papers.missed("s1", "p1", at(5), at(6))], sheet=sheet)
    assert posted.points == 80


def test_two_power_hours_leave_the_denominator() -> None:
    cut = [papers.opened("s1", "f1", "power-lost", at(9, 6)), papers.resolved("s1", "f1", "power-lost", at(9, 8))]
    hours = [event for event in GOOD if not at(9, 6) <= event.event.at - HOUR < at(9, 8)]
    found = value(s1([*hours, *cut])[0], "capture", "a34004")
    assert (found.numerator, found.denominator, found.excluded) == (718, 718, 2)
    assert (found.ratio, found.raw_ratio, found.evidence) == (Decimal("1.0000"), Decimal("0.9972"), ("opened f1",))
    raw = value(s1([*hours, *cut])[0], "raw-capture", "a34004")
    assert (raw.numerator, raw.denominator, raw.excluded, raw.ratio) == (718, 720, 0, Decimal("0.9972"))
    assert raw.evidence == ("s1/hour/20260408T220000Z", "s1/hour/20260408T230000Z")


def test_valid_readings_contradict_a_power_claim() -> None:
    cut = [papers.opened("s1", "f1", "power-lost", at(9, 6)), papers.resolved("s1", "f1", "power-lost", at(9, 8))]
    found = value(s1([*GOOD, *cut])[0], "validity", "a34004")
    assert (found.numerator, found.denominator, found.excluded, found.evidence) == (720, 720, 0, ())


@pytest.mark.parametrize(("minutes", "excluded"), [(15, 0), (16, 1)])
def test_more_than_fifteen_minutes_lose_an_hour(minutes: int, excluded: int) -> None:
    start = at(9, 6) + timedelta(minutes=10)
    end = start + timedelta(minutes=minutes)
    cut = [papers.opened("s1", "f1", "power-lost", start), papers.resolved("s1", "f1", "power-lost", end)]
    overlapping = [papers.opened("s1", "f2", "power-lost", start), papers.resolved("s1", "f2", "power-lost", end)]
    hours = [event for event in GOOD if event.event.at - HOUR != at(9, 6)]
    assert value(s1([*hours, *cut, *overlapping])[0], "capture", "a34004").excluded == excluded


def test_fault_spoils_only_its_parameter() -> None:
    fault = [
        papers.opened("s1", "f1", "broken", at(9, 6.5), "s1.pm", "a34004"),
        papers.resolved("s1", "f1", "broken", at(9, 8), "s1.pm"),
    ]
    posted, _ = s1([*GOOD, *fault])
    assert [value(posted, "validity", code).numerator for code in ("a34004", "a34002", "a05024")] == [718, 720, 720]
    assert value(posted, "capture", "a34004").numerator == 720
    assert value(posted, "validity", "a34004").evidence[0] == "opened f1"


def test_fault_of_the_station_spoils_all() -> None:
    fault = [papers.opened("s1", "f1", "broken", at(9, 6)), papers.resolved("s1", "f1", "broken", at(9, 8))]
    posted, _ = s1([*GOOD, *fault])
    assert [value(posted, "validity", code).numerator for code in ("a34004", "a34002", "a05024")] == [718] * 3


def test_flagged_value_is_captured_not_valid() -> None:
    posted, _ = s1([*GOOD[1:], papers.reading("s1", at(1), a34004="35 D", a34002="60", a05024=None)])
    assert [value(posted, "capture", code).numerator for code in ("a34004", "a34002", "a05024")] == [720, 720, 719]
    assert [value(posted, "validity", code).numerator for code in ("a34004", "a34002", "a05024")] == [719, 720, 719]


def test_informative_parameter_is_not_scored() -> None:
    assert {v.code for v in s1(GOOD)[0].indicators if v.code} == {"a34004", "a34002", "a05024"}


def test_first_reading_of_an_hour_wins() -> None:
    first, later = papers.reading("s1", at(1), a34004="35 D"), papers.reading("s1", at(1), a34004="36")
    late_event = later.event.model_copy(update={"received_at": at(2)})
    posted, _ = s1([Recorded("a later one", late_event), first, *GOOD[1:]])
    assert value(posted, "validity", "a34004").numerator == 719


def test_nothing_due_is_met() -> None:
    posted, paid = s1([], sites=[papers.site("s1", since="2026-06-01")])
    assert paid.share == paid.payable == 0
    assert value(posted, "capture", "a34004").ratio is None and value(posted, "handling").ratio is None
    assert posted.points == 100 and not posted.gated_by


def test_met_compares_whole_numbers() -> None:
    found = value(s1(GOOD[:647])[0], "capture", "a34004")
    assert (found.ratio, found.met) == (Decimal("0.8986"), False)
    assert value(s1(GOOD[:648])[0], "capture", "a34004").met


def test_withdrawn_breach_gives_points_back() -> None:
    fault = papers.opened("s1", "f1", "line-lost", at(9, 6))
    late = papers.breached("s1", "f1", "on-site", at(9, 11))
    back = papers.withdrawn("s1", "f1", "on-site", at(9, 11))
    again = papers.breached("s1", "f1", "on-site", at(9, 11), 2)
    assert [s1([*GOOD, fault, *more])[0].points for more in ([late], [late, back], [late, back, again])] == [
        Decimal("82.50"),
        Decimal(100),
        Decimal("82.50"),
    ]


def test_caps_hold_in_listed_order() -> None:
    breaches = [papers.breached("s1", f"f{n}", "on-site", at(9, n)) for n in range(1, 8)]
    broken = [papers.opened("s1", f"g{n}", "broken", at(3), "s1.pm", since=at(2, 23)) for n in range(25)]
    posted, _ = s1([*GOOD, *breaches, *broken])
    assert [(line.deduction, line.count, line.points) for line in posted.lines[:2]] == [
        ("late", 7, Decimal("10.00")),
        ("broken", 25, Decimal("20.00")),
    ]


def test_price_rule_may_take_nothing() -> None:
    sheet = {**papers.SHEET, "parts": papers.SHEET["parts"][:3] + [papers.entry("data", points="40")]}
    pricing = {"rule": "full_above", "full_from": "85", "plus": "15"}
    posted, paid = s1([*GOOD, papers.missed("s1", "p1", at(5), at(6))], sheet=sheet, pricing=pricing)
    assert posted.points == 95 and paid.payable == paid.share
    assert [line.amount for line in paid.lines] == [Decimal("0.00")]


def test_ids_read_as_paths() -> None:
    scored = april(GOOD)
    assert scored.settlement.settlement == "air/lot-1/2026-04/r1"
    assert scored.scores[0].score == "air/lot-1/2026-04/r1/s1"
    assert scored.settlement.closed_at == at(6, month=5)


def test_month_outside_the_term_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-03"):
        score_month(papers.agreement(), "lot-1", "2026-03", [], until=None, revision=1, provisional=False)


def test_later_facts_are_not_seen_yet() -> None:
    until = at(9, 10)
    events = [
        papers.opened("s1", "f1", "broken", at(9, 6), "s1.o3"),
        papers.breached("s1", "f1", "solved", at(9, 11)),
        papers.opened("s1", "f2", "broken", at(9, 12), "s1.pm"),
        papers.done("s1", "p1", at(9), at(10), at(9, 13), ["door"]),
    ]
    seen = [so_far([*GOOD, *events], moment) for moment in (until, at(10))]
    assert [[line.deduction for line in posted.lines] for posted in seen] == [
        ["broken"],
        ["late", "broken", "items", "unmet"],
    ]
    assert [(value(posted, "handling").numerator, value(posted, "handling").denominator) for posted in seen] == [
        (0, 0),
        (0, 1),
    ]


def so_far(events: list[Recorded], until: datetime) -> ScorePostedV1:
    agreement = papers.agreement(sheet={**papers.SHEET, "gates": []})
    scored = score_month(agreement, "lot-1", "2026-04", events, until=until, revision=3, provisional=True)
    assert scored.scores[0].score == "air/lot-1/2026-04/p3/s1"
    return scored.scores[0]
