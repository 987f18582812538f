"""Said by incidents: faults and their SLA clocks (W5). A deadline is derived from these, never patched."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

from contracts.agreements.faults import Family, PauseReason, Severity
from contracts.events.event import Event
from contracts.events.inspections import Position
from contracts.values import Moment, Words


class FaultEvent(Event):
    """What all events of one fault share."""

    TOPIC: ClassVar[str] = "incidents"
    fault: str
    agreement: str
    agreement_version: int
    lot: str
    site: str
    asset: str
    kind: str

    @property
    def key(self) -> str:
        return self.fault


class FaultOpenedV1(FaultEvent):
    """A fault is open; `at` is when its condition was met, which starts its clocks."""

    family: Family
    severity: Severity
    title: Words
    source: Literal["reading", "silence", "inspection", "call"]
    since: Moment
    """When the first sign was seen (the first bad reading): not later than `at`."""
    rule: str | None = None
    code: str | None = None
    evidence: tuple[str, ...] = ()
    """Ids of the readings, tasks or calls that caused it."""
    detail: str = ""
    opened_by: str | None = None


class FaultStep(FaultEvent):
    """Somebody, or a reading, moved the fault on; `at` is when it happened, `posted_at` when we heard of it."""

    by: str
    posted_at: Moment
    note: str = ""
    evidence: tuple[str, ...] = ()


class FaultAcknowledgedV1(FaultStep):
    """The supplier has taken the fault."""


class FaultArrivedV1(FaultStep):
    """Somebody of the supplier is on site."""

    position: Position | None = None
    photos: tuple[str, ...] = ()


class SpareInstalledV1(FaultStep):
    """A spare instrument measures in the place of the faulty one."""

    spare: str = ""


class FaultAnalysedV1(FaultStep):
    """The cause of the abnormal data is found and reported."""


class FaultPausedV1(FaultStep):
    """From `at` on, time is not counted where a clause excludes this reason."""

    reason: PauseReason


class FaultResumedV1(FaultStep):
    """The reason has gone."""

    reason: PauseReason


class FaultResolvedV1(FaultStep):
    """The fault is over: its condition cleared by itself (`by` = "rule:…") or somebody closed it."""


class FaultReopenedV1(FaultStep):
    """After somebody closed the fault, a rule (`by` = "rule:…"), a call or an inspection shows that it was not over:
    `at` is when that was certain. Resolutions at or before `at` do not count, and the clocks have run on."""


class SlaEvent(FaultEvent):
    """What all events of one clock share."""

    clause: str
    title: Words
    due: Moment


class SlaWarnedV1(SlaEvent):
    """The clock is near its end: `left_seconds` of counted time remain at `at`."""

    left_seconds: Decimal


class SlaBreachedV1(SlaEvent):
    """The clock ran out; `at` equals `due`, to the second, whenever it was noticed."""

    severity: Severity


class SlaBreachWithdrawnV1(SlaEvent):
    """What was heard later makes the breach untrue; `due` is the due time that had been breached."""

    reason: Words
    new_due: Moment | None = None
