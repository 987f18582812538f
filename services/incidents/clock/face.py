"""What a clock shows: its state, its due time, and how the time between was counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime

from contracts.agreements.calendar import DayKind
from contracts.agreements.clocks import Step
from contracts.agreements.entry import Source
from contracts.agreements.faults import PauseReason, Severity
from contracts.values import Frozen, Slug, Words

State = Literal["not_covered", "running", "paused", "met", "breached"]


class Segment(Frozen):
    """A piece of time in which nothing about the counting changed."""

    starts: AwareDatetime
    ends: AwareDatetime
    counted: bool
    pauses: tuple[PauseReason, ...] = ()
    """The reasons open in it, whether or not the clause excludes them."""
    reason: Words


class Voided(Frozen):
    """A resolution that did not end the clock: the fault was still there, and was opened again."""

    at: AwareDatetime
    reopened_at: AwareDatetime


class Clock(Frozen):
    """One clause's clock for one fault, as of one instant. All instants are UTC, in whole milliseconds.

    `due`: the first instant at which the counted time reaches `allowed`, given all known pauses; None where the
    clause does not cover the fault, and while an open-ended excluded pause began before that instant.
    `breached_at` equals `due`. A step at `due` itself is in time.
    `counted` and `left` are those of the end of the clock, or of now; `left` is never negative.
    `segments` lie end to end from `starts` to the end of the clock; while it has none, to the later of now and `due`,
    so that they always show how `due` came about (what lies after now may still change).
    `warns`: the instants at which the time left equals a warning lead, before the end of the clock.
    `voided`: the resolutions before the end of the clock that it waited for and that do not count.
    State "paused" means an open excluded pause; outside the counted hours a clock is "running".
    """

    clause: Slug
    title: Words
    source: Source
    fault: str
    severity: Severity
    covered: bool
    why: Words
    opened_on: DayKind | None = None
    """The kind of day it opened on; None where nothing depends on it."""
    covers: Slug | None = None
    counts: Slug | None = None
    workdays: int | None = None
    starts: AwareDatetime
    limit: Words | None = None
    allowed: timedelta = timedelta(0)
    state: State
    due: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    ended_by: Step | None = None
    breached_at: AwareDatetime | None = None
    counted: timedelta = timedelta(0)
    left: timedelta = timedelta(0)
    segments: tuple[Segment, ...] = ()
    warns: tuple[AwareDatetime, ...] = ()
    voided: tuple[Voided, ...] = ()
