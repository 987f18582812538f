"""How time ran for one clause and one fault: everything a clock shows is read off this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.agreements.calendar import Calendar
from contracts.agreements.clocks import SlaClause
from contracts.agreements.days import Interval
from contracts.events.incidents import FaultEvent
from services.incidents.clock.counting import Measure, counted_after, counted_until_due, reached, total
from services.incidents.clock.face import State
from services.incidents.clock.steps import End, Pause, Void, end_of, excluded_time, pauses_of, voids_of


@dataclass(frozen=True, slots=True)
class Course:
    """`upto` is the end of the clock, or else now: what `counted` and the state are of."""

    opened_at: datetime
    measure: Measure
    end: End | None
    pauses: list[Pause]
    excluded: list[Interval]
    spans: list[Interval]
    """The counted time up to the due time, and on to `upto` where that is later."""
    due: datetime | None
    upto: datetime
    counted: timedelta
    voids: list[Void]

    @property
    def breached_at(self) -> datetime | None:
        """The due time, where the clock had not ended by then."""
        late = self.due is not None and (self.due < self.end.at if self.end else self.due <= self.upto)
        return self.due if late else None

    @property
    def state(self) -> State:
        """Met, breached, paused or running."""
        if self.breached_at:
            return "breached"
        if self.end:
            return "met"
        return "paused" if any(stops <= self.upto < resumes for stops, resumes in self.excluded) else "running"

    @property
    def window(self) -> Interval:
        """What the segments show."""
        return self.opened_at, self.upto if self.end else max(self.upto, self.due or self.upto)

    def warns(self, leads: Sequence[timedelta]) -> tuple[datetime, ...]:
        """The instants at which the time left equals a lead; none at or after the end of the clock."""
        marks = {self.measure.allowed - lead for lead in leads if lead <= self.measure.allowed}
        instants = {reached(self.spans, mark) if mark else self.opened_at for mark in marks}
        return tuple(sorted(at for at in instants if at and (self.end is None or at < self.end.at)))


def course_of(
    clause: SlaClause,
    measure: Measure,
    opened_at: datetime,
    steps: Sequence[FaultEvent],
    calendar: Calendar,
    now: datetime,
) -> Course:
    """The course as of `now`, or of the end of the clock where that is known. UnknownYear, UnknownHours."""
    end = end_of(clause.until, opened_at, steps)
    pauses = pauses_of(steps, end)
    excluded = excluded_time(pauses, clause.excludes)
    spans = counted_until_due(measure, excluded, calendar)
    due = reached(spans, measure.allowed)
    upto = end.at if end else max(now, opened_at)
    if due:
        spans += counted_after(measure, excluded, calendar, due, upto)
    voids = [void for void in voids_of(steps) if "resolved" in clause.until and (end is None or void.at < end.at)]
    return Course(opened_at, measure, end, pauses, excluded, spans, due, upto, total(spans, upto), voids)
