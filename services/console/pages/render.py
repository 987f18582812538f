"""How a page is made: templates in the reader's language, with nothing from outside and one script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from contracts.events.titles import EVENT_TITLES, SERVICE_TITLES
from contracts.values import Words
from infra.runtime.pages import ROLE_TITLES
from infra.runtime.problems import answer, problem_of
from services.console.domain.names import ZONE
from services.console.domain.wording import CHANNELS, yuan
from services.console.pages import script
from services.console.pages.visit import MARK, is_part, visitor_of

FOLDER = Path(__file__).parents[1] / "templates"
LANGUAGE = "watchbill-language"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SCRIPTED = f"{_POLICY}; script-src 'self'; connect-src 'self'"
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
_YEAR = 365 * 86_400
_LEADS = {401: {"hx-redirect": "/login"}, 403: {"hx-refresh": "true"}, 404: {"hx-refresh": "true"}}
"""By status where a page goes that asked for a part of itself: to the door, or, loaded anew, to what is to be said."""


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page. `?lang=en` or `zh` on any address changes the language, and is remembered.

    A part is taken from the whole page by who asked for it; its language is that of its page, and is not remembered.
    """
    asked = request.query_params.get("lang")
    language = asked if asked in ("zh", "en") else request.cookies.get(LANGUAGE, "zh")
    english, visitor = language == "en", visitor_of(request)
    html = _TEMPLATES.get_template(f"{template}.html.j2").render(
        english=english,
        request=request,
        visitor=visitor,
        here=_address_in(request, english),
        other=_address_in(request, not english),
        **context,
    )
    response = HTMLResponse(html, status, _headers(request, scripted=visitor is not None))
    if asked in ("zh", "en") and not is_part(request):
        response.set_cookie(LANGUAGE, language, max_age=_YEAR, httponly=True, samesite="lax", path="/")
    return response


def _headers(request: Request, scripted: bool) -> dict[str, str]:
    secure = request.app.state.room.settings.https
    made = _HEADERS | ({"content-security-policy": _SCRIPTED} if scripted else {})
    return made | ({"strict-transport-security": f"max-age={_YEAR}"} if secure else {})


def _address_in(request: Request, english: bool) -> str:
    """This page in a language. One slash: two would be another host."""
    address = str(request.url.include_query_params(lang="en" if english else "zh").replace(scheme="", netloc=""))
    return "/" + address.lstrip("/")


async def show_problem(request: Request, error: Exception) -> Response:
    """A problem as a browser shows it; who is not signed in is shown the door. Programs get the document,
    the script too: it shows none of it, and its page stays or is led on."""
    problem = problem_of(error)
    if is_part(request):
        problem.headers |= _LEADS.get(problem.status, {})
        return answer(request, problem)
    if "text/html" not in request.headers.get("accept", ""):
        return answer(request, problem)
    if problem.status == 401:
        return RedirectResponse("/login", 303)
    shown = page(request, "problem", problem.status, problem=problem)
    shown.headers.update(problem.headers)
    return shown


@pass_context
def _both(context: Context, zh: str, en: str) -> str:
    return en if context["english"] else zh


@pass_context
def _words(context: Context, words: Words) -> str:
    return words.en if context["english"] else words.zh


def _moment(at: datetime, form: str = "%m-%d %H:%M:%S") -> str:
    return at.astimezone(ZONE).strftime(form)


@pass_context
def _lasting(context: Context, lasted: timedelta | float) -> str:
    """A length of time, in its two largest units."""
    seconds = lasted.total_seconds() if isinstance(lasted, timedelta) else lasted
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    units = ("d", "h", "min") if context["english"] else ("天", "小时", "分")
    parts = [f"{n} {unit}" for n, unit in zip((days, hours, minutes % 60), units, strict=True) if n]
    return " ".join(parts[:2])


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown: dict[str, Callable[..., Any]] = {"moment": _moment, "lasting": _lasting, "yuan": yuan, "w": _words}
    made.filters |= shown
    made.globals |= {
        "t": _both,
        "events": EVENT_TITLES,
        "services": SERVICE_TITLES,
        "roles": ROLE_TITLES,
        "channels": CHANNELS,
        "script": script,
        "mark": MARK,
    }
    return made


_TEMPLATES = _environment()
