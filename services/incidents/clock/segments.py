"""The timeline of a clock: pieces that lie end to end, each counted or not, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

from contracts.agreements.calendar import Calendar
from contracts.agreements.clocks import SlaClause
from contracts.agreements.faults import PauseReason
from contracts.values import Words
from services.incidents.clock import wording
from services.incidents.clock.course import Course
from services.incidents.clock.face import Segment


class Footing(NamedTuple):
    """What the reason of a segment depends on."""

    counted: bool
    pauses: tuple[PauseReason, ...]
    stopped: tuple[PauseReason, ...]
    """Those of the pauses that the clause excludes."""
    early: bool
    """Whether only the opening day of a limit in workdays keeps it from counting."""


Piece = tuple[Footing, datetime, datetime]


def segments_of(clause: SlaClause, course: Course, calendar: Calendar) -> tuple[Segment, ...]:
    """The timeline over the course's window; empty where the clock ended as it started."""
    return tuple(
        Segment(
            starts=starts,
            ends=ends,
            counted=footing.counted,
            pauses=footing.pauses,
            reason=_reason(course.measure.hours, calendar, footing),
        )
        for footing, starts, ends in _joined(_pieces(clause, course))
    )


def _pieces(clause: SlaClause, course: Course) -> Iterator[Piece]:
    spans = iter(course.spans)
    span = next(spans, None)
    for starts, ends in pairwise(_cuts(course)):
        while span is not None and span[1] <= starts:
            span = next(spans, None)
        counted = span is not None and span[0] <= starts
        reasons = tuple(sorted({pause.reason for pause in course.pauses if pause.starts <= starts < pause.ends}))
        stopped = tuple(reason for reason in reasons if reason in clause.excludes)
        yield Footing(counted, reasons, stopped, not stopped and starts < course.measure.since), starts, ends


def _cuts(course: Course) -> list[datetime]:
    first, last = course.window
    edges = {course.measure.since, *(edge for span in course.spans for edge in span)}
    edges.update(edge for pause in course.pauses for edge in (pause.starts, pause.ends))
    return sorted({first, last, *(edge for edge in edges if first < edge < last)})


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    for footing, group in groupby(pieces, key=itemgetter(0)):
        same = list(group)
        yield footing, same[0][1], same[-1][2]


def _reason(hours: str | None, calendar: Calendar, footing: Footing) -> Words:
    if footing.counted:
        return wording.counting(footing.pauses)
    if footing.stopped:
        return wording.paused(footing.stopped)
    return wording.opening_day() if footing.early else wording.outside(hours, calendar)
