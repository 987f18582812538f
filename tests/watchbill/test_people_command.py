"""`watchbill person`: who may sign in to the console, and that passwords are shown once and kept as hashes only."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from services.console.people import People
from tests.watchbill.evidence import run


def people_of(root: Path) -> People:
    return People(root / "secrets")


async def test_added_person_signs_in_with_shown_password(tmp_path: Path) -> None:
    told = run("person", "add", "wu-fang", "--role", "buyer", "--org", "wuhan-emc", WATCHBILL_DATA=str(tmp_path))
    (password,) = told.stdout.splitlines()
    people = people_of(tmp_path)
    known = await people.admitted("wu-fang", password)
    assert known and (known.identity.role, known.identity.organisation) == ("buyer", "wuhan-emc")
    assert await people.admitted("wu-fang", password + "x") is None
    file = tmp_path / "secrets" / "people.json"
    assert password not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_first_administrator_has_password_file(tmp_path: Path) -> None:
    run("person", "add", "li", "--role", "auditor", "--org", "a", WATCHBILL_DATA=str(tmp_path))
    file = tmp_path / "owner" / "console-password"
    known = await people_of(tmp_path).admitted("admin", file.read_text().strip())
    assert known and known.identity.role == "administrator"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_removed_person_is_not_listed(tmp_path: Path) -> None:
    run("person", "add", "li", "--role", "auditor", "--org", "a", WATCHBILL_DATA=str(tmp_path))
    assert run("person", "remove", "li", WATCHBILL_DATA=str(tmp_path)).exit_code == 0
    assert run("person", "remove", "li", WATCHBILL_DATA=str(tmp_path)).exit_code == 1
    listed = json.loads(run("person", "list", "--json", WATCHBILL_DATA=str(tmp_path)).stdout)
    assert [row["name"] for row in listed] == ["admin"]
    assert people_of(tmp_path).person("li") is None


@pytest.mark.parametrize("arguments", [["li", "--role", "king", "--org", "a"], [" ", "--role", "buyer", "--org", "a"]])
def test_senseless_person_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    told = run("person", "add", *arguments, WATCHBILL_DATA=str(tmp_path))
    assert (told.exit_code, told.stdout) == (2, "")
    assert not (tmp_path / "secrets" / "people.json").exists()
