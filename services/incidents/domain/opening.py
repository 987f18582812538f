"""How a fault opens: from a sign, an inspection or a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from contracts.agreements.agreement import Lot
from contracts.agreements.faults import FaultKind
from contracts.events.incidents import FaultOpenedV1
from services.incidents.domain.fault import Fault


@dataclass(frozen=True)
class Found:
    """A fault that was found, before it has a record. `since` <= `at`, aware."""

    fault: str
    asset: str
    kind: str
    source: Literal["reading", "silence", "inspection", "call"]
    since: datetime
    at: datetime
    rule: str | None = None
    code: str | None = None
    evidence: tuple[str, ...] = ()
    detail: str = ""
    opened_by: str | None = None


def kind_of(lot: Lot, kind: str) -> FaultKind:
    """The lot's kind of fault of this id; KeyError where there is none."""
    for known in lot.fault_kinds:
        if known.id == kind:
            return known
    raise KeyError(kind)


def open_fault(found: Found, agreement: str, version: int, lot: Lot, site: str) -> Fault:
    """The record of a new fault; its `opened` is to be said. KeyError where the lot has no such kind."""
    kind = kind_of(lot, found.kind)
    opened = FaultOpenedV1(
        fault=found.fault,
        agreement=agreement,
        agreement_version=version,
        lot=lot.id,
        site=site,
        asset=found.asset,
        kind=kind.id,
        at=found.at,
        family=kind.family,
        severity=kind.severity,
        title=kind.title,
        source=found.source,
        since=found.since,
        rule=found.rule,
        code=found.code,
        evidence=found.evidence,
        detail=found.detail,
        opened_by=found.opened_by,
    )
    return Fault(id=found.fault, supplier=lot.supplier, opened=opened)
