"""Faults: searched, and each with its story."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import Query, Request, Response

from infra.runtime.acts import Database
from infra.runtime.problems import not_found
from infra.runtime.security import Caller, Identity, allow
from services.console.asking import Asking, Away, ClockLine, asking_of
from services.console.domain.names import Names
from services.console.domain.rows import Row
from services.console.domain.seen import told_to
from services.console.domain.story import Frame, Story, story_of
from services.console.domain.waterfall import waterfall_of
from services.console.pages.render import page
from services.console.pages.visit import is_part, session_router
from services.console.search import Wanted, faults_that, names_in, rows_of_fault
from services.console.store import spans_of

router = session_router()
READERS = allow("buyer", "supplier", "administrator", "auditor")
TECHNICAL = frozenset({"administrator", "auditor"})
_FRAMES_MAX = 6


@router.get("/", dependencies=[READERS])
async def show_faults(request: Request, caller: Caller, db: Database, wanted: Annotated[Wanted, Query()]) -> Response:
    """Faults, the newest first: those that the caller may see."""
    names = await names_in(db, caller)
    lines = await faults_that(db, caller, wanted)
    return page(request, "faults", lines=lines, names=names, wanted=wanted, technical=caller.role in TECHNICAL)


@router.get("/faults/{fault}", dependencies=[READERS])
async def show_fault(request: Request, fault: str, caller: Caller, db: Database) -> Response:
    """The story of a fault; the traces one click below, for those who may see them."""
    names, rows = await names_in(db, caller), await rows_of_fault(db, caller, fault)
    asking = asking_of(request)
    frames, clocks = await asyncio.gather(_frames(asking, rows), _clocks(asking, fault, rows))
    story = seen(story_of(fault, rows, names, frames or ()), caller, names)
    if story is None:
        raise not_found(fault)
    technical = caller.role in TECHNICAL
    spans = await spans_of(db, story.traces) if technical and not is_part(request) else []
    falls = {trace: waterfall_of([one for one in spans if one.trace == trace]) for trace in story.traces}
    return page(
        request, "story", story=story, names=names, clocks=clocks, frames_known=frames is not None,
        falls={trace: fall for trace, fall in falls.items() if fall.bars}, technical=technical,
        attributes=caller.role == "administrator",
    )  # fmt: skip


def seen(story: Story | None, caller: Identity, names: Names) -> Story | None:
    """The story as this caller may read it."""
    return story and replace(
        story,
        told=told_to(caller, story.told, names),
        facts=tuple(replace(fact, told=told_to(caller, fact.told, names)) for fact in story.facts),
    )


async def _frames(asking: Asking, rows: list[Row]) -> list[Frame] | None:
    """The readings that opened the fault; None where assets does not answer."""
    opened = next((row for row in rows if row.type == "FaultOpenedV1"), None)
    keys = [ref for ref in (opened.refs if opened else ()) if ref.count("/") == 2][:_FRAMES_MAX]
    code = opened.body.get("code") if opened else None
    try:
        found = await asyncio.gather(*(asking.frame(key, code) for key in keys))
    except Away:
        return None
    return [frame for frame in found if frame]


async def _clocks(asking: Asking, fault: str, rows: list[Row]) -> tuple[ClockLine, ...] | None:
    """None where incidents does not answer."""
    try:
        return await asking.clocks(fault) if rows else ()
    except Away:
        return None
