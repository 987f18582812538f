"""What a template may say of an event: names from the agreement, times, amounts. Every value is there or is None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.entry import Entry
from contracts.agreements.faults import Severity
from contracts.events.incidents import (
    FaultEvent,
    FaultOpenedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
    SlaEvent,
    SlaWarnedV1,
)
from contracts.events.inspections import InspectionMissedV1
from contracts.events.scoring import SettlementComputedV1
from contracts.values import Words
from services.notify.domain.halves import call, finding, halves
from services.notify.domain.messages import Message, oldest_first
from services.notify.domain.routes import Told

Facts = Mapping[str, object]
SEVERITIES: dict[Severity, Words] = {
    "minor": Words(zh="一般", en="minor"),
    "major": Words(zh="较重", en="major"),
    "critical": Words(zh="紧急", en="critical"),
}
_SOURCES = {
    "reading": Words(zh="监测数据", en="readings"),
    "silence": Words(zh="数据缺失", en="silence of the logger"),
    "inspection": Words(zh="巡检", en="an inspection"),
    "call": Words(zh="人工报障", en="a call"),
}
_DETAILS = {"inspection": finding, "call": call}


def facts_of(event: Told, agreement: Agreement, lot: Lot) -> Facts:
    """All that the event's template may use; `headline` names it in one short line."""
    return {"at": event.at, "agreement": agreement.title, "lot": lot.title, **_facts(event, lot)}


def headline_of(facts: Facts) -> Words:
    """The one line that stands for it in lists and bundles."""
    headline = facts["headline"]
    if not isinstance(headline, Words):
        raise TypeError("facts without a headline")
    return headline


def facts_of_many(parts: Sequence[Message]) -> Facts:
    """What a message made of others may say: how many, from when to when, and headline and text of each.

    The critical ones come first, then the oldest.
    """
    oldest = oldest_first(parts)
    told = sorted(oldest, key=lambda part: not part.critical)
    return {
        "count": len(parts), "since": oldest[0].requested_at, "until": oldest[-1].requested_at,
        "critical": sum(part.critical for part in parts), "first": told[0].headline,
        "lines": tuple((part.requested_at, part.headline) for part in told),
        "texts": tuple(part.text.strip() for part in told),
        "headline": Words(zh=f"{len(parts)}条通知合并", en=f"{len(parts)} notices in one"),
    }  # fmt: skip


def named(entries: Iterable[Entry], id: str) -> Words:
    """The title of an entry of the agreement, or its id where a later version no longer has it."""
    return next((entry.title for entry in entries if entry.id == id), Words(zh=id, en=id))


@singledispatch
def _facts(event: object, lot: Lot) -> dict[str, object]:
    raise TypeError(f"nobody is told of {type(event).__name__}")


def _place(site_id: str, asset_id: str, lot: Lot) -> Words:
    site = named(lot.sites, site_id)
    assets = [asset for known in lot.sites for asset in known.assets]
    if asset_id in ("", site_id):
        return site
    asset = named(assets, asset_id)
    return Words(zh=f"{site.zh} {asset.zh}", en=f"{site.en}, {asset.en}")


def _of_fault(event: FaultEvent, lot: Lot, kind: Words) -> dict[str, object]:
    place = _place(event.site, event.asset, lot)
    return {
        "place": place, "kind": kind, "fault": event.fault, "number": event.fault[:8],
        "headline": Words(zh=f"{place.zh} {kind.zh}", en=f"{place.en}: {kind.en}"),
    }  # fmt: skip


@_facts.register
def _(event: FaultOpenedV1, lot: Lot) -> dict[str, object]:
    detail = _DETAILS.get(event.source, halves)(event.detail)
    more = {"severity": SEVERITIES[event.severity], "source": _SOURCES[event.source], "since": event.since}
    return {**_of_fault(event, lot, event.title), **more, "detail": detail}


@_facts.register
def _(event: FaultReopenedV1, lot: Lot) -> dict[str, object]:
    facts = _of_fault(event, lot, named(lot.fault_kinds, event.kind))
    before = headline_of(facts)
    headline = Words(zh=f"{before.zh} 未消除，重新打开", en=f"{before.en}, open again")
    severity = next(SEVERITIES[kind.severity] for kind in lot.fault_kinds if kind.id == event.kind)
    return {**facts, "severity": severity, "headline": headline}


@_facts.register
def _(event: FaultResolvedV1, lot: Lot) -> dict[str, object]:
    facts = _of_fault(event, lot, named(lot.fault_kinds, event.kind))
    before, by_rule = headline_of(facts), event.by.startswith("rule:")
    headline = Words(zh=f"{before.zh} 已解决", en=f"{before.en}, resolved")
    return {**facts, "by_rule": by_rule, "note": halves(event.note), "headline": headline}


def _of_clock(event: SlaEvent, lot: Lot, zh: str, en: str) -> dict[str, object]:
    facts = _of_fault(event, lot, named(lot.fault_kinds, event.kind))
    before = headline_of(facts)
    headline = Words(zh=f"{before.zh}（{event.title.zh}）{zh}", en=f"{before.en} ({event.title.en}): {en}")
    return {**facts, "clause": event.title, "due": event.due, "headline": headline}


@_facts.register
def _(event: SlaWarnedV1, lot: Lot) -> dict[str, object]:
    return {**_of_clock(event, lot, "即将超时", "due soon"), "left": int(event.left_seconds)}


@_facts.register
def _(event: SlaBreachedV1, lot: Lot) -> dict[str, object]:
    return {**_of_clock(event, lot, "已超时", "breached"), "severity": SEVERITIES[event.severity]}


@_facts.register
def _(event: SlaBreachWithdrawnV1, lot: Lot) -> dict[str, object]:
    return {**_of_clock(event, lot, "超时撤销", "withdrawn"), "reason": event.reason, "new_due": event.new_due}


@_facts.register
def _(event: InspectionMissedV1, lot: Lot) -> dict[str, object]:
    site, plan = named(lot.sites, event.site), named(lot.plans, event.plan)
    headline = Words(zh=f"{site.zh} {plan.zh} 漏检", en=f"{site.en}: {plan.en} missed")
    return {
        "site": site, "plan": plan, "task": event.task, "opens": event.opens, "closes": event.closes,
        "headline": headline,
    }  # fmt: skip


@_facts.register
def _(event: SettlementComputedV1, lot: Lot) -> dict[str, object]:
    sites = tuple((named(lot.sites, site.site), site.points, site.payable) for site in event.sites)
    headline = Words(zh=f"{lot.title.zh} {event.month} 结算", en=f"{lot.title.en}: settlement of {event.month}")
    return {
        "month": event.month, "revision": event.revision, "gross": event.gross, "deducted": event.deducted,
        "payable": event.payable, "settlement": event.settlement, "sites": sites, "headline": headline,
        "closed_at": event.closed_at,
    }  # fmt: skip
