"""How faults are shown: the fault, its steps, and its clocks as they stand now."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from contracts.agreements.agreement import Agreement
from contracts.agreements.days import UnknownYear
from contracts.agreements.entry import Source
from contracts.agreements.faults import Family, PauseReason, Severity
from contracts.events.incidents import FaultPausedV1, FaultResumedV1
from contracts.values import Frozen, Moment, Words
from services.incidents.clock import Clock, State, derive
from services.incidents.domain import Fault
from services.incidents.domain.fault import Step


class StepView(Frozen):
    """One recorded step; `step` is its event type without the V."""

    step: str
    at: Moment
    by: str
    posted_at: Moment
    note: str
    evidence: tuple[str, ...]
    reason: PauseReason | None = None


class ClockView(Frozen):
    """A clock that covers the fault. Times in seconds of counted time."""

    clause: str
    title: Words
    source: Source
    state: State
    warns: tuple[Moment, ...]
    """When its warnings fall due."""
    due: Moment | None
    ended_at: Moment | None
    breached_at: Moment | None
    counted_seconds: Decimal
    left_seconds: Decimal


class FaultView(Frozen):
    """A fault with its clocks. `clocks_unknown`: clauses whose calendar year is not published yet."""

    id: str
    agreement: str
    agreement_version: int
    lot: str
    site: str
    asset: str
    kind: str
    family: Family
    severity: Severity
    title: Words
    source: str
    state: Literal["open", "resolved"]
    since: Moment
    opened_at: Moment
    resolved_at: Moment | None
    rule: str | None
    code: str | None
    detail: str
    opened_by: str | None
    evidence: tuple[str, ...]
    steps: tuple[StepView, ...]
    clocks: tuple[ClockView, ...]
    clocks_unknown: tuple[str, ...]


def view_of(fault: Fault, agreement: Agreement, now: datetime) -> FaultView:
    """The fault as of `now`, by the agreement it opened under."""
    clocks, unknown = clocks_known(fault, agreement, now)
    opened = fault.opened
    return FaultView(
        **opened.model_dump(exclude={"fault", "at"}),
        id=fault.id,
        opened_at=opened.at,
        state="open" if fault.open else "resolved",
        resolved_at=fault.resolved_at,
        steps=tuple(_step(step) for step in fault.steps),
        clocks=tuple(_clock(clock) for clock in clocks if clock.covered),
        clocks_unknown=unknown,
    )


def clocks_known(fault: Fault, agreement: Agreement, now: datetime) -> tuple[list[Clock], tuple[str, ...]]:
    """The clocks of all clauses, and the clauses whose clock depends on an unpublished year."""
    clocks: list[Clock] = []
    unknown: list[str] = []
    for clause in agreement.lot(fault.opened.lot).sla:
        try:
            clocks.append(derive(clause, fault.opened, fault.steps, agreement.calendar, now))
        except UnknownYear:
            unknown.append(clause.id)
    return clocks, tuple(unknown)


def _step(step: Step) -> StepView:
    reason = step.reason if isinstance(step, FaultPausedV1 | FaultResumedV1) else None
    return StepView(
        step=type(step).__name__.rpartition("V")[0],
        at=step.at,
        by=step.by,
        posted_at=step.posted_at,
        note=step.note,
        evidence=step.evidence,
        reason=reason,
    )


def _clock(clock: Clock) -> ClockView:
    return ClockView(
        clause=clock.clause,
        title=clock.title,
        source=clock.source,
        state=clock.state,
        warns=clock.warns,
        due=clock.due,
        ended_at=clock.ended_at,
        breached_at=clock.breached_at,
        counted_seconds=_seconds(clock.counted),
        left_seconds=_seconds(clock.left),
    )


def _seconds(lasting: timedelta) -> Decimal:
    return Decimal(lasting // timedelta(milliseconds=1)) / 1000
