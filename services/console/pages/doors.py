"""Signing in and out, and the style of all pages."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from contracts.values import Words
from infra.runtime.security import PEOPLE, allow
from services.console.pages.render import FOLDER, page
from services.console.pages.visit import COOKIE, check_token, form_of, guard_of, session_router, visitor_of
from services.console.tries import TooMany

ASKED = "watchbill-login"
"""The cookie that ties a filled form to the page it was given: nobody can be signed in from another site."""
NAME_MAX = 100
router = APIRouter(include_in_schema=False)
within = session_router()
_WRONG = Words(zh="登录名或密码不对", en="Name or password is wrong")
_TOO_MANY = Words(zh="尝试次数过多，请一刻钟后再试", en="Too many tries: come again in a quarter of an hour")


@router.get("/style.css")
async def style() -> FileResponse:
    """The style of all pages."""
    return FileResponse(FOLDER / "style.css", media_type="text/css", headers={"cache-control": "max-age=300"})


@router.get("/icon.svg")
async def icon() -> FileResponse:
    """The mark in a browser's tab."""
    return FileResponse(FOLDER / "icon.svg", media_type="image/svg+xml", headers={"cache-control": "max-age=86400"})


@router.get("/login")
async def show_login(request: Request) -> Response:
    """The form to sign in."""
    return _form(request, 200, None)


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Begins a session. Name and password that do not fit: 403; too many tries: 429."""
    form = await form_of(request)
    check_token(form.get("csrf", ""), request.cookies.get(ASKED, ""))
    name, address = form.get("name", "").strip()[:NAME_MAX], request.client.host if request.client else ""
    try:
        token = await guard_of(request).admit(name, form.get("password", ""), address)
    except TooMany:
        return _form(request, 429, _TOO_MANY, name)
    if token is None:
        return _form(request, 403, _WRONG, name)
    response = RedirectResponse("/", 303)
    _set(request, response, COOKIE, token)
    response.delete_cookie(ASKED, path="/login")
    return response


def _form(request: Request, status: int, wrong: Words | None, name: str = "") -> Response:
    csrf = request.cookies.get(ASKED) or secrets.token_urlsafe(32)
    response = page(request, "login", status, csrf=csrf, wrong=wrong, name=name)
    _set(request, response, ASKED, csrf, "/login")
    return response


def _set(request: Request, response: Response, name: str, value: str, path: str = "/") -> None:
    """A cookie for this browser session, that no script reads and no other site's page sends along."""
    secure = request.app.state.room.settings.https
    response.set_cookie(name, value, httponly=True, samesite="strict", secure=secure, path=path)


@within.post("/logout", dependencies=[allow(*PEOPLE)])
async def sign_out(request: Request) -> Response:
    """Ends the session."""
    if visitor := visitor_of(request):
        await guard_of(request).dismiss(visitor)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


router.include_router(within)
