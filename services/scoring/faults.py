"""The faults of a site as scoring sees them: how long each lasted, and which breaches of its clocks still stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.events.incidents import (
    FaultOpenedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
)
from services.scoring.recorded import Recorded, of_type


@dataclass(frozen=True, slots=True)
class FaultLife:
    """A fault from its first sign (`since`) to the resolution that counts; `opening`: the event that opened it."""

    opening: str
    opened: FaultOpenedV1
    resolved_at: datetime | None

    @property
    def since(self) -> datetime:
        """When its first sign was seen."""
        return self.opened.since


@dataclass(frozen=True, slots=True)
class Breach:
    """A breach that stands; `evidence` holds the ids of the events that said it."""

    fault: str
    clause: str
    at: datetime
    evidence: tuple[str, ...]


def lives_of(events: Sequence[Recorded]) -> tuple[FaultLife, ...]:
    """The faults, by the id of their opening. A fault told twice is one; the earliest resolution counts, of those
    after the last time that it was opened again."""
    again: dict[str, datetime] = {}
    for _, reopened in of_type(events, FaultReopenedV1):
        again[reopened.fault] = max(reopened.at, again.get(reopened.fault, reopened.at))
    ends: dict[str, datetime] = {}
    for _, resolved in of_type(events, FaultResolvedV1):
        if resolved.fault not in again or resolved.at > again[resolved.fault]:
            ends[resolved.fault] = min(resolved.at, ends.get(resolved.fault, resolved.at))
    seen: dict[str, FaultLife] = {}
    for id, opened in of_type(events, FaultOpenedV1):
        seen.setdefault(opened.fault, FaultLife(id, opened, ends.get(opened.fault)))
    return tuple(seen.values())


def standing_breaches(events: Sequence[Recorded]) -> tuple[Breach, ...]:
    """The breaches that were not withdrawn, by fault, clause and due time.

    A withdrawal takes back one breach of the same fault, clause and due time, and a breach said again after it
    stands again. As both say the same `due`, their times cannot tell which came last; their number can.
    """
    said: dict[tuple[str, str, datetime], list[tuple[str, SlaBreachedV1]]] = defaultdict(list)
    for id, breached in of_type(events, SlaBreachedV1):
        said[breached.fault, breached.clause, breached.due].append((id, breached))
    withdrawn = _counted((w.fault, w.clause, w.due) for _, w in of_type(events, SlaBreachWithdrawnV1))
    return tuple(
        Breach(fault, clause, found[0][1].at, tuple(id for id, _ in found))
        for (fault, clause, due), found in sorted(said.items())
        if len(found) > withdrawn[fault, clause, due]
    )


def _counted(keys: Iterable[tuple[str, str, datetime]]) -> defaultdict[tuple[str, str, datetime], int]:
    count: defaultdict[tuple[str, str, datetime], int] = defaultdict(int)
    for key in keys:
        count[key] += 1
    return count
