"""What the wired apps promise: who may call what, who says what, and that nothing is left open."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args

import httpx
import pytest
from fastapi import APIRouter

from contracts.events.catalog import EVENTS, OWNERS, TOPICS
from infra.processes import PROCESSES
from infra.runtime.ears import Ears
from infra.runtime.room import Room
from infra.runtime.security import OPEN, PEOPLE, Doorkeeper, Role, roles_of, routes_of
from services.console.pages.visit import COOKIE, recognise
from services.console.people import People
from services.console.sessions import Guard
from services.console.tries import Tries
from tests.console.book import BookInMemory
from watchbill.secrets import Secrets

ALONE = {"__main__", "quix_job", "threshold_room"}
"""Benchmarks that read their arguments as they are imported, or run in an environment of their own."""
ROLES: tuple[Role, ...] = get_args(Role)


def rooms() -> Iterator[Room]:
    for process in PROCESSES:
        yield importlib.import_module(f"services.{process.name}.app").room


ROUTES = [
    (room.name, method, route.path, roles_of(route))
    for room in rooms()
    for route in routes_of(room.api)
    if route.path not in OPEN
    for method in sorted(route.methods)
]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    made = Secrets(tmp_path_factory.mktemp("secrets"))
    made.make()
    return made


@pytest.fixture(scope="module")
def clients(secrets: Secrets) -> dict[str, httpx.AsyncClient]:
    made = {}
    for room in rooms():
        room.api.state.door = Doorkeeper(secrets.shared)
        transport = httpx.ASGITransport(room.api, raise_app_exceptions=False)
        made[room.name] = httpx.AsyncClient(transport=transport, base_url="http://room", trust_env=False)
    return made


def headers_of(secrets: Secrets, role: Role) -> dict[str, str]:
    if role in PEOPLE:
        return {"authorization": f"Bearer {secrets.token('somebody', role, 'some-organisation')}"}
    return {"x-api-key": secrets.key_of(f"a-{role}", role)}


@pytest.mark.parametrize(("service", "method", "path", "allowed"), ROUTES)
async def test_route_admits_only_its_roles(
    service: str,
    method: str,
    path: str,
    allowed: tuple[Role, ...],
    clients: dict[str, httpx.AsyncClient],
    secrets: Secrets,
) -> None:
    filled = re.sub(r"\{[^}]+\}", "x", path)
    closed = await clients[service].request(method, filled)
    assert (closed.status_code, closed.headers["content-type"]) == (401, "application/problem+json")
    for role in ROLES:
        answer = await clients[service].request(method, filled, headers=headers_of(secrets, role))
        assert (answer.status_code in (401, 403)) == (role not in allowed), (role, answer.status_code, answer.text)


OF_SESSIONS = [
    ("console", method, route.path, roles_of(route), any(one.dependency is recognise for one in route.dependencies))
    for room in rooms()
    if room.name == "console"
    for route in routes_of(room.api)
    if route.path not in OPEN
    for method in sorted(route.methods)
]


@pytest.fixture(scope="module")
def people(secrets: Secrets) -> People:
    for role in PEOPLE:
        secrets.person(f"a-{role}", role, "some-organisation")
    return People(secrets.shared)


@pytest.fixture
async def signed_in(people: People) -> dict[Role, tuple[str, str]]:
    """By role the token and the CSRF token of somebody's session at the console."""
    book = BookInMemory()
    guard = Guard(people, book, Tries(book), timedelta(hours=1))
    next(room for room in rooms() if room.name == "console").api.state.guard = guard
    found: dict[Role, tuple[str, str]] = {}
    for role in PEOPLE:
        assert (person := people.person(f"a-{role}"))
        token = await guard.begin(person)
        assert (visitor := await guard.visitor(token))
        found[role] = token, visitor.session.csrf
    return found


@pytest.mark.parametrize(("service", "method", "path", "allowed", "by_session"), OF_SESSIONS)
async def test_session_admits_only_its_roles(
    service: str, method: str, path: str, allowed: tuple[Role, ...], by_session: bool,
    clients: dict[str, httpx.AsyncClient], signed_in: dict[Role, tuple[str, str]],
) -> None:  # fmt: skip
    filled = re.sub(r"\{[^}]+\}", "x", path)
    for role, (token, csrf) in signed_in.items():
        headers = {"cookie": f"{COOKIE}={token}"}
        if method != "GET":
            forged = await clients[service].request(method, filled, headers=headers, data={"csrf": "another's"})
            assert forged.status_code in (401, 403)
        answer = await clients[service].request(method, filled, headers=headers, data={"csrf": csrf})
        assert (answer.status_code in (401, 403)) == (role not in allowed or not by_session), (role, answer.text)


def test_every_page_knows_sessions() -> None:
    pages = {path for _, _, path, _, by_session in OF_SESSIONS if by_session}
    assert {"/", "/faults/{fault}", "/traces", "/services", "/parked", "/logout"} <= pages
    assert not any(path.startswith(("/v1", "/runtime")) for path in pages)


def test_every_route_names_its_roles() -> None:
    assert len(ROUTES) > 40
    assert [route for route in ROUTES if not route[3]] == []


def test_room_with_open_route_does_not_start() -> None:
    router = APIRouter()

    @router.get("/open")
    async def open_to_all() -> None: ...

    with pytest.raises(RuntimeError, match="/open names no role"):
        Room("assets", Ears("assets"), router)


def test_every_event_has_one_owner() -> None:
    owned = [event for events in OWNERS.values() for event in events]
    assert len(owned) == len(set(owned)) == len(EVENTS)
    assert set(OWNERS) == {process.name for process in PROCESSES}


def test_every_stream_is_heard() -> None:
    heard = {topic for room in rooms() for topic in room.ears.topics}
    assert set(TOPICS) - heard == {"scores", "notices"} - heard
    assert {"readings", "agreements", "inspections", "incidents"} <= heard


def test_every_room_keeps_agreements() -> None:
    assert all("agreements" in room.ears.topics for room in rooms())


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (Path(__file__).parent / "bench").glob("*.py") if path.stem not in ALONE)
)
def test_benchmark_can_be_started(name: str) -> None:
    """`make bench` runs in nobody's test: at least its parts fit together."""
    assert importlib.import_module(f"tests.bench.{name}")
