"""The faults that a failed inspection opens."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.agreements.agreement import Lot
from contracts.agreements.plans import Item
from contracts.events.inspections import InspectionDoneV1, ItemResult
from services.incidents.domain.opening import Found
from services.incidents.rules import fault_id


def found_in(done: InspectionDoneV1, lot: Lot) -> Iterator[Found]:
    """One for each failed item that opens a kind of fault; on the item's asset, or else on the site."""
    items = _items(lot, done.plan)
    for result in done.items:
        item = items.get(result.item)
        if not result.ok and item is not None and item.opens is not None:
            yield _found(done, item, item.opens, result)


def _items(lot: Lot, plan: str) -> dict[str, Item]:
    return {item.id: item for known in lot.plans if known.id == plan for item in known.items}


def _found(done: InspectionDoneV1, item: Item, kind: str, result: ItemResult) -> Found:
    asset = result.asset or done.site
    failed = f"不合格：{item.title.zh} / Failed – {item.title.en}"
    return Found(
        fault=fault_id(done.agreement, asset, kind, done.at),
        asset=asset,
        kind=kind,
        source="inspection",
        since=done.at,
        at=done.at,
        evidence=(done.task,),
        detail=f"{failed}: {result.answer}" if result.answer else failed,
        opened_by=done.by,
    )
