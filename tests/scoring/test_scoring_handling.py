"""The handling rate: each fault falls due once, an overdue one is never handled, none slips between two months."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events.scoring import IndicatorValue
from services.scoring.month import score_month
from services.scoring.recorded import Recorded
from services.scoring.span import close_of, first_day, midnight, month_after
from tests.scoring import papers
from tests.scoring.papers import HOUR, at
from tests.scoring.plain import settle_plainly

MONTHS = ("2026-04", "2026-05", "2026-06")
BARE = [papers.entry("s1", kind="station", since="2020-01-01")]
AGREEMENT = papers.agreement(sites=BARE, ends="2026-06-30")
LATE_ON_THE_30TH = [
    papers.opened("s1", "f1", "line-lost", at(30, 18)),
    papers.breached("s1", "f1", "on-site", at(1, 18, month=5)),
]


def handled(events: list[Recorded], month: str, until: datetime | None = None) -> IndicatorValue:
    month_score = score_month(AGREEMENT, "lot-1", month, events, until=until, revision=1, provisional=until is not None)
    return next(v for v in month_score.scores[0].indicators if v.indicator == "handling")


def rates(events: list[Recorded]) -> list[tuple[int, int]]:
    return [(found.numerator, found.denominator) for month in MONTHS if (found := handled(events, month))]


def ended(*when: datetime) -> list[Recorded]:
    return [papers.resolved("s1", "f1", "line-lost", moment) for moment in when]


def test_open_overdue_fault_is_never_handled() -> None:
    assert rates(LATE_ON_THE_30TH) == [(0, 0), (0, 1), (0, 1)]
    assert handled(LATE_ON_THE_30TH, "2026-06").evidence == ("opened f1",)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (at(30, 20), [(1, 1), (0, 0), (0, 0)]),
        (at(1, month=5), [(1, 1), (0, 0), (0, 0)]),
        (at(1, 9, month=5), [(0, 0), (1, 1), (0, 0)]),
        (at(3, month=5), [(0, 0), (1, 1), (0, 0)]),
        (at(6, month=6), [(0, 0), (1, 1), (0, 0)]),
        (at(6, 1, month=6), [(0, 0), (0, 1), (0, 0)]),
        (at(20, month=6), [(0, 0), (0, 1), (0, 0)]),
    ],
)
def test_fault_counts_where_it_falls_due(end: datetime, expected: list[tuple[int, int]]) -> None:
    """Resolved before its deadline it counts where it ended; else where its deadline fell, until the month's close."""
    assert rates([*LATE_ON_THE_30TH, *ended(end)]) == expected


def test_open_fault_within_its_deadlines_waits() -> None:
    opened = [papers.opened("s1", "f1", "line-lost", at(9))]
    assert rates(opened) == [(0, 0)] * 3
    assert rates([*opened, *ended(at(9, 5))]) == [(1, 1), (0, 0), (0, 0)]


def test_resolution_after_the_close_is_late() -> None:
    fault = [papers.opened("s1", "f1", "line-lost", at(9)), papers.breached("s1", "f1", "solved", at(9, 4))]
    found = [handled([*fault, *ended(end)], "2026-04") for end in (at(6, month=5), at(6, 1, month=5))]
    assert [(value.met, value.evidence) for value in found] == [(True, ()), (False, ("opened f1",))]


def test_deadline_at_midnight_ends_the_month() -> None:
    fault = [papers.opened("s1", "f1", "line-lost", at(30)), papers.breached("s1", "f1", "solved", at(1, month=5))]
    assert rates([*fault, *ended(at(1, 1, month=5))]) == [(1, 1), (0, 0), (0, 0)]


def test_withdrawn_deadline_is_none() -> None:
    fault = [*LATE_ON_THE_30TH, papers.withdrawn("s1", "f1", "on-site", at(1, 18, month=5))]
    assert rates(fault) == [(0, 0)] * 3


def test_month_so_far_sees_no_later_deadline() -> None:
    before, after = (handled(LATE_ON_THE_30TH, "2026-05", at(1, hour, month=5)) for hour in (17, 19))
    assert [(value.numerator, value.denominator) for value in (before, after)] == [(0, 0), (0, 1)]


def test_reopened_fault_is_not_handled() -> None:
    """Said to be over on the 30th, open again on the 2nd, over on the 3rd; its first deadline fell on the 1st."""
    fault = [*LATE_ON_THE_30TH, *ended(at(30, 20)), papers.reopened("s1", "f1", "line-lost", at(2, month=5))]
    assert rates(fault) == [(0, 0), (0, 1), (0, 1)]
    over = papers.resolved("s1", "f1", "line-lost", at(3, month=5), n=2)
    assert rates([over, *fault]) == [(0, 0), (1, 1), (0, 0)]


def test_resolution_as_it_reopens_does_not_count() -> None:
    fault = [*LATE_ON_THE_30TH, *ended(at(30, 20)), papers.reopened("s1", "f1", "line-lost", at(30, 20))]
    assert rates(fault) == [(0, 0), (0, 1), (0, 1)]


moments = st.integers(0, 80 * 24 * 2).map(lambda n: at(1) + n * HOUR / 2)
lasting = st.integers(1, 60 * 24 * 2).map(lambda n: n * HOUR / 2)


@st.composite
def lives(draw: st.DrawFn) -> list[Recorded]:
    """A fault with up to two deadlines missed and perhaps an end; some of it at the very edges of months."""
    found: list[Recorded] = []
    for n in range(draw(st.integers(1, 3))):
        opens = draw(moments | st.sampled_from([at(30, 23), at(1, month=5), at(31, 12, month=5)]))
        found.append(papers.opened("s1", f"f{n}", "line-lost", opens))
        for clause in draw(st.sets(st.sampled_from(["on-site", "solved"]))):
            found.append(papers.breached("s1", f"f{n}", clause, opens + draw(lasting)))
        for k in range(draw(st.integers(0, 2))):
            found.append(papers.resolved("s1", f"f{n}", "line-lost", opens + draw(lasting), n=k + 1))
        if draw(st.booleans()):
            found.append(papers.reopened("s1", f"f{n}", "line-lost", opens + draw(lasting)))
    return found


@settings(max_examples=60)
@given(events=lives())
def test_handling_equals_the_plain_way(events: list[Recorded]) -> None:
    for month in MONTHS:
        plain = settle_plainly(papers.exported(events), papers.document_of(AGREEMENT), month=month)
        (counted,) = (v for v in plain[f"lot-1/{month}"]["sites"]["s1"]["indicators"] if v[0] == "handling")
        found = handled(events, month)
        assert (found.numerator, found.denominator, found.met) == (counted[2], counted[3], counted[5])


@settings(max_examples=60)
@given(opens=moments, breach=st.none() | lasting, lasts=st.none() | lasting)
def test_no_fault_slips_between_months(opens: datetime, breach: timedelta | None, lasts: timedelta | None) -> None:
    """Every fault that missed a deadline or ended counts; as handled at most once; and never while it is overdue."""
    events = [papers.opened("s1", "f1", "line-lost", opens)]
    events += [papers.breached("s1", "f1", "solved", opens + breach)] if breach else []
    events += ended(opens + lasts) if lasts else []
    found = rates(events)
    assert sum(good for good, _ in found) <= 1
    known = [opens + time for time in (breach, lasts) if time]
    assert (sum(total for _, total in found) >= 1) == (min(known, default=at(2, month=7)) <= at(1, month=7))
    for month, (good, total) in zip(MONTHS, found, strict=True):
        end, close = midnight(first_day(month_after(month))), close_of(AGREEMENT.lots[0], month)
        if breach and opens + breach <= end and (lasts is None or opens + lasts > close):
            assert (good, total) == (0, 1)
