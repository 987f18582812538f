"""What is shown of plans and tasks, in both languages."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.entry import Source
from contracts.agreements.plans import Evidence, InspectionPlan
from contracts.agreements.sites import Site
from contracts.values import Moment, Words
from services.inspections.domain.task import Doubt, Result, Task, TaskState

_WARNINGS: dict[Doubt, Words] = {
    "outside-window": Words(
        zh="完成时间不在任务时段内，任务不算完成", en="Done outside the window: the task stays open or missed"
    ),
    "photo-seen-before": Words(zh="照片曾用于其他任务", en="A photo was shown for another task before"),
    "clock-changed": Words(
        zh="作业与上报之间手机时钟被调整过", en="The phone's clock was changed between work and post"
    ),
    "unproven-time": Words(
        zh="补报的完成时间没有手机运行时间佐证", en="Posted late, and no monotonic clock shows when it was done"
    ),
}


class WarningView(BaseModel):
    """What makes a result doubtful; it was taken all the same."""

    code: Doubt
    title: Words


class TaskView(BaseModel):
    """A task on the list. `locks`: up to here posts are taken."""

    task: str
    agreement: str
    lot: str
    site: str
    site_title: Words
    plan: str
    title: Words
    opens: Moment
    closes: Moment
    locks: Moment
    state: TaskState
    done_at: Moment | None
    warnings: tuple[WarningView, ...]


class ItemView(BaseModel):
    """A line of a check-list."""

    id: str
    title: Words
    group: str
    source: Source


class TaskSheet(TaskView):
    """A task with its check-list, and what was posted."""

    items: tuple[ItemView, ...]
    evidence: Evidence
    result: Result | None


class PlanView(BaseModel):
    """A plan as the newest version of its agreement has it."""

    agreement: str
    version: int
    lot: str
    plan: str
    title: Words
    source: Source
    repeats: str
    lasts: timedelta | Literal["until_next"]
    late_post: timedelta
    sites: tuple[str, ...]
    evidence: Evidence
    items: tuple[ItemView, ...]


def plan_of(task: Task, agreement: Agreement) -> InspectionPlan:
    """The plan of a task, in the version of the agreement that it was made by."""
    return next(plan for plan in agreement.lot(task.lot).plans if plan.id == task.plan)


def site_of(task: Task, agreement: Agreement) -> Site:
    """The site of a task, in the same version."""
    return next(site for site in agreement.lot(task.lot).sites if site.id == task.site)


def view_of(task: Task, agreement: Agreement) -> TaskView:
    """The task on the list."""
    doubts = task.result.doubts if task.result else ()
    return TaskView(
        **task.model_dump(include={"agreement", "lot", "site", "plan", "opens", "closes", "locks", "state"}),
        task=task.id,
        site_title=site_of(task, agreement).title,
        title=plan_of(task, agreement).title,
        done_at=task.result.done_at if task.result else None,
        warnings=tuple(WarningView(code=doubt, title=_WARNINGS[doubt]) for doubt in doubts),
    )


def sheet_of(task: Task, agreement: Agreement) -> TaskSheet:
    """The task with its check-list."""
    plan = plan_of(task, agreement)
    shown = view_of(task, agreement).model_dump()
    return TaskSheet(**shown, items=_items(plan), evidence=plan.evidence, result=task.result)


def plan_view(plan: InspectionPlan, lot: Lot, agreement: Agreement) -> PlanView:
    """A plan of a lot."""
    return PlanView(
        **plan.model_dump(include={"title", "source", "repeats", "lasts", "late_post", "evidence"}),
        agreement=agreement.id,
        version=agreement.version,
        lot=lot.id,
        plan=plan.id,
        sites=plan.sites or tuple(site.id for site in lot.sites),
        items=_items(plan),
    )


def _items(plan: InspectionPlan) -> tuple[ItemView, ...]:
    return tuple(ItemView(id=item.id, title=item.title, group=item.group, source=item.source) for item in plan.items)
