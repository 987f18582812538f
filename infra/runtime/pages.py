"""The page of a service at `/docs`: its routes with their roles, what it hears and says, with nothing from outside."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute
from jinja2 import Environment, StrictUndefined

from contracts.events.catalog import OWNERS, owner_of
from contracts.events.event import Event
from contracts.events.titles import EVENT_TITLES, SERVICE_TITLES, TOPIC_TITLES
from contracts.values import Words
from infra.runtime.ears import Ears
from infra.runtime.security import Role, roles_of, routes_of

if TYPE_CHECKING:
    from infra.runtime.room import Room

ROLE_TITLES: Mapping[Role, Words] = {
    "buyer": Words(zh="采购方", en="buyer"),
    "supplier": Words(zh="运维方", en="supplier"),
    "administrator": Words(zh="管理员", en="administrator"),
    "auditor": Words(zh="审计员", en="auditor"),
    "logger": Words(zh="数采仪", en="logger"),
    "service": Words(zh="系统服务", en="service"),
    "tracer": Words(zh="链路上报", en="sender of spans"),
}
ANYBODY = Words(zh="任何人", en="anybody")
_PAGE = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
    (Path(__file__).parent / "docs.html").read_text(encoding="utf-8")
)


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A route: `POST`, its path, who may call it, and what it does."""

    method: str
    path: str
    roles: tuple[Words, ...]
    does: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event on its stream, and who is at the other end: the handlers here, or nobody's where it is said."""

    type: str
    title: Words
    topic: str
    owner: str
    handlers: tuple[str, ...]


def docs_page(room: Room) -> str:
    """The page as HTML, UTF-8."""
    ears = room.ears
    return _PAGE.render(
        service=room.name,
        title=SERVICE_TITLES[room.name],
        routes=sorted(_routes(room), key=lambda row: (row.path, row.method)),
        heard=list(_heard(ears)),
        said=[_row(event, ()) for event in OWNERS[room.name]],
        timers=sorted((waking.timer, waking.name) for waking in ears.wakings.values()),
        topics=TOPIC_TITLES,
    )


def _routes(room: Room) -> Iterator[RouteRow]:
    for route in routes_of(room.api):
        for method in sorted(route.methods or ()):
            yield RouteRow(method, route.path, _roles(route), _first_line(route.endpoint))


def _roles(route: APIRoute) -> tuple[Words, ...]:
    return tuple(ROLE_TITLES[role] for role in roles_of(route)) or (ANYBODY,)


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n\n")[0]


def _heard(ears: Ears) -> Iterator[EventRow]:
    for topic in ears.topics:
        for event in ears.events_on((topic,)):
            gathered = [ears.gatherings[event].name] if event in ears.gatherings else []
            handlers = [*gathered, *(hearing.name for hearing in ears.hearings.get(event, ()))]
            yield _row(event, tuple(handlers))


def _row(event: type[Event], handlers: tuple[str, ...]) -> EventRow:
    return EventRow(event.type(), EVENT_TITLES[event.type()], event.TOPIC, owner_of(event), handlers)
