"""The API of inspections: plans, tasks, and the results that people post from the field (W4)."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Query

from infra.runtime.acts import Act, Database
from infra.runtime.agreements import LotKept, Reader, agreement_of, lots_of
from infra.runtime.ledger import Entry
from infra.runtime.problems import Problem, not_found
from infra.runtime.security import Caller, Identity, allow
from services.inspections.domain.listing import site_since
from services.inspections.domain.refusal import Refused
from services.inspections.domain.task import Result, Task
from services.inspections.domain.work import Work, check_work, result_of
from services.inspections.posts import ResultPost
from services.inspections.store import Photo, Wanted, tasks_that
from services.inspections.views import (
    PlanView,
    TaskSheet,
    TaskView,
    plan_of,
    plan_view,
    sheet_of,
    site_of,
    view_of,
)

log = structlog.get_logger()
router = APIRouter(prefix="/v1", tags=["inspections"])
READERS = allow("buyer", "supplier", "administrator", "auditor")
WORKERS = allow("supplier", "administrator")


@router.get("/plans", dependencies=[READERS])
async def list_plans(caller: Caller, db: Database) -> list[PlanView]:
    """The plans of every lot, as the newest version has them; a supplier sees those of its own lots."""
    reader, shown = Reader(db), list[PlanView]()
    for id in await lots_of(db, _own(caller)):
        kept = await reader.load(LotKept, id)
        assert kept is not None
        agreement = await agreement_of(reader, kept.agreement, kept.version)
        lot = agreement.lot(kept.lot)
        shown.extend(plan_view(plan, lot, agreement) for plan in lot.plans)
    return shown


@router.get("/tasks", dependencies=[READERS])
async def list_tasks(caller: Caller, db: Database, wanted: Annotated[Wanted, Query()]) -> list[TaskView]:
    """Tasks, the next to close first; a supplier sees those of its own lots."""
    reader = Reader(db)
    found = await tasks_that(db, wanted, _own(caller))
    return [view_of(task, await agreement_of(reader, task.agreement, task.version)) for task in found]


@router.get("/tasks/{task:path}", dependencies=[READERS])
async def show_task(task: str, caller: Caller, db: Database) -> TaskSheet:
    """One task with its check-list, and what was posted."""
    reader = Reader(db)
    found = _visible(await reader.load(Task, task), task, caller)
    return sheet_of(found, await agreement_of(reader, found.agreement, found.version))


@router.post("/tasks/{task:path}/result", dependencies=[WORKERS], status_code=201)
async def post_result(task: str, post: ResultPost, act: Act) -> TaskSheet:
    """The work is done. Late posts are taken up to `locks`; `warnings` say what is doubtful about a result.

    409: not open, locked, or done already. 422: the check-list, the evidence, or the time cannot be so.
    With an idempotency key, only the work itself must be the same when it is sent again.
    """

    async def take_result(entry: Entry, caller: Identity) -> TaskSheet:
        known = _visible(await entry.load(Task, task), task, caller)
        agreement = await agreement_of(entry, known.agreement, known.version)
        work, site = post.work(caller.person), site_of(known, agreement)
        try:
            check_work(work, plan_of(known, agreement), site)
            seen = await _seen_before(known, work, entry)
            result = result_of(known, work, site_since(agreement, site), entry.now, seen_before=seen)
            after = known.with_result(result)
        except Refused as refused:
            raise _problem(refused) from refused
        _remember(after, result, entry)
        return sheet_of(after, agreement)

    return await act(f"post_result {task}", post.content(), take_result)


def _remember(task: Task, result: Result, entry: Entry) -> None:
    entry.write(task)
    entry.say(task.done_event(result))
    if task.state == "done":
        entry.unwake("close", task.id)


async def _seen_before(task: Task, work: Work, entry: Entry) -> bool:
    """Whether a photo was shown for another task; new ones are remembered."""
    await entry.page.fetch((Photo, photo) for photo in work.photos)
    seen = False
    for photo in work.photos:
        known = await entry.load(Photo, photo)
        if known is None:
            entry.write(Photo(id=photo, task=task.id))
        elif known.task != task.id:
            seen = True
            log.warning("photo seen before", task=task.id, photo=photo, first=known.task, by=work.by)
    return seen


def _problem(refused: Refused) -> Problem:
    errors = [{"field": flaw.field, "expected": flaw.expected} for flaw in refused.flaws]
    return Problem(refused.status, refused.code, refused.words, errors=errors)


def _visible(task: Task | None, id: str, caller: Identity) -> Task:
    if task is None or not caller.sees(task.supplier):
        raise not_found(f"task {id}")
    return task


def _own(caller: Identity) -> str | None:
    return caller.organisation if caller.role == "supplier" else None
