"""Why an amount was taken: from the payment line to the deduction, the breach, the fault and its readings (W18)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contracts.agreements.scores import Unmet
from contracts.events.scoring import IndicatorValue, PaymentLine, ScorePostedV1, SettlementComputedV1, SitePayment
from contracts.values import Words
from services.scoring.lines import DAYS, GATE, PRICING
from services.scoring.month import MonthScore
from services.scoring.proofs import Proofs
from services.scoring.recorded import Recorded
from services.scoring.tree import Branch


def explain_line(scored: MonthScore, line: str, events: Iterable[Recorded]) -> Branch:
    """The reasons for one payment line, by its id. Raises KeyError where the settlement has no such line."""
    proofs = Proofs(events)
    for site, posted in zip(scored.settlement.sites, scored.scores, strict=True):
        for known in site.lines:
            if known.line == line:
                return _payment(known, posted, proofs)
    raise KeyError(line)


def explain_settlement(scored: MonthScore, events: Iterable[Recorded]) -> Branch:
    """The reasons for a whole settlement: its sites, and under each its lines."""
    proofs, settlement = Proofs(events), scored.settlement
    sites = [_site(*pair, proofs) for pair in zip(settlement.sites, scored.scores, strict=True)]
    id, title, at = settlement.settlement, _settled(settlement), settlement.closed_at
    return Branch(id=id, kind="settlement", title=title, at=at, branches=tuple(sites))


def _settled(settlement: SettlementComputedV1) -> Words:
    gross, taken, paid = (f"{some:,.2f}" for some in (settlement.gross, settlement.deducted, settlement.payable))
    zh, en = f"应付 {paid} 元＝月度基准金额 {gross}－扣款 {taken}", f"{paid} CNY to pay = {gross} - {taken}"
    if settlement.revision == 1:
        return Words(zh=zh, en=en)
    return Words(zh=f"{zh}（第 {settlement.revision} 版）", en=f"{en} (revision {settlement.revision})")


def _site(paid: SitePayment, posted: ScorePostedV1, proofs: Proofs) -> Branch:
    title = Words(
        zh=f"{paid.site}：得 {paid.points} 分，付 {paid.payable:,.2f} 元（月度基准金额 {paid.share:,.2f} 元）",
        en=f"{paid.site}: {paid.points} points, {paid.payable:,.2f} CNY of {paid.share:,.2f}",
    )
    lines = tuple(_payment(line, posted, proofs) for line in paid.lines)
    return Branch(id=paid.score, kind="payment", title=title, branches=lines)


def _payment(line: PaymentLine, posted: ScorePostedV1, proofs: Proofs) -> Branch:
    if line.part == DAYS:
        named = tuple(map(proofs.proof_of, line.evidence))
        return Branch(id=line.line, kind="payment", title=line.title, branches=named)
    title = Words(
        zh=f"扣款 {line.amount:,.2f} 元：{line.title.zh}", en=f"{line.amount:,.2f} CNY taken: {line.title.en}"
    )
    return Branch(id=line.line, kind="payment", title=title, branches=_reasons(line, posted, proofs))


def _reasons(line: PaymentLine, posted: ScorePostedV1, proofs: Proofs) -> tuple[Branch, ...]:
    if line.part == PRICING:
        return ()
    if line.part == GATE:
        unmet = [v for v in posted.indicators if not v.met and v.indicator in posted.gated_by]
        return (_deduction(line, f"{line.points} 分", f"{line.points} points", _indicators(unmet, posted, proofs)),)
    count = next(known.count for known in posted.lines if (known.part, known.deduction) == (line.part, line.deduction))
    named = _unmet_of(line, posted, proofs)
    proven = _indicators(named, posted, proofs) if named else [proofs.proof_of(id) for id in line.evidence]
    return (_deduction(line, f"{line.points} 分（{count} 次）", f"{line.points} points ({count} times)", proven),)


def _deduction(line: PaymentLine, zh: str, en: str, branches: Sequence[Branch]) -> Branch:
    title = Words(zh=f"扣 {zh}：{line.title.zh}", en=f"{en} taken: {line.title.en}")
    return Branch(id=f"{line.part}/{line.deduction}", kind="deduction", title=title, branches=tuple(branches))


def _unmet_of(line: PaymentLine, posted: ScorePostedV1, proofs: Proofs) -> list[IndicatorValue]:
    """The values that a deduction for unmet indicators counted, where the agreement is among the records."""
    published = proofs.published(posted.agreement, posted.agreement_version)
    if published is None:
        return []
    parts = published.document.lot(posted.lot).sheet.parts
    found = (d.counts for part in parts if part.id == line.part for d in part.deductions if d.id == line.deduction)
    counts = next(found, None)
    names = counts.indicators if isinstance(counts, Unmet) else ()
    return [value for value in posted.indicators if value.indicator in names and not value.met]


def _indicators(values: Iterable[IndicatorValue], posted: ScorePostedV1, proofs: Proofs) -> list[Branch]:
    return [_indicator(value, posted, proofs) for value in values]


def _indicator(value: IndicatorValue, posted: ScorePostedV1, proofs: Proofs) -> Branch:
    code = f" {value.code}" if value.code else ""
    share = "—" if value.ratio is None else f"{value.ratio:.2%}"
    both = "" if value.raw_ratio is None else f"{value.raw_ratio:.2%}"
    sum_of = f"{value.numerator}/{value.denominator}"
    more_zh, more_en = _not_listed(value)
    title = Words(
        zh=f"{value.title.zh}{code}：{share}（{sum_of}），要求 {value.required:.2%}"
        + (f"；不剔除停电 {both}，剔除 {value.excluded} 小时" if both else "")
        + more_zh,
        en=f"{value.title.en}{code}: {share} ({sum_of}), {value.required:.2%} required"
        + (f"; {both} with outages, {value.excluded} h taken out" if both else "")
        + more_en,
    )
    id = "/".join(filter(None, (posted.score, value.indicator, value.code)))
    return Branch(id=id, kind="indicator", title=title, branches=tuple(map(proofs.proof_of, value.evidence)))


def _not_listed(value: IndicatorValue) -> tuple[str, str]:
    """How many hours that did not count the evidence leaves out, in both languages; empty where it names them all."""
    missing, named = value.denominator - value.numerator, sum("/hour/" in id for id in value.evidence)
    if value.code is None or named >= missing:
        return "", ""
    return (
        f"；{missing} 小时未计入，列出前 {named} 个，另有 {missing - named} 个未列出",
        f"; {missing} h not counted, the first {named} listed, {missing - named} more not listed",
    )
