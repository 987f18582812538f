"""April as the demo plays it, whole: twice in peace, once with every process killed. `make month`, not `make test`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from contracts.agreements.agreement import Agreement
from infra.local.place import Place
from tests.journeys.plays import Played, as_text, play
from watchbill.demo.cast import april
from watchbill.demo.play import as_played

pytestmark = [pytest.mark.whole, pytest.mark.timeout(1800)]
SEED = 7
VICTIMS = ("incidents", "assets", "scoring", "notify", "inspections", "sinks", "kafka", "mongo")
KILLS = {20 + 15 * n: VICTIMS[n % len(VICTIMS)] for n in range(16)}
"""Every process twice, from the second day to the last."""


def month(place: Path, agreement: Agreement, kills: dict[int, str]) -> Played:
    return asyncio.run(play(Place.of(place), april(SEED), SEED, as_played(agreement, minutes=10), kills))


@pytest.fixture(scope="module")
def peace(tmp_path_factory: pytest.TempPathFactory, agreement: Agreement) -> Played:
    return month(tmp_path_factory.mktemp("peace"), agreement, {})


@pytest.mark.parametrize("kills", [{}, KILLS], ids=["again", "killed"])
def test_whole_month_is_the_same(peace: Played, agreement: Agreement, tmp_path: Path, kills: dict[int, str]) -> None:
    played = month(tmp_path, agreement, kills)
    assert (played.restarts, played.parked) == (len(kills), 0)
    assert as_text(played.outcome) == as_text(peace.outcome)
    assert played.received == peace.received
    (settlement,) = played.outcome.settlements
    print(settlement["payable"], "of", settlement["gross"], len(played.outcome.faults), "faults")
