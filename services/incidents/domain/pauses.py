"""Pauses: what a site's outages make of the clocks of its faults, said as steps (W5).

A pause holds from a FaultPaused to the next FaultResumed of its reason (see clock/steps.py); a pause and a resumption
at one instant cancel each other. What the readings or other faults show is said by `rule:<reason>`; what people
state stands beside it. Steps are never taken back: what turns out otherwise is put right by further steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from contracts.agreements.faults import PauseReason
from contracts.events.incidents import FaultPausedV1, FaultResumedV1
from services.incidents.domain.fault import Fault, identity_of
from services.incidents.rules.instants import moment_of, ms_of
from services.incidents.rules.spans import ENDLESS, Span, clipped, holds, united

Mark = FaultPausedV1 | FaultResumedV1
_BY = "rule:"


def stated(fault: Fault) -> dict[PauseReason, list[Span]]:
    """The pauses that people stated, by reason, in ms."""
    return _by_reason(mark for mark in _marks(fault) if not mark.by.startswith(_BY))


def in_effect(fault: Fault) -> dict[PauseReason, list[Span]]:
    """The pauses as the clocks see them, by reason, in ms."""
    return _by_reason(_marks(fault))


def adjusted(
    fault: Fault, outages: Mapping[PauseReason, list[Span]], horizon: int, now: datetime, evidence: tuple[str, ...] = ()
) -> tuple[Mark, ...]:
    """The steps that make the fault's pauses those of the site's outages within its life, and what people stated.

    Before `horizon` (ms) the outages are no longer known, and the pauses stay as they are.
    """
    people, found = stated(fault), in_effect(fault)
    steps: list[Mark] = []
    for reason in sorted({*people, *found, *outages}):
        wanted = _wanted(fault, outages.get(reason, []), people.get(reason, []), found.get(reason, []), horizon)
        for at, pauses in _changes(fault, reason, wanted):
            step = FaultPausedV1 if pauses else FaultResumedV1
            steps.append(
                step(
                    **identity_of(fault.opened),
                    at=moment_of(at),
                    by=f"{_BY}{reason}",
                    posted_at=now,
                    evidence=evidence,
                    reason=reason,
                )
            )
    return tuple(steps)


def _wanted(fault: Fault, outages: list[Span], people: list[Span], found: list[Span], horizon: int) -> list[Span]:
    start, end = ms_of(fault.opened.at), _end(fault)
    known = clipped(outages, max(start, horizon), end)
    return united([*known, *clipped(people, 0, end), *clipped(found, 0, min(max(start, horizon), end))])


def _end(fault: Fault) -> int:
    return ENDLESS if fault.resolved_at is None else ms_of(fault.resolved_at)


def _changes(fault: Fault, reason: PauseReason, wanted: list[Span]) -> list[tuple[int, bool]]:
    """(at, whether it pauses): what must be said so that the marks make the wanted pauses."""
    paused = {ms_of(mark.at) for mark in _of(fault, reason) if isinstance(mark, FaultPausedV1)}
    resumed = {ms_of(mark.at) for mark in _of(fault, reason) if isinstance(mark, FaultResumedV1)}
    points = sorted({edge for span in wanted for edge in span} | paused | resumed)
    is_paused, changes = False, []
    for at in points:
        if at >= _end(fault):
            break
        wants = holds(wanted, at)
        becomes = at in paused if (at in paused) != (at in resumed) else is_paused
        if becomes != wants:
            same, opposite = (paused, resumed) if wants else (resumed, paused)
            # The opposite, said at this very instant, would cancel it: a millisecond later it holds. Where it is no
            # longer wanted by then, there are only milliseconds to it, and it stays as it was.
            said_at = _next_free(at, opposite) if is_paused != wants else at
            if holds(wanted, said_at) != wants:
                continue
            if said_at not in same:
                changes.append((said_at, wants))
        is_paused = wants
    return changes


def _next_free(at: int, taken: set[int]) -> int:
    while at in taken:
        at += 1
    return at


def _of(fault: Fault, reason: PauseReason) -> list[Mark]:
    return [mark for mark in _marks(fault) if mark.reason == reason]


def _marks(fault: Fault) -> list[Mark]:
    return [step for step in fault.steps if isinstance(step, FaultPausedV1 | FaultResumedV1)]


def _by_reason(marks: Iterable[Mark]) -> dict[PauseReason, list[Span]]:
    both: dict[PauseReason, tuple[set[int], set[int]]] = {}
    for mark in marks:
        both.setdefault(mark.reason, (set(), set()))[isinstance(mark, FaultResumedV1)].add(ms_of(mark.at))
    return {reason: _paired(paused, resumed) for reason, (paused, resumed) in both.items()}


def _paired(paused: set[int], resumed: set[int]) -> list[Span]:
    spans: list[Span] = []
    since: int | None = None
    for at in sorted(paused ^ resumed):
        if at in paused:
            since = at if since is None else since
        elif since is not None:
            spans.append((since, at))
            since = None
    return spans if since is None else [*spans, (since, ENDLESS)]
