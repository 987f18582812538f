"""Services: how each of them stands."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from fastapi import Request, Response

from infra.runtime.security import allow
from infra.runtime.standing import Standing
from services.console.asking import Asking, Away, asking_of
from services.console.pages.render import page
from services.console.pages.visit import session_router

router = session_router()


@router.get("/services", dependencies=[allow("administrator", "auditor")])
async def show_services(request: Request) -> Response:
    """Health, consumers with their lag, outbox, timers and parked letters of every service."""
    asking = asking_of(request)
    standings = await asyncio.gather(*(_standing(asking, service) for service in asking.services))
    found = dict(zip(asking.services, standings, strict=True))
    return page(request, "services", standings=found, asked_at=datetime.now(UTC))


async def _standing(asking: Asking, service: str) -> Standing | str:
    """Or, in words, why nothing is known of it."""
    try:
        return await asking.standing(service)
    except Away as away:
        return str(away)
