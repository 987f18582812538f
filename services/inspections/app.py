"""Inspections, wired."""

from __future__ import annotations

from infra.runtime.room import Room
from services.inspections.api import router
from services.inspections.handlers import ears_for
from services.inspections.settings import InspectionsSettings
from services.inspections.store import INDEXES


def room_for(settings: InspectionsSettings) -> Room:
    """The room over these settings."""
    return Room("inspections", ears=ears_for(settings.horizon), router=router, indexes=INDEXES, settings=settings)


room = room_for(InspectionsSettings())
