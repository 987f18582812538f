"""Sites that are not there for the whole month: each day is paid, no other, and nobody else gains by it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.assets import AgreementPublishedV1
from contracts.events.scoring import SettlementComputedV1, SitePayment
from services.scoring.days import Days, days_of, share_of_days
from services.scoring.explain import explain_settlement
from services.scoring.month import MonthScore, score_month
from services.scoring.payment import share_of
from services.scoring.recorded import Recorded
from tests.scoring import papers
from tests.scoring.papers import at
from tests.scoring.plain import settle_plainly

MONTHS = ("2026-04", "2026-05", "2027-02", "2028-02")


def scored(month: str = "2026-04", events: list[Recorded] | None = None, **terms: Any) -> MonthScore:
    agreement = papers.agreement(**terms)
    return score_month(agreement, "lot-1", month, events or [], until=None, revision=1, provisional=False)


def settled(since: str, month: str = "2026-04", **terms: Any) -> SettlementComputedV1:
    """Two sites without any sheet to lose points by, the second there from `since` on."""
    sites = [papers.site("s1"), papers.site("s2", since)]
    sheet = {**papers.SHEET, "gates": [], "parts": [papers.entry("all", points="100")]}
    return scored(month, sites=sites, sheet=sheet, **terms).settlement


def second(since: str) -> SitePayment:
    return settled(since).sites[1]


@pytest.mark.parametrize(
    ("since", "share", "days"),
    [
        ("2026-04-01", "35833.34", None),
        ("2026-04-02", "34638.90", "2026-04-02 至 2026-04-30，29/30 天"),
        ("2026-04-16", "17916.67", "2026-04-16 至 2026-04-30，15/30 天"),
        ("2026-04-30", "1194.44", "2026-04-30 至 2026-04-30，1/30 天"),
        ("2026-05-01", "0.00", "0/30 天"),
        ("2026-06-01", "0.00", "0/30 天"),
    ],
)
def test_site_is_paid_by_its_days(since: str, share: str, days: str | None) -> None:
    paid = second(since)
    assert (paid.share, paid.payable) == (Decimal(share), Decimal(share))
    told = [(line.part, line.title.zh.rpartition("：")[2], line.points, line.amount) for line in paid.lines]
    assert told == ([("days", days, 0, 0)] if days else [])


def test_absent_site_leaves_others_their_share() -> None:
    first, later = settled("2020-01-01"), settled("2026-06-01")
    assert later.sites[0].share == first.sites[0].share == Decimal("35833.33")
    assert (first.gross, later.gross) == (Decimal("71666.67"), Decimal("35833.33"))


def test_days_name_the_agreement() -> None:
    agreement = papers.agreement(sites=[papers.site("s1"), papers.site("s2", "2026-04-16")])
    event = AgreementPublishedV1(at=at(1), agreement="air", version=1, digest="", document=agreement)
    told = [Recorded("published", event)]
    month = score_month(agreement, "lot-1", "2026-04", told, until=None, revision=1, provisional=False)
    line = month.settlement.sites[1].lines[0]
    branch = explain_settlement(month, told).branches[1].branches[0]
    assert (line.line, line.evidence) == ("air/lot-1/2026-04/r1/s2/days/counted", ("published",))
    assert str(branch.title) == (
        "按日计付（假定）：2026-04-16 至 2026-04-30，15/30 天"
        " / Paid by the day (assumed): 2026-04-16 to 2026-04-30, 15 of 30 days"
    )
    assert [(reason.kind, reason.title.zh) for reason in branch.branches] == [("agreement", "协议第 1 版")]


def test_share_is_named_for_what_it_is() -> None:
    month = scored(sites=[papers.site("s1")], sheet={**papers.SHEET, "gates": []})
    tree = explain_settlement(month, [])
    assert tree.title.zh.startswith("应付 60,916.67 元＝月度基准金额 71,666.67－扣款 10,750.00")
    assert "月度基准金额 71,666.67 元" in tree.branches[0].title.zh


@given(
    fee=st.decimals(0, 9_999_999, places=2),
    place=st.integers(0, 11),
    month=st.sampled_from(MONTHS),
    cuts=st.sets(st.integers(0, 31), max_size=4),
)
def test_parts_of_a_month_make_it(fee: Decimal, place: int, month: str, cuts: set[int]) -> None:
    share, start = share_of(fee, place, 3, 7), date.fromisoformat(f"{month}-01")
    whole = Days(month, start, start).whole
    edges = sorted({0, whole, *(cut for cut in cuts if cut < whole)})
    days = [start + timedelta(days=edge) for edge in edges]
    parts = [share_of_days(share, Days(month, *pair)) for pair in zip(days, days[1:], strict=False)]
    assert sum(parts) == share
    for part, low, high in zip(parts, edges, edges[1:], strict=False):
        assert abs(part - share * (high - low) / whole) <= Decimal("0.01")


@given(
    starts=st.dates(date(2026, 3, 1), date(2026, 6, 30)),
    length=st.integers(0, 90),
    since=st.dates(date(2026, 2, 20), date(2026, 10, 1)),
    fee=st.sampled_from(["860000.00", "0.01", "1234567.89"]),
)
def test_days_equal_the_plain_way(starts: date, length: int, since: date, fee: str) -> None:
    terms = {"starts": starts.isoformat(), "ends": (starts + timedelta(days=length)).isoformat()}
    sites = [
        papers.entry("s1", kind="station", since="2020-01-01"),
        papers.entry("s2", kind="station", since=f"{since}"),
    ]
    agreement, month = papers.agreement(sites=sites, fee=fee, **terms), f"{starts + timedelta(days=length):%Y-%m}"
    plain = settle_plainly([], papers.document_of(agreement), month=month)[f"lot-1/{month}"]
    paid = scored(month, sites=sites, fee=fee, **terms).settlement.sites
    assert {one.site: str(one.share) for one in paid} == {id: one["share"] for id, one in plain["sites"].items()}
    assert [len(one.lines) for one in paid] == [len(one["lines"]) for one in plain["sites"].values()]


def test_last_day_of_the_term_counts() -> None:
    agreement = papers.agreement(starts="2026-04-10", ends="2026-05-09")
    days = [days_of(agreement, agreement.lots[0].sites[0], month) for month in ("2026-04", "2026-05")]
    assert [(some.counted, some.whole) for some in days] == [(21, 30), (9, 31)]
