"""Faults, steps, clauses and calendars as the clock tests tell them; times are local, Asia/Shanghai."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from contracts.agreements.calendar import EVERY_DAY, Calendar, DayKind, Hours, Span, Year
from contracts.agreements.clocks import SlaClause, Step, Within, Workdays
from contracts.agreements.entry import Source
from contracts.agreements.faults import Family, PauseReason
from contracts.events.incidents import (
    FaultAcknowledgedV1,
    FaultAnalysedV1,
    FaultArrivedV1,
    FaultEvent,
    FaultOpenedV1,
    FaultPausedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    FaultResumedV1,
    SpareInstalledV1,
)
from contracts.values import Words
from services.incidents.clock import Clock, derive

SHANGHAI = timezone(timedelta(hours=8))
SOURCE = Source(row="W5", clause="一包 2.4(2)③")
STEP_EVENTS: dict[Step, type[FaultEvent]] = {
    "acknowledged": FaultAcknowledgedV1,
    "arrived": FaultArrivedV1,
    "spare_installed": SpareInstalledV1,
    "analysed": FaultAnalysedV1,
    "resolved": FaultResolvedV1,
}
SPRING_FESTIVAL = tuple(date(2026, 2, day) for day in range(15, 24))
LABOUR_DAYS = tuple(date(2026, 5, day) for day in range(1, 6))
YEAR = Year(
    holidays=(*SPRING_FESTIVAL, *LABOUR_DAYS),
    makeup_workdays=(date(2026, 2, 14), date(2026, 2, 28), date(2026, 5, 9)),
)


def words(text: str) -> Words:
    return Words(zh=text, en=text)


def at(text: str, day: str = "2026-03-03") -> datetime:
    """`07:10` on a plain Tuesday, or a whole local time such as `2026-02-13T17:00`."""
    local = text if "T" in text else f"{day}T{text}"
    return datetime.fromisoformat(local).replace(tzinfo=SHANGHAI).astimezone(UTC)


def hours(name: str, *spans: tuple[str, str], days: tuple[DayKind, ...] = EVERY_DAY) -> Hours:
    cut = tuple(Span(starts=time.fromisoformat(starts), ends=time.fromisoformat(ends)) for starts, ends in spans)
    return Hours(id=name, title=words(name), days=days, spans=cut)


CALENDAR = Calendar(
    id="cn",
    years={2026: YEAR},
    hours=(
        hours("patrol", ("06:00", "20:00")),
        hours("visits", ("06:00", "18:00")),
        hours("office", ("09:00", "18:00"), days=("workday",)),
        hours("desk", ("09:00", "12:00"), ("13:00", "18:00"), days=("workday",)),
    ),
)


def _shared() -> dict[str, Any]:
    return {
        "fault": "f-1",
        "agreement": "wuhan-air",
        "agreement_version": 1,
        "lot": "lot-1",
        "site": "mulan-lake",
        "asset": "mulan-lake.pm25",
        "kind": "analyser-fault",
    }


def opened(moment: datetime, family: Family = "instrument", kind: str = "analyser-fault") -> FaultOpenedV1:
    return FaultOpenedV1(
        **{**_shared(), "kind": kind},
        at=moment,
        since=moment,
        family=family,
        severity="major",
        title=words("fault"),
        source="reading",
    )


def step(name: Step, moment: datetime) -> FaultEvent:
    event = STEP_EVENTS[name]
    return event(**_shared(), at=moment, by="zhang", posted_at=moment)


def reopened(moment: datetime) -> FaultEvent:
    return FaultReopenedV1(**_shared(), at=moment, by="rule:marked", posted_at=moment)


def paused(moment: datetime, reason: PauseReason = "power") -> FaultEvent:
    return FaultPausedV1(**_shared(), at=moment, by="rule:power", posted_at=moment, reason=reason)


def resumed(moment: datetime, reason: PauseReason = "power") -> FaultEvent:
    return FaultResumedV1(**_shared(), at=moment, by="rule:power", posted_at=moment, reason=reason)


def clause(*limits: Within | Workdays | timedelta, **terms: Any) -> SlaClause:
    """A clause for instruments until 'resolved' that excludes power and communication, unless the terms say else."""
    said: dict[str, Any] = {
        "families": ("instrument",),
        "until": ("resolved",),
        "excludes": ("power", "communication"),
    }
    whole = tuple(Within(time=each) if isinstance(each, timedelta) else each for each in limits)
    return SlaClause(id="solve", title=words("solve"), source=SOURCE, limits=whole, **{**said, **terms})


def clock(promise: SlaClause, fault: FaultOpenedV1, *steps: FaultEvent, now: datetime) -> Clock:
    return derive(promise, fault, steps, CALENDAR, now)
