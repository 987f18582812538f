"""Shares, prices and the splitting of amounts: exact to the cent."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.agreements.scores import FullAbove, PerPoint, Proportional
from services.scoring.days import days_of, share_of_days
from services.scoring.payment import month_in_year, payable_of, share_of, split
from services.scoring.span import months_of
from tests.scoring import papers

money = st.decimals(0, 99_999_999, places=2)
points = st.decimals(0, 100, places=2)


@given(fee=money, sites=st.integers(1, 40))
def test_shares_sum_up_to_the_fee(fee: Decimal, sites: int) -> None:
    shares = [share_of(fee, month, site, sites) for month in range(12) for site in range(sites)]
    assert sum(shares) == fee
    assert max(shares) - min(shares) <= Decimal("0.01")


@given(amount=money, weights=st.lists(points, min_size=1, max_size=12))
def test_split_is_exact_and_fair(amount: Decimal, weights: list[Decimal]) -> None:
    parts, total = split(amount, weights), sum(weights)
    assert sum(parts) == (amount if total else 0)
    for part, weight in zip(parts, weights, strict=True):
        assert not total or abs(part - amount * weight / total) < Decimal("0.01")
        assert weight or not part


def test_leftover_cents_go_in_order() -> None:
    assert split(Decimal("0.05"), [Decimal(1)] * 3) == [Decimal("0.02"), Decimal("0.02"), Decimal("0.01")]


@given(
    share=money,
    scored=points,
    pricing=st.sampled_from(
        [
            Proportional(rule="proportional"),
            FullAbove(rule="full_above", full_from=Decimal(85), plus=Decimal(15)),
            PerPoint(rule="per_point", full_from=Decimal(98), amount=Decimal(200)),
        ]
    ),
)
def test_payable_lies_within_the_share(
    share: Decimal, scored: Decimal, pricing: Proportional | FullAbove | PerPoint
) -> None:
    payable = payable_of(pricing, share, scored, Decimal(100))
    assert 0 <= payable <= share and payable == payable.quantize(Decimal("0.01"))
    assert payable_of(pricing, share, Decimal(100), Decimal(100)) == share


@pytest.mark.parametrize(
    ("scored", "payable"),
    [("98", "10000.00"), ("97.99", "9800.00"), ("97", "9800.00"), ("96.5", "9600.00"), ("0", "0.00")],
)
def test_every_begun_point_costs_its_amount(scored: str, payable: str) -> None:
    rule = PerPoint(rule="per_point", full_from=Decimal(98), amount=Decimal(200))
    assert payable_of(rule, Decimal("10000.00"), Decimal(scored), Decimal(100)) == Decimal(payable)


@pytest.mark.parametrize(("scored", "payable"), [("85", "1000.00"), ("84.99", "999.90"), ("50", "650.00")])
def test_full_pay_from_the_threshold(scored: str, payable: str) -> None:
    rule = FullAbove(rule="full_above", full_from=Decimal(85), plus=Decimal(15))
    assert payable_of(rule, Decimal("1000.00"), Decimal(scored), Decimal(100)) == Decimal(payable)


def test_half_a_cent_is_rounded_up() -> None:
    rule = Proportional(rule="proportional")
    assert payable_of(rule, Decimal("0.25"), Decimal(50), Decimal(100)) == Decimal("0.13")
    assert payable_of(rule, Decimal("10238.10"), Decimal(95), Decimal(100)) == Decimal("9726.20")


@given(fee=money, start=st.dates(date(2025, 1, 1), date(2025, 12, 28)), years=st.integers(1, 2))
def test_each_year_pays_its_fee(fee: Decimal, start: date, years: int) -> None:
    """Wherever in a month the term starts: the days of its first and its last month make one."""
    ends = start.replace(year=start.year + years) - timedelta(days=1)
    agreement = papers.agreement(starts=start.isoformat(), ends=ends.isoformat())
    shares = [
        share_of_days(share_of(fee, month_in_year(agreement, month), n, 7), days_of(agreement, site, month))
        for month in months_of(agreement)
        for n, site in enumerate(agreement.lots[0].sites)
    ]
    assert sum(shares) == fee * years
