"""What the recorded steps mean to a clock: its end, and the pauses, whatever order they were heard in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from contracts.agreements.clocks import Step
from contracts.agreements.faults import PauseReason
from contracts.events.incidents import (
    FaultAcknowledgedV1,
    FaultAnalysedV1,
    FaultArrivedV1,
    FaultEvent,
    FaultPausedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    FaultResumedV1,
    SpareInstalledV1,
)

STEPS: dict[type[FaultEvent], Step] = {
    FaultAcknowledgedV1: "acknowledged",
    FaultArrivedV1: "arrived",
    SpareInstalledV1: "spare_installed",
    FaultAnalysedV1: "analysed",
    FaultResolvedV1: "resolved",
}
ENDLESS = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for the end of what has none; a local time of it still exists."""


class End(NamedTuple):
    """The end of a clock."""

    at: datetime
    by: Step


class Void(NamedTuple):
    """A resolution that does not count, and when the fault was opened again."""

    at: datetime
    reopened_at: datetime


class Pause(NamedTuple):
    """From (included) to (excluded; ENDLESS while open)."""

    starts: datetime
    ends: datetime
    reason: PauseReason


def end_of(until: Sequence[Step], opened_at: datetime, steps: Iterable[FaultEvent]) -> End | None:
    """The first of the steps a clause waits for; one that came before the opening ends the clock at the opening.

    Of several at one instant, the one named first by the clause. A resolution at or before a reopening is none.
    """
    known = list(steps)
    void = {void.at for void in voids_of(known)}
    said = ((STEPS.get(type(step)), step.at) for step in known)
    counting = ((step, at) for step, at in said if step != "resolved" or at not in void)
    ends = [(max(at, opened_at), until.index(step)) for step, at in counting if step is not None and step in until]
    if not ends:
        return None
    at, place = min(ends)
    return End(at, until[place])


def voids_of(steps: Iterable[FaultEvent]) -> list[Void]:
    """The resolutions that do not count, in order of time, each with the first reopening at or after it."""
    known = list(steps)
    again = sorted(step.at for step in known if isinstance(step, FaultReopenedV1))
    ends = {step.at for step in known if isinstance(step, FaultResolvedV1)} if again else set()
    return [Void(at, next(then for then in again if then >= at)) for at in sorted(ends) if at <= again[-1]]


def pauses_of(steps: Iterable[FaultEvent], end: End | None) -> list[Pause]:
    """The pauses by reason, in order of time; marks later than the end of the clock no longer matter.

    A pause holds from the first FaultPaused to the next FaultResumed of its reason. A resumption with nothing to
    resume changes nothing, and so do a pause and a resumption of one reason at one instant.
    """
    marks: dict[PauseReason, tuple[set[datetime], set[datetime]]] = {}
    for step in steps:
        if isinstance(step, FaultPausedV1 | FaultResumedV1) and (end is None or step.at <= end.at):
            both = marks.setdefault(step.reason, (set(), set()))
            both[isinstance(step, FaultResumedV1)].add(step.at)
    return sorted(pause for reason, (paused, resumed) in marks.items() for pause in _paired(reason, paused, resumed))


def _paired(reason: PauseReason, paused: set[datetime], resumed: set[datetime]) -> Iterator[Pause]:
    since: datetime | None = None
    for at in sorted(paused ^ resumed):
        if at in paused:
            since = since or at
        elif since is not None:
            yield Pause(since, at, reason)
            since = None
    if since is not None:
        yield Pause(since, ENDLESS, reason)


def excluded_time(pauses: Iterable[Pause], excludes: Collection[PauseReason]) -> list[tuple[datetime, datetime]]:
    """The time in which at least one excluded reason is open, merged."""
    merged: list[tuple[datetime, datetime]] = []
    for pause in pauses:
        if pause.reason not in excludes:
            continue
        if merged and pause.starts <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], pause.ends))
        else:
            merged.append((pause.starts, pause.ends))
    return merged
