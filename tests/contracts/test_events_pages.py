"""The page of a service: every route with its roles, every event, and nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import get_args

import pytest

from contracts.events.catalog import OWNERS
from infra.deploy.asyncapi import rooms
from infra.runtime.pages import ANYBODY, ROLE_TITLES, docs_page
from infra.runtime.room import Room
from infra.runtime.security import OPEN, Role, roles_of, routes_of

ROOMS = rooms()
each_room = pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
VOID = {"meta", "br"}


class Read(HTMLParser):
    """The page taken apart: rows of cells as text, addresses, and tags that were not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "srcset", "action")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def row_of(page: Read, first: str) -> list[str]:
    """The one row that begins with this cell."""
    (row,) = [row for row in page.rows if row[0] == first]
    return row


@each_room
def test_every_route_shows_its_roles(room: Room) -> None:
    page = Read(docs_page(room))
    for route in routes_of(room.api):
        for method in route.methods:
            shown = row_of(page, f"{method} {route.path}")[1]
            named = [ROLE_TITLES[role].zh for role in roles_of(route)]
            assert shown == "".join(named or [ANYBODY.zh])
            assert bool(named) != (route.path in OPEN)


@each_room
def test_every_event_is_on_the_page(room: Room) -> None:
    page = docs_page(room)
    heard, said = page.split("接收的事件")[1].split("发布的事件")
    for topic in room.ears.topics:
        assert all(f"<code>{event.type()}</code>" in heard for event in room.ears.events_on((topic,)))
    assert all(f"<code>{event.type()}</code>" in said for event in OWNERS[room.name])
    assert all(waking.name in said for waking in room.ears.wakings.values())


@each_room
def test_page_loads_nothing_from_outside(room: Room) -> None:
    page = docs_page(room)
    assert set(Read(page).addresses) == {"/openapi.json", "/asyncapi"}
    assert not re.search(r"<script|<link|@import|url\(|//", page)


@each_room
def test_page_is_chinese_first(room: Room) -> None:
    page = Read(docs_page(room))
    assert page.open == []
    headings = [cell for row in page.rows for cell in row if "接口" in cell or "事件" in cell]
    assert headings
    assert all("\u4e00" <= heading[0] <= "\u9fff" for heading in headings)


def test_each_role_has_a_chinese_name() -> None:
    assert ROLE_TITLES.keys() == set(get_args(Role))
