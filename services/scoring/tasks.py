"""The inspection tasks of a site as scoring sees them: their window, and whether they were done in it (W4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.events.inspections import InspectionDoneV1, InspectionEvent, InspectionMissedV1
from services.scoring.recorded import Recorded, of_type


@dataclass(frozen=True, slots=True)
class Task:
    """A task with everything that was said of it; the ids are those of the events."""

    task: str
    plan: str
    closes: datetime
    said: tuple[str, ...]
    missed: tuple[str, ...]
    done: tuple[tuple[str, InspectionDoneV1], ...]

    @property
    def in_time(self) -> bool:
        """Whether work was done inside its window, however late it was posted."""
        return any(done.opens <= done.at <= done.closes for _, done in self.done)


def tasks_of(events: Sequence[Recorded]) -> tuple[Task, ...]:
    """The tasks, by id. A task is known through any event of it."""
    said: dict[str, list[tuple[str, InspectionEvent]]] = defaultdict(list)
    for id, event in of_type(events, InspectionEvent):
        said[event.task].append((id, event))
    return tuple(_task(task, events) for task, events in sorted(said.items()))


def _task(task: str, said: list[tuple[str, InspectionEvent]]) -> Task:
    first = said[0][1]
    return Task(
        task=task,
        plan=first.plan,
        closes=first.closes,
        said=tuple(id for id, _ in said),
        missed=tuple(id for id, event in said if isinstance(event, InspectionMissedV1)),
        done=tuple((id, event) for id, event in said if isinstance(event, InspectionDoneV1)),
    )
