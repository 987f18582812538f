"""The pages, a file for each thing that is shown."""

from __future__ import annotations

from fastapi import APIRouter

from services.console.pages import doors, faults, parked, script, services, traces

router = APIRouter()
for part in (doors, faults, traces, services, parked, script):
    router.include_router(part.router)
