"""Trails: what a pausing rule has seen, put in order of event time, and the outages that follow from it.

The outages of a trail are those that the rule would have seen had every reading come in order, so that a reading that
comes late sets exactly its own part right.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from services.incidents.rules.instants import reach_of
from services.incidents.rules.spans import ENDLESS, Span
from services.incidents.rules.watch import BAD, BETWEEN, GOOD, Run, Trail

_RUNS_MAX = 128
_RUNS_KEPT = 64


def extended(trail: Trail, grade: int, start: int, end: int) -> Trail:
    """The trail with one reading more at its end."""
    step = end - start
    last = trail.runs[-1] if trail.runs else None
    if last is not None and step and (last.grade, last.end, last.step) == (grade, start, step):
        return msgspec.structs.replace(trail, runs=(*trail.runs[:-1], Run(grade, last.start, end, step)))
    return _shortened(msgspec.structs.replace(trail, runs=(*trail.runs, Run(grade, start, end, step))))


def amended(trail: Trail, grade: int, start: int, end: int) -> Trail:
    """The trail with a late reading put in its place; the same trail where that time is known already, or too old."""
    runs = list(trail.runs)
    place = bisect_right(runs, start, key=lambda run: run.start)
    if (place == 0 and trail.shortened) or _is_known(runs, place, start, end):
        return trail
    runs.insert(place, Run(grade, start, end, end - start))
    return msgspec.structs.replace(trail, runs=tuple(_joined(runs)))


def _is_known(runs: list[Run], place: int, start: int, end: int) -> bool:
    if place and (runs[place - 1].end > start or runs[place - 1].start == start):
        return True
    return place < len(runs) and runs[place].start < end


def _joined(runs: list[Run]) -> Iterator[Run]:
    held = runs[0]
    for run in runs[1:]:
        if run.step and (run.grade, run.step, run.start) == (held.grade, held.step, held.end):
            held = Run(held.grade, held.start, run.end, held.step)
        else:
            yield held
            held = run
    yield held


def spans_of(trail: Trail) -> list[Span]:
    """The outages in order: from the start of the first bad reading to that of the first of those that cleared it."""
    course = Course(trail.lasts, trail.clears)
    ended = [span for run in trail.runs if (span := course.goes(run)) is not None]
    return [*trail.settled, *ended, *([(course.bad_since, ENDLESS)] if course.held else [])]


class Course:
    """How far a rule has come while it goes through the runs of a trail; what spans a gap starts anew behind it."""

    def __init__(self, lasts: int, clears: int) -> None:
        self.lasts, self.clears = lasts, clears
        self.grade = GOOD
        self.bad_since = self.good_since = self.last = -1
        self.held = False

    @property
    def idle(self) -> bool:
        """Whether what came before no longer matters."""
        return self.bad_since < 0

    def goes(self, run: Run) -> Span | None:
        """Takes the next run; returns the outage that ends in it."""
        self.grade = self.grade if run.grade == BETWEEN else run.grade
        follows = self.last >= reach_of(run.start, run.start + run.step)
        self.last = run.end
        if self.grade == BAD:
            self._worsens(run, follows)
            return None
        return self._mends(run, follows)

    def _worsens(self, run: Run, follows: bool) -> None:
        self.good_since = -1
        if self.bad_since < 0 or not (self.held or follows):
            self.bad_since = run.start
        self.held = self.held or run.end - self.bad_since >= self.lasts

    def _mends(self, run: Run, follows: bool) -> Span | None:
        if not self.held:
            self.bad_since = -1
            return None
        if self.good_since < 0 or not follows:
            self.good_since = run.start
        if run.end - self.good_since < self.clears:
            return None
        span = (self.bad_since, self.good_since)
        self.bad_since, self.good_since, self.held = -1, -1, False
        return span


def _shortened(trail: Trail) -> Trail:
    """Keeps a trail short: old runs go where nothing depends on them, and the outages that ended in them stay."""
    if len(trail.runs) <= _RUNS_MAX:
        return trail
    course, settled, cut, upto = Course(trail.lasts, trail.clears), list(trail.settled), 0, len(trail.settled)
    for number, run in enumerate(trail.runs[:-_RUNS_KEPT], 1):
        if (span := course.goes(run)) is not None:
            settled.append(span)
        if course.idle:
            cut, upto = number, len(settled)
    if not cut:
        return trail
    kept = tuple(settled[:upto])
    return msgspec.structs.replace(trail, runs=trail.runs[cut:], settled=kept, shortened=True)
