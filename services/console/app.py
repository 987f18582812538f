"""The console, wired."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from contracts.values import Words
from infra.runtime.ledger import Database
from infra.runtime.problems import Problem
from infra.runtime.room import Room
from services.console import api, pages
from services.console.asking import Asking
from services.console.handlers import ears
from services.console.pages.render import show_problem
from services.console.people import People
from services.console.sessions import BookInMongo, Guard
from services.console.settings import ConsoleSettings
from services.console.store import INDEXES
from services.console.tries import Tries


def room_for(settings: ConsoleSettings) -> Room:
    """The room over these settings."""
    router = APIRouter()
    router.include_router(api.router)
    router.include_router(pages.router)

    async def open_asking(room: Room) -> Callable[[], Awaitable[None]]:
        room.api.state.asking = asking = Asking(settings.services, settings.key)
        return asking.close

    room = Room(
        "console", ears=ears, router=router, indexes=INDEXES, settings=settings, starts=[open_asking]
    )  # fmt: skip
    book = BookInMongo(lambda: _database(room), settings.key)
    room.api.state.guard = Guard(People(settings.secrets), book, Tries(book), settings.session)
    for error in (Problem, HTTPException, RequestValidationError):
        room.api.add_exception_handler(error, show_problem)
    return room


def _database(room: Room) -> Database:
    """Of a room that is open."""
    if not room.health.opened:
        raise Problem(
            503, "starting", Words(zh="控制台正在启动，请稍后再试", en="The console is starting; try again soon")
        )
    return room.ledger.db


room = room_for(ConsoleSettings())
