"""A task: one window of a plan at one site, and what became of it. Times in UTC, windows closed at both ends."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

from contracts.events.inspections import (
    InspectionDoneV1,
    InspectionDueV1,
    InspectionMissedV1,
    ItemResult,
    Position,
)
from contracts.values import Frozen, Moment, Words
from infra.runtime.states import State
from services.inspections.domain.refusal import Refused

TaskState = Literal["due", "done", "missed"]
Doubt = Literal["outside-window", "photo-seen-before", "clock-changed", "unproven-time"]


class Result(Frozen):
    """What was posted. `doubts` do not refuse it; they are shown to whoever looks at it."""

    by: str
    done_at: Moment
    posted_at: Moment
    in_window: bool
    items: tuple[ItemResult, ...]
    photos: tuple[str, ...] = ()
    position: Position | None = None
    device_time: Moment
    device_offset_seconds: Decimal | None = None
    doubts: tuple[Doubt, ...] = ()


class Task(State):
    """One window (`id` is `agreement/lot/plan/site/YYYYMMDDThhmmZ` of its opening), under the version it was made by.

    A result outside the window is kept and said, but does not make the task done: it stays due, or missed.
    """

    COLLECTION: ClassVar[str] = "tasks"
    agreement: str
    version: int
    lot: str
    supplier: str
    site: str
    plan: str
    opens: Moment
    closes: Moment
    locks: Moment
    """Up to here posts are taken."""
    state: TaskState = "due"
    result: Result | None = None

    def due_event(self, at: datetime) -> InspectionDueV1:
        """It was put on the list at `at`."""
        return InspectionDueV1(at=at, **self._shared())

    def missed_event(self) -> InspectionMissedV1:
        """Its window closed."""
        return InspectionMissedV1(at=self.closes, **self._shared())

    def done_event(self, result: Result) -> InspectionDoneV1:
        """Somebody did it."""
        told = result.model_dump(exclude={"done_at", "doubts"})
        return InspectionDoneV1(at=result.done_at, **told, **self._shared())

    def is_inside(self, at: datetime) -> bool:
        """Whether `at` lies in the window."""
        return self.opens <= at <= self.closes

    def missed(self) -> Task:
        """As it is after its close without a result in the window."""
        return self.model_copy(update={"state": "missed"})

    def with_result(self, result: Result) -> Task:
        """As it is after a post at `result.posted_at`; `Refused` 409 when it is not open, locked, or done already.

        A result is replaced only by the first one that was done in the window.
        """
        if result.posted_at < self.opens:
            raise Refused(
                409, "not-open", Words(zh="该任务的时段尚未开始", en="The window of this task is not open yet")
            )
        if self.result is not None and (self.result.in_window or not result.in_window):
            raise Refused(409, "already-done", Words(zh="该任务已有结果", en="This task has a result already"))
        if result.posted_at > self.locks:
            raise Refused(409, "locked", Words(zh="补报期限已过，任务已锁定", en="The time for late posts is over"))
        state = "done" if result.in_window else self.state
        return self.model_copy(update={"state": state, "result": result})

    def _shared(self) -> dict[str, Any]:
        names = {"agreement", "lot", "site", "plan", "opens", "closes"}
        return {"task": self.id, **self.model_dump(include=names)}
