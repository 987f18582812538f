"""A short, seeded part of `make chaos`: the last days of a month in peace, and once more under kills and outages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import read_agreement
from infra.local.place import Place
from infra.processes import PROCESSES
from tests.chaos.audit import differences
from tests.chaos.chance import Chance
from tests.chaos.points import POINTS
from tests.chaos.weeks import FEW_DAYS_EVERY, Week, last_days, play_week
from watchbill.demo.play import AGREEMENT

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]
SEED = 1341
"""One under which everything befalls the town that there is."""


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    return read_agreement(AGREEMENT)


@pytest.fixture(scope="module")
def peace(tmp_path_factory: pytest.TempPathFactory, agreement: Agreement) -> Week:
    return asyncio.run(play_week(Place.of(tmp_path_factory.mktemp("peace")), last_days(), agreement))


def test_every_kill_point_is_passed_in_peace(peace: Week) -> None:
    """A point that nobody passes would be a kill that never happens."""
    assert {point for _, point in peace.passed} == set(POINTS)
    assert {service for service, _ in peace.passed} == {process.name for process in PROCESSES}
    assert (peace.deaths, peace.restarts) == ([], 0)
    assert len(peace.account["readings"]) > 3000 and len(peace.account["events"]) > 100
    assert peace.account["settlements"] and peace.account["received sms"] and peace.account["received mail"]


def test_kills_and_outages_change_nothing(peace: Week, agreement: Agreement, tmp_path: Path) -> None:
    """A difference is shown whole; `make chaos SHORT=1 SEED=1341` plays it again."""
    chance = Chance(SEED, sorted(peace.passed), FEW_DAYS_EVERY)
    shaken = asyncio.run(play_week(Place.of(tmp_path), last_days(), agreement, chance))
    assert differences(peace.account, shaken.account) == [], f"seed {SEED}"
    assert len(shaken.deaths) >= 10 and {kill.service for kill in shaken.deaths} == {one.name for one in PROCESSES}
    befell = {"kafka killed", "mongo killed", "sinks killed", "clock jumped", "feed repeated", "feed reordered"}
    died = {"kafka died of its full disk", "mongo died of its full disk"}
    assert befell | died <= shaken.misfortunes.keys()
    assert any("network" in name for name in shaken.misfortunes)
    assert shaken.misfortunes["points misled by a clock"] and shaken.frames > peace.frames
