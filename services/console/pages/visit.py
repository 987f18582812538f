"""Who comes: a session by its cookie, or, as everywhere, a token or key. Forms of a session carry its CSRF token."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request

from contracts.values import Words
from infra.runtime.problems import Problem
from services.console.bodies import body_of
from services.console.sessions import Guard, Visitor

COOKIE = "watchbill-session"
_FORM_BYTES_MAX = 20_000
_READS = frozenset({"GET", "HEAD"})
PART = "hx-request"
"""The header of a request for a part of a page that is shown already."""
MARK = "watchbill-mark"
"""The header in which such a request has the mark of its page."""


async def recognise(request: Request) -> None:
    """Puts the visitor of a session on the request. Refused, 403: a form without the session's CSRF token, and a part
    for a page that was made for another session or role."""
    visitor = await guard_of(request).visitor(token) if (token := request.cookies.get(COOKIE)) else None
    request.state.visitor = visitor
    if visitor is None:
        return
    if request.method not in _READS:
        check_token((await form_of(request)).get("csrf", ""), visitor.session.csrf)
    if is_part(request):
        check_token(request.headers.get(MARK, ""), visitor.mark)
    request.state.identity = visitor.identity


def check_token(given: str, wanted: str) -> None:
    """Raises the problem 403 where a form does not carry what its page was given."""
    if not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
        words = Words(zh="页面已过期，请刷新后重试", en="This page is too old: reload it and try again")
        raise Problem(403, "forbidden", words, "csrf")


def is_part(request: Request) -> bool:
    """Whether a script asks for a part of a page, and not a person for a page."""
    return PART in request.headers


def session_router(**options: Any) -> APIRouter:
    """A router whose routes know sessions, before they look at roles."""
    return APIRouter(dependencies=[Depends(recognise)], include_in_schema=False, **options)


def guard_of(request: Request) -> Guard:
    guard: Guard = request.app.state.guard
    return guard


def visitor_of(request: Request) -> Visitor | None:
    """Who is signed in; None for a caller with a token or key, and for nobody."""
    return getattr(request.state, "visitor", None)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form."""
    if not hasattr(request.state, "form"):
        body = await body_of(request, _FORM_BYTES_MAX)
        request.state.form = dict(parse_qsl(body.decode(errors="replace")))
    form: dict[str, str] = request.state.form
    return form
