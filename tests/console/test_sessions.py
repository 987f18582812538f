"""Sessions: who is let in, and for how long."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from services.console.people import PEOPLE, People, hash_of_password
from services.console.sessions import Guard
from services.console.tries import Tries
from tests.console.book import BookInMemory

HOUR = timedelta(hours=1)


def write(folder: Path, password: str, role: str = "buyer") -> None:
    entry = {"hash": hash_of_password(password), "role": role, "organisation": "wuhan-emc"}
    (folder / PEOPLE).write_text(json.dumps({"wu-fang": entry}))


def guard_in(folder: Path, lasts: timedelta = HOUR) -> Guard:
    book = BookInMemory()
    return Guard(People(folder), book, Tries(book), lasts)


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    write(tmp_path, "a good password")
    return guard_in(tmp_path)


async def test_right_password_opens_a_session(guard: Guard) -> None:
    token = await guard.admit("wu-fang", "a good password", "127.0.0.1")
    assert token
    visitor = await guard.visitor(token)
    assert visitor and (visitor.identity.person, visitor.identity.role) == ("wu-fang", "buyer")


async def test_database_does_not_hold_the_token(guard: Guard) -> None:
    token = await guard.admit("wu-fang", "a good password", "127.0.0.1")
    assert token and isinstance(guard.book, BookInMemory)
    assert token not in repr(guard.book.sessions)


@pytest.mark.parametrize(("name", "password"), [("wu-fang", "a bad password"), ("nobody", "a good password"), ("", "")])
async def test_wrong_name_or_password_opens_nothing(guard: Guard, name: str, password: str) -> None:
    assert await guard.admit(name, password, "127.0.0.1") is None


async def test_changed_password_ends_sessions(guard: Guard, tmp_path: Path) -> None:
    token = await guard.admit("wu-fang", "a good password", "127.0.0.1")
    write(tmp_path, "a good password")
    assert token and await guard.visitor(token) is None


async def test_role_is_the_one_of_now(tmp_path: Path) -> None:
    write(tmp_path, "a good password")
    guard = guard_in(tmp_path)
    token = await guard.admit("wu-fang", "a good password", "127.0.0.1")
    known = json.loads((tmp_path / PEOPLE).read_text())
    known["wu-fang"]["role"] = "auditor"
    (tmp_path / PEOPLE).write_text(json.dumps(known))
    assert token and (visitor := await guard.visitor(token)) and visitor.identity.role == "auditor"


async def test_removed_person_has_no_session(guard: Guard, tmp_path: Path) -> None:
    token = await guard.admit("wu-fang", "a good password", "127.0.0.1")
    (tmp_path / PEOPLE).write_text("{}")
    assert token and await guard.visitor(token) is None


async def test_machines_role_cannot_sign_in(tmp_path: Path) -> None:
    write(tmp_path, "a good password", role="service")
    guard = guard_in(tmp_path)
    assert await guard.admit("wu-fang", "a good password", "127.0.0.1") is None


async def test_session_ends_with_its_time(tmp_path: Path) -> None:
    write(tmp_path, "a good password")
    guard = guard_in(tmp_path, timedelta(0))
    token = await guard.admit("wu-fang", "a good password", "127.0.0.1")
    assert token and await guard.visitor(token) is None


async def test_dismissed_visitor_is_unknown(guard: Guard) -> None:
    token = await guard.admit("wu-fang", "a good password", "127.0.0.1")
    assert token and (visitor := await guard.visitor(token))
    await guard.dismiss(visitor)
    assert await guard.visitor(token) is None
