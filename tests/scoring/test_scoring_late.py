"""Late evidence: which settled months an event can change, and what counts as another price."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.events.event import Event
from contracts.events.incidents import FaultPausedV1
from services.scoring.late import Settled, may_be_late, reached_by
from services.scoring.month import MonthScore, score_month
from services.scoring.recorded import Recorded
from services.scoring.restated import is_changed, is_priced_anew
from tests.scoring import papers
from tests.scoring.papers import HOUR, at

APRIL = Settled("air", "lot-1", "2026-04", frozenset({"s1", "s2"}), closed_at=at(6, month=5))
MAY = Settled("air", "lot-1", "2026-05", frozenset({"s1", "s2"}), closed_at=at(6, month=6))
NOW = at(10, month=6)
SECOND = timedelta(seconds=1)


def reached(known: Recorded, *taken_back: Recorded) -> list[str]:
    """The months that this event can change when it is heard on 10 June, with the resolutions that it takes back."""
    told = [one.event for one in (known, *taken_back) if may_be_late(one.event, NOW)]
    return [settled.month for settled in (APRIL, MAY) if reached_by(told, settled)]


@pytest.mark.parametrize(
    ("known", "months"),
    [
        (papers.reading("s1", at(30, 23), a34004="35"), ["2026-04"]),
        (papers.reading("s1", at(1, month=5), a34004="35"), ["2026-05"]),
        (papers.reading("s1", at(1, month=6), a34004="35"), []),
        (papers.reading("s9", at(30, 23), a34004="35"), []),
        (papers.opened("s1", "f1", "broken", at(1, 2, month=5), since=at(30, 23)), ["2026-04", "2026-05"]),
        (papers.opened("s1", "f1", "broken", at(1, month=5)), ["2026-05"]),
        (papers.opened("s9", "f1", "broken", at(9)), []),
        (papers.resolved("s1", "f1", "broken", at(6, month=5)), ["2026-04", "2026-05"]),
        (papers.resolved("s1", "f1", "broken", at(6, month=5) + SECOND), ["2026-05"]),
        (papers.resolved("s1", "f1", "broken", at(9, month=6)), []),
        (papers.breached("s1", "f1", "solved", at(1, month=5)), ["2026-04", "2026-05"]),
        (papers.breached("s1", "f1", "solved", at(1, month=5) + SECOND), ["2026-05"]),
        (papers.withdrawn("s1", "f1", "solved", at(30)), ["2026-04", "2026-05"]),
        (papers.missed("s1", "p1", at(30), at(1, month=5)), ["2026-04"]),
        (papers.due("s1", "p1", at(30), at(1, 1, month=5)), ["2026-05"]),
        (papers.done("s1", "p1", at(30), at(1, 9, month=5), at(30, 20)), ["2026-04", "2026-05"]),
        (papers.due("s1", "p1", at(9, month=6), at(11, month=6)), []),
    ],
)
def test_event_reaches_the_months_it_can_change(known: Recorded, months: list[str]) -> None:
    assert reached(known) == months


def test_reopening_reaches_what_its_resolution_reached() -> None:
    again, end = papers.reopened("s1", "f1", "broken", at(9, month=6)), at(6, month=5)
    assert reached(again) == []
    assert reached(again, papers.resolved("s1", "f1", "broken", end)) == ["2026-04", "2026-05"]
    assert reached(again, papers.resolved("s1", "f1", "broken", end + SECOND)) == ["2026-05"]


def test_pause_reaches_no_score() -> None:
    opened = papers.opened("s1", "f1", "broken", at(9)).event
    where = {name: getattr(opened, name) for name in ("agreement", "agreement_version", "lot", "site", "fault", "kind")}
    paused = FaultPausedV1(**where, asset="s1", at=at(9), by="li", posted_at=at(9), reason="power")
    assert not may_be_late(paused, NOW)


def test_other_lots_are_not_reached() -> None:
    other = Settled("air", "lot-2", "2026-04", APRIL.sites, APRIL.closed_at)
    assert not reached_by([papers.missed("s1", "p1", at(5), at(6)).event], other)  # type: ignore[list-item]


def test_evidence_of_this_month_is_not_looked_for() -> None:
    """A day of back-fill within the month comes before its close and asks nothing of the database."""
    old: Event = papers.reading("s1", at(9), a34004="35").event
    assert not may_be_late(old, at(30, 23.9))
    assert may_be_late(old, at(1, month=5))


def test_changes_follow_reach() -> None:
    """What changes the figures of April is said to reach it: each event alone, on top of a month that has it all."""
    for known in _all_kinds():
        with_it, without = april(_all_kinds()), april([one for one in _all_kinds() if one is not known])
        ends = [one for one in _all_kinds() if one.id.startswith("resolved") and one.event.key == known.event.key]
        taken_back = ends if known.id.startswith("reopened") else []
        assert is_changed(without, with_it) <= ("2026-04" in reached(known, *taken_back)), known.id


def _all_kinds() -> list[Recorded]:
    return [
        *papers.full_hours("s1", at(1), at(1) + 3 * HOUR),
        papers.opened("s1", "f1", "broken", at(1, 2, month=5), since=at(1, 1), asset="s1.pm"),
        papers.opened("s1", "f2", "line-lost", at(9)),
        papers.breached("s1", "f2", "solved", at(10)),
        papers.resolved("s1", "f2", "line-lost", at(2, month=5)),
        papers.opened("s1", "f3", "line-lost", at(9)),
        papers.breached("s1", "f3", "solved", at(11)),
        papers.withdrawn("s1", "f3", "solved", at(11)),
        papers.breached("s1", "f4", "solved", at(2, month=5)),
        papers.resolved("s1", "f3", "line-lost", at(8, month=5)),
        papers.opened("s1", "f5", "line-lost", at(9)),
        papers.breached("s1", "f5", "solved", at(10)),
        papers.resolved("s1", "f5", "line-lost", at(9, 3)),
        papers.reopened("s1", "f5", "line-lost", at(7, month=5)),
        papers.missed("s1", "p1", at(5), at(6)),
        papers.done("s1", "p2", at(6), at(7), at(6, 3), ["door"]),
        papers.done("s1", "p3", at(30), at(2, month=5), at(30, 3), ["door"]),
        papers.due("s1", "p4", at(1, month=5), at(2, month=5)),
    ]


def april(events: list[Recorded]) -> MonthScore:
    agreement = papers.agreement(sites=[papers.site("s1"), papers.site("s2")], sheet={**papers.SHEET, "gates": []})
    return score_month(agreement, "lot-1", "2026-04", events, until=None, revision=1, provisional=False)


def test_one_hour_more_is_no_other_price() -> None:
    hours = papers.full_hours("s1", at(1), at(1, month=5))
    most, all_of_it = april(hours[1:]), april(hours)
    assert is_changed(most, all_of_it) and not is_priced_anew(most, all_of_it)


def test_one_point_is_another_price() -> None:
    hours = papers.full_hours("s1", at(1), at(1, month=5))
    door = papers.done("s1", "p1", at(5), at(6), at(5, 3), ["door"])
    assert is_priced_anew(april(hours), april([*hours, door]))
