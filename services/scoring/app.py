"""Scoring, wired."""

from __future__ import annotations

from infra.runtime.room import Room
from services.scoring.api import router
from services.scoring.handlers import ears
from services.scoring.settings import Settings
from services.scoring.store import INDEXES


def room_for(settings: Settings) -> Room:
    """The room over these settings."""
    return Room("scoring", ears=ears, router=router, indexes=INDEXES, settings=settings)


room = room_for(Settings())
