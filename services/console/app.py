"""The console, wired."""

from __future__ import annotations

from infra.runtime.room import Room
from services.console.api import router
from services.console.handlers import ears
from services.console.settings import ConsoleSettings
from services.console.store import INDEXES

room = Room("console", ears=ears, router=router, indexes=INDEXES, settings=ConsoleSettings())
