"""What a score makes of the payment: a site's share of the fee, its price by score, and each line's amount.

CNY, exact decimals. Amounts are rounded half up to the cent (the rounding of Chinese invoices), once per amount;
shares by cumulative rounding and lines by the largest remainder, so that every sum is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from contracts.agreements.agreement import Agreement
from contracts.agreements.scores import FullAbove, PerPoint, Pricing, Proportional
from services.scoring.span import months_between

CENT = Decimal("0.01")
NOTHING = Decimal("0.00")


def to_the_cent(amount: Decimal) -> Decimal:
    """Two decimals, rounded half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def share_of(fee: Decimal, month: int, site: int, sites: int) -> Decimal:
    """A site's share of a month. `month` (0-11) and `site` count from 0; the 12 × `sites` shares sum up to the fee.

    The fee runs through the months, and in each through the sites in the lot's order; a share is the difference of
    two rounded running sums.
    """
    place, places = month * sites + site, 12 * sites
    return to_the_cent(fee * (place + 1) / places) - to_the_cent(fee * place / places)


def month_in_year(agreement: Agreement, month: str) -> int:
    """Which month of an agreement's year a natural month is, from 0: what its whole share is taken from.

    A term that starts inside a month touches a thirteenth natural month, which is the same month of the year as the
    first: the days of both make one (unless one of them is the February of a leap year).
    """
    return months_between(f"{agreement.starts:%Y-%m}", month) % 12


def payable_of(pricing: Pricing, share: Decimal, points: Decimal, full: Decimal) -> Decimal:
    """What is paid of a share for these points of `full`; between nothing and the share."""
    match pricing:
        case Proportional():
            priced = share * points / full if full else share
        case FullAbove():
            priced = share if points >= pricing.full_from else share * (pricing.plus + points) / 100
        case PerPoint():
            short = (pricing.full_from - points).to_integral_value(ROUND_CEILING)
            priced = share - pricing.amount * max(short, Decimal(0))
    return to_the_cent(min(max(priced, NOTHING), share))


def split(amount: Decimal, points: Sequence[Decimal]) -> list[Decimal]:
    """Splits an amount over lines by their points, to the cent; the largest remainders get the cents that are left.

    Equal remainders are served in the order of the lines. Without any points all stays with nobody: zeros.
    """
    cents, weights = int(amount * 100), [int(p * 100) for p in points]
    total = sum(weights)
    if not total:
        return [NOTHING for _ in points]
    parts = [cents * weight // total for weight in weights]
    order = sorted(range(len(parts)), key=lambda n: (-(cents * weights[n] % total), n))
    for n in order[: cents - sum(parts)]:
        parts[n] += 1
    return [(Decimal(part) / 100).quantize(CENT) for part in parts]
