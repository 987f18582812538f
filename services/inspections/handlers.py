"""What inspections hears, and what wakes it: tasks are put on the list day by day, and missed at their close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from contracts.agreements.agreement import Agreement
from contracts.events.assets import AgreementPublishedV1
from infra.runtime.agreements import agreement_of, keep_agreements
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry
from services.inspections.domain.listing import tasks_for
from services.inspections.domain.task import Task
from services.inspections.domain.windows import end_of, midnight, next_midnight
from services.inspections.store import Roster

log = structlog.get_logger()


def ears_for(horizon: timedelta) -> Ears:
    """The dispatch table of inspections; tasks are put on the list `horizon` ahead."""
    ears, planner = Ears("inspections"), Planner(horizon)
    keep_agreements(ears)
    ears.hears(AgreementPublishedV1, needs=lambda published: [(Roster, published.agreement)])(
        planner.put_tasks_on_published
    )
    ears.wakes("roll", recurs=True, needs=lambda agreement: [(Roster, agreement)])(planner.put_tasks_when_day_begins)
    ears.wakes("close", needs=lambda task: [(Task, task)])(miss_when_closed)
    return ears


@dataclass(frozen=True, slots=True)
class Planner:
    """Keeps the list of tasks `horizon` ahead. A task that is on the list stays as it is, whatever is published."""

    horizon: timedelta

    async def put_tasks_on_published(self, published: AgreementPublishedV1, entry: Entry) -> None:
        """Windows that have closed by now are not made: nobody could have been told of them."""
        agreement = published.document
        known = await entry.load(Roster, agreement.id)
        if known is not None and known.version > agreement.version:
            return
        upto = entry.now + self.horizon if known is None else max(known.upto, entry.now + self.horizon)
        await _put(agreement, entry.now, upto, entry.now, entry)
        entry.write(Roster(id=agreement.id, version=agreement.version, upto=upto))
        self._wake_again(agreement, entry.now, entry)

    async def put_tasks_when_day_begins(self, wake: Wake, entry: Entry) -> None:
        """Counts from the true due time: a room that was down makes up for every window it slept through."""
        known = await entry.load(Roster, wake.key)
        if known is None:
            return
        agreement = await agreement_of(entry, known.id, known.version)
        upto = max(known.upto, wake.due + self.horizon)
        await _put(agreement, known.upto, upto, wake.due, entry)
        entry.write(known.model_copy(update={"upto": upto}))
        self._wake_again(agreement, wake.due, entry)

    def _wake_again(self, agreement: Agreement, at: datetime, entry: Entry) -> None:
        """Not before the term comes into sight, and not after its end."""
        due = max(next_midnight(at, agreement), midnight(agreement.starts, agreement) - self.horizon)
        if due < end_of(agreement):
            entry.wake(due, "roll", agreement.id)


async def _put(agreement: Agreement, start: datetime, end: datetime, at: datetime, entry: Entry) -> None:
    tasks = list(tasks_for(agreement, start, end)) if start < end else []
    await entry.page.fetch((Task, task.id) for task in tasks)
    new = [task for task in tasks if await entry.load(Task, task.id) is None]
    for task in new:
        entry.write(task)
        entry.say(task.due_event(at))
        entry.wake(task.closes, "close", task.id)
    log.info("tasks put on the list", agreement=agreement.id, version=agreement.version, tasks=len(new))


async def miss_when_closed(wake: Wake, entry: Entry) -> None:
    """The window closed; a result from outside of it does not count."""
    task = await entry.load(Task, wake.key)
    if task is None or task.state != "due":
        return
    entry.write(task.missed())
    entry.say(task.missed_event())
