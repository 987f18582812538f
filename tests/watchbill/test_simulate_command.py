"""What `watchbill simulate` sends, decided without any gateway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import read_agreement
from tests.watchbill.evidence import run
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


def test_no_installation_is_away(tmp_path: Path) -> None:
    told = run("simulate", "--once", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 3 and "watchbill up" in told.stderr
