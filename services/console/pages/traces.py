"""Traces: searched, and each as a waterfall."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from infra.runtime.acts import Database
from infra.runtime.problems import not_found
from infra.runtime.security import Caller, allow
from services.console.domain.waterfall import waterfall_of
from services.console.domain.wording import worded
from services.console.pages.render import page
from services.console.pages.visit import session_router
from services.console.search import Wanted, names_in, traces_that
from services.console.store import rows_that, spans_of

router = session_router()
READERS = allow("administrator", "auditor")


@router.get("/traces", dependencies=[READERS])
async def show_traces(request: Request, caller: Caller, db: Database, wanted: Annotated[Wanted, Query()]) -> Response:
    """Traces, the newest first."""
    return page(request, "traces", lines=await traces_that(db, wanted), names=await names_in(db, caller), wanted=wanted)


@router.get("/traces/{trace}", dependencies=[READERS])
async def show_trace(request: Request, trace: str, caller: Caller, db: Database) -> Response:
    """One trace: its spans as bars, and what was said in it."""
    fall, names = waterfall_of(await spans_of(db, [trace])), await names_in(db, caller)
    rows = await rows_that(db, {"trace": trace}, 200)
    if not fall.bars and not rows:
        raise not_found(trace)
    said = [(row, worded(row, names)) for row in rows]
    return page(request, "trace", trace=trace, fall=fall, said=said, attributes=caller.role == "administrator")
