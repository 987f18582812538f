"""The lines of a site's payment: its days, one for each line of its sheet, one for the gate, and what each costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from contracts.agreements.scores import Pricing
from contracts.events.scoring import PaymentLine, ScorePostedV1, SitePayment
from contracts.values import Words
from services.scoring.days import Days
from services.scoring.payment import NOTHING, payable_of, split
from services.scoring.sheet import Filled

GATE = "gate"
PRICING = "pricing"
DAYS = "days"


@dataclass(frozen=True, slots=True)
class Earned:
    """What a site can earn: its `share`, the `days` it is for, and the ids of what proves them."""

    share: Decimal
    days: Days
    evidence: tuple[str, ...]


def site_payment(pricing: Pricing, earned: Earned, posted: ScorePostedV1, filled: Filled) -> SitePayment:
    """Prices a site's share. The lines add up to what is taken; their ids are `<score>/<part>/<deduction>`.

    Where the price rule takes nothing although points were lost, every line has the amount 0.00. So has the line
    that says the days counted, where they are not the whole month: the share is that of these days already.
    """
    share = earned.share
    payable = payable_of(pricing, share, filled.points, filled.full)
    lines = tuple(_priced(share - payable, list(_lines(posted, filled, earned)), pricing, posted))
    return SitePayment(
        site=posted.site, score=posted.score, points=posted.points, share=share, payable=payable, lines=lines
    )


def _priced(taken: Decimal, lines: list[PaymentLine], pricing: Pricing, posted: ScorePostedV1) -> Iterator[PaymentLine]:
    weights = [line.points for line in lines]
    if taken and not any(weights):
        lines, weights = [*lines, _price_line(posted, pricing)], [*weights, Decimal(1)]
    for line, amount in zip(lines, split(taken, weights), strict=True):
        yield line.model_copy(update={"amount": amount})


def _lines(posted: ScorePostedV1, filled: Filled, earned: Earned) -> Iterator[PaymentLine]:
    if earned.days.counted < earned.days.whole:
        yield _line(posted, DAYS, "counted", earned.days.title, NOTHING, earned.evidence)
    for line in filled.lines:
        yield _line(posted, line.part, line.deduction, line.title, line.points, line.evidence)
    if filled.gated_by:
        taken = filled.earned - filled.points
        yield _line(posted, GATE, GATE, _gate_title(posted, filled.gated_by), taken, filled.gate_evidence)


def _gate_title(posted: ScorePostedV1, gated_by: tuple[str, ...]) -> Words:
    titles = {value.indicator: value.title for value in posted.indicators}
    zh, en = "、".join(titles[id].zh for id in gated_by), ", ".join(titles[id].en for id in gated_by)
    return Words(zh=f"门槛指标未达标：{zh}", en=f"Gate not met: {en}")


def _price_line(posted: ScorePostedV1, pricing: Pricing) -> PaymentLine:
    """A price rule can take something although no point was lost; that amount has a line of its own."""
    deduction = pricing.rule.replace("_", "-")
    return _line(posted, PRICING, deduction, Words(zh="计价规则", en="Price rule"), NOTHING, ())


def _line(
    posted: ScorePostedV1, part: str, deduction: str, title: Words, points: Decimal, evidence: tuple[str, ...]
) -> PaymentLine:
    return PaymentLine(
        line=f"{posted.score}/{part}/{deduction}",
        site=posted.site,
        part=part,
        deduction=deduction,
        title=title,
        points=points,
        amount=NOTHING,
        evidence=evidence,
    )
