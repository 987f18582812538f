"""Parked letters: what could not be handled, why, and hearing it again."""

from __future__ import annotations

import asyncio

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from infra.runtime.ops import ParkedView
from infra.runtime.problems import not_found
from infra.runtime.security import Caller, allow
from services.console.asking import Asking, Away, asking_of
from services.console.pages.render import page
from services.console.pages.visit import session_router

router = session_router(prefix="/parked")
READERS = allow("administrator", "auditor")


@router.get("", dependencies=[READERS])
async def show_parked(request: Request, handled: str = "") -> Response:
    """The parked letters of all services. `handled`: one that has just been heard again."""
    asking = asking_of(request)
    lists = await asyncio.gather(*(_parked(asking, service) for service in asking.services))
    return page(request, "parked", found=dict(zip(asking.services, lists, strict=True)), handled=handled)


@router.get("/{service}/{id:path}", dependencies=[READERS])
async def show_letter(request: Request, service: str, id: str, caller: Caller) -> Response:
    """One parked letter; its headers and body, which may name people, for administrators only."""
    return await _letter(request, service, id, caller.role == "administrator", "")


@router.post("/{service}/{id:path}", dependencies=[allow("administrator")])
async def redrive(request: Request, service: str, id: str, caller: Caller) -> Response:
    """Has a letter heard again; back to the list where that went well, else to the letter with what is still wrong."""
    try:
        done = await asking_of(request).redrive(service, id, caller.person)
    except Away as away:
        return await _letter(request, service, id, True, str(away))
    if done is None:
        raise not_found(id)
    if done.ok:
        return RedirectResponse(request.url_for("show_parked").path + "?handled=1", 303)
    return await _letter(request, service, id, True, done.still)


async def _letter(request: Request, service: str, id: str, may_redrive: bool, still: str) -> Response:
    try:
        letter = await asking_of(request).parked_one(service, id)
    except Away as away:
        return page(request, "letter", 502, service=service, id=id, letter=None, still=str(away), may_redrive=False)
    if letter is None:
        raise not_found(id)
    if not may_redrive:
        letter = letter.model_copy(update={"headers": {}, "body": ""})
    return page(request, "letter", service=service, id=id, letter=letter, still=still, may_redrive=may_redrive)


async def _parked(asking: Asking, service: str) -> list[ParkedView] | str:
    """Or, in words, why they are not known."""
    try:
        return await asking.parked(service)
    except Away as away:
        return str(away)
