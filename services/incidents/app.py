"""Incidents, wired."""

from __future__ import annotations

from infra.runtime.room import Room
from services.incidents.api import router
from services.incidents.handlers import ears
from services.incidents.settings import IncidentsSettings
from services.incidents.store import INDEXES


def room_for(settings: IncidentsSettings) -> Room:
    """The room over these settings."""
    return Room("incidents", ears=ears, router=router, indexes=INDEXES, settings=settings)


room = room_for(IncidentsSettings())
