"""The SLA clauses: how long what may take, which time counts, and when to warn (W5)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contracts.agreements.calendar import EVERY_DAY, DayKind
from contracts.agreements.entry import Entry, Lasting, Term
from contracts.agreements.faults import Family, PauseReason, Severity
from contracts.values import Slug

Step = Literal["acknowledged", "arrived", "spare_installed", "analysed", "resolved"]


class Within(Term):
    """So much counted time, for faults that open on these days."""

    days: tuple[DayKind, ...] = EVERY_DAY
    time: Lasting


class Workdays(Term):
    """Until the end of the n-th workday after the day the fault opened; excluded time moves it on."""

    days: tuple[DayKind, ...] = EVERY_DAY
    workdays: Annotated[int, Field(gt=0)]


class SlaClause(Entry):
    """One promise of the agreement about a fault.

    A clause covers a fault when its family or kind is named and it opened inside `covers` (named hours of the
    calendar; None: at any time). Its clock starts when the fault opened, counts the time inside `counts`
    (None: all time) minus pauses whose reason is excluded, and ends with the first of `until`.
    """

    families: tuple[Family, ...] = ()
    kinds: tuple[Slug, ...] = ()
    covers: Slug | None = None
    counts: Slug | None = None
    limits: tuple[Within | Workdays, ...] = Field(min_length=1)
    until: tuple[Step, ...] = Field(min_length=1)
    excludes: tuple[PauseReason, ...] = ()
    warns: tuple[Lasting, ...] = ()
    """Counted time before the end at which people are warned."""
    severity: Severity = "major"
