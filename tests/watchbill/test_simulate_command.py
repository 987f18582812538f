"""What `watchbill simulate` sends, decided without any gateway."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import read_agreement
from tests.watchbill.evidence import run
from tests.watchbill.stand_in import StandIn
from watchbill.commands.simulate import HOUR, pieces_of, sites_of, starts_at
from watchbill.installation import ROOT

NOW = datetime(2026, 4, 8, 7, 42, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    return read_agreement(ROOT / "contracts" / "agreements" / "wuhan-air")


def test_start_follows_the_question() -> None:
    assert starts_at(NOW, 0, once=True) == NOW - HOUR
    assert starts_at(NOW, 3, once=True) == starts_at(NOW, 3, once=False) == NOW - timedelta(days=3)
    assert starts_at(NOW, 0, once=False) == NOW.replace(minute=0, second=0) - timedelta(milliseconds=1)


@given(st.timedeltas(timedelta(0), timedelta(days=2)))
def test_pieces_lie_end_to_end(lasts: timedelta) -> None:
    pieces = list(pieces_of(NOW, NOW + lasts))
    edges = [NOW, *(end for _, end in pieces)]
    assert [start for start, _ in pieces] == edges[:-1] and edges[-1] == NOW + lasts
    assert all(timedelta(0) < end - start <= HOUR for start, end in pieces)


def test_all_loggers_are_simulated(agreement: Agreement) -> None:
    assert len(sites_of([agreement], [])) == 7
    assert [site.id for site in sites_of([agreement], ["mobile", "mulan-lake"])] == ["mulan-lake", "mobile"]


def test_unknown_site_names_the_nearest(agreement: Agreement, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        sites_of([agreement], ["mulan-lak"])
    said = capsys.readouterr().err
    assert ended.value.exit_code == 2 and "是否 mulan-lake" in said and "No site with a logger mulan-lak" in said


def in_force(agreement: Agreement) -> Agreement:
    """The agreement with a term that holds today, whenever the test runs."""
    today = datetime.now(UTC).date()
    return agreement.model_copy(update={"starts": today - timedelta(days=9), "ends": today + timedelta(days=9)})


def test_once_sends_the_last_hour(tmp_path: Path, agreement: Agreement) -> None:
    town, before = StandIn([in_force(agreement)]), datetime.now(UTC)
    with town.running(tmp_path):
        told = run("simulate", "--once", "--site", "mulan-lake", "--json", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 0, told.output + told.stderr
    said = json.loads(told.output)
    assert said["frames"] == said["answered"] == len(town.packets) and said["sites"] == ["mulan-lake"]
    minutes = [packet for packet in town.packets if packet.cn == "2051"]
    assert len({packet.data_time for packet in minutes}) in (12, 13)  # 13: a period ended while it was sending
    assert all(packet.data_time and before - 2 * HOUR < packet.data_time < datetime.now(UTC) for packet in minutes)
    passwords = json.loads((tmp_path / "owner" / "loggers.json").read_text())
    assert {packet.pw for packet in town.packets} == set(passwords.values())


def test_people_see_each_hour(tmp_path: Path, agreement: Agreement) -> None:
    town = StandIn([in_force(agreement)])
    with town.running(tmp_path):
        told = run("simulate", "--once", "--days", "1", "--site", "roadside", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 0 and told.output.count("发送 sent") in (24, 25)
    assert len({packet.data_time for packet in town.packets if packet.cn == "2061"}) in (24, 25)


def test_moved_clock_is_refused(tmp_path: Path, agreement: Agreement) -> None:
    town = StandIn([in_force(agreement)], moved_to="2026-04-08T07:00:00Z")
    with town.running(tmp_path):
        told = run("simulate", "--once", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 1 and "时钟由演示控制" in told.stderr and "A demo moves the clock" in told.stderr
    assert not town.packets


def test_nothing_in_force_is_refused(tmp_path: Path, agreement: Agreement) -> None:
    over = agreement.model_copy(update={"starts": NOW.date(), "ends": NOW.date()})
    with StandIn([over]).running(tmp_path):
        told = run("simulate", "--once", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 1 and "没有生效的协议" in told.stderr and "No agreement is in force" in told.stderr


def test_no_installation_is_away(tmp_path: Path) -> None:
    told = run("simulate", "--once", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 3 and "watchbill up" in told.stderr
