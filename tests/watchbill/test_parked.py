"""Who is asked for a parked letter, and what is said where a service does not answer or there is none."""

from __future__ import annotations

import json
from pathlib import Path

from infra.runtime.ops import PARKED_LISTED_MAX
from tests.watchbill.evidence import run
from tests.watchbill.stand_in import NAMES, StandIn

AWAY = 3
LIST = "/runtime/parked"
PATH = "/runtime/parked/a%7Cb"


def without(data: Path, service: str) -> None:
    """Nobody listens there any more."""
    book = data / "addresses.json"
    addresses = json.loads(book.read_text())
    addresses["http"][service] = "http://127.0.0.1:1"
    book.write_text(json.dumps(addresses))


def test_unknown_service_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with StandIn([]).running(tmp_path):
        told = run("parked", "show", "a|b", "--service", "asssets", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 2 and "没有服务 asssets" in told.output and "assets, inspections" in told.output


def test_service_that_is_away_hides_no_letter_of_another(tmp_path: Path) -> None:
    town = StandIn([])
    town.answers = {PATH: {"id": "a|b"}}
    with town.running(tmp_path):
        for service in ("assets", "inspections", "incidents", "scoring", "notify"):
            without(tmp_path, service)
        told = run("parked", "show", "a|b", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 0 and '"id": "a|b"' in told.output


def test_letter_that_nobody_has_may_be_with_who_is_away(tmp_path: Path) -> None:
    with StandIn([]).running(tmp_path):
        gone = run("parked", "show", "a|b", WATCHBILL_DATA=str(tmp_path))
        without(tmp_path, "scoring")
        away = run("parked", "show", "a|b", WATCHBILL_DATA=str(tmp_path))
    assert gone.exit_code == 1 and "No parked letter a|b" in gone.output
    assert away.exit_code == AWAY and "scoring does not answer" in away.output and "No parked" not in away.output


def test_list_holds_what_the_others_say(tmp_path: Path) -> None:
    town = StandIn([])
    town.answers = {LIST: [row("a|b")]}
    with town.running(tmp_path):
        without(tmp_path, "scoring")
        told = run("parked", "list", WATCHBILL_DATA=str(tmp_path))
        as_json = run("parked", "list", "--json", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == as_json.exit_code == AWAY and "scoring does not answer" in told.output
    assert all(name in told.output for name in ("assets", "notify", "console", "a|b"))
    assert [one["service"] for one in json.loads(as_json.stdout)] == [name for name in NAMES if name != "scoring"]


def test_list_says_that_there_is_more(tmp_path: Path) -> None:
    town = StandIn([])
    town.answers = {LIST: [row(f"a{n}|b") for n in range(PARKED_LISTED_MAX)]}
    with town.running(tmp_path):
        told = run("parked", "list", "--json", WATCHBILL_DATA=str(tmp_path))
        town.answers = {LIST: town.answers[LIST][1:]}
        all_of_it = run("parked", "list", "--json", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 0 and "incidents: only the oldest 500 are listed" in told.stderr
    assert all_of_it.exit_code == 0 and all_of_it.stderr == ""


def row(id: str) -> dict[str, str]:
    return {"id": id, "type": "FaultOpenedV1", "at": "2026-04-08T00:00:00Z", "reason": "ValueError: no"}
