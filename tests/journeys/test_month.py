"""A short month, played in peace and counted by hand; and once more over a backup that was restored. What kills would
change is looked for in tests/chaos."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest

from contracts.agreements.agreement import Agreement
from infra.local.place import Place
from infra.local.simulator.troubles import Damage, Flagged, LineCut, PowerCut, Stuck
from tests.journeys.plays import Played, as_text, drill, play
from tests.scoring.plain import settle_plainly
from watchbill.demo.cast import Call, Script, local
from watchbill.demo.play import as_played

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]
SEED = 11


def last_days() -> Script:
    """The last four days of April: a breach, a power cut across a deadline, a cut line, a withdrawn breach."""
    return Script(
        starts=local(27, 0),
        ends=local(30, 0) + timedelta(days=1, hours=8),
        troubles=(
            Stuck("caidian-suo-river", "a34004", local(28, 5), local(28, 13, 30)),
            Flagged("jiangxia-xin-river", "a34002", "D", local(29, 9), local(29, 15, 45)),
            PowerCut("jiangxia-xin-river", local(29, 11, 30), local(29, 14, 30), timedelta(hours=8)),
            LineCut("huangpi-yunwu-hill", local(27, 10), local(27, 18)),
            Damage("roadside", local(28, 8), local(28, 14), 0.3),
        ),
        calls=(
            Call(local(30, 8, 10), "mulan-lake", "reported-fault", "空调不制冷 / the air-conditioner does not cool"),
        ),
        skipped=frozenset({("remote-check", "mobile", date(2026, 4, 28))}),
        long_lists_on=date(2026, 4, 29),
    )


@pytest.fixture(scope="module")
def short(agreement: Agreement) -> Agreement:
    return as_played(agreement, minutes=10).model_copy(update={"starts": date(2026, 4, 27)})


@pytest.fixture(scope="module")
def peace(tmp_path_factory: pytest.TempPathFactory, short: Agreement) -> Played:
    return asyncio.run(play(Place.of(tmp_path_factory.mktemp("peace")), last_days(), SEED, short, {}))


def test_chapters_of_the_month_happen(peace: Played) -> None:
    opened = {(fault["asset"], fault["kind"]) for fault in peace.outcome.faults}
    assert opened == {
        ("caidian-suo-river.pm25", "stuck-value"),
        ("jiangxia-xin-river.pm10", "instrument-fault"),
        ("jiangxia-xin-river", "mains-power-loss"),
        ("huangpi-yunwu-hill", "communication-loss"),
        ("mulan-lake", "reported-fault"),
    }
    kinds = [event["type"] for event in peace.events]
    assert kinds.count("SlaBreachedV1") - kinds.count("SlaBreachWithdrawnV1") == 1
    assert kinds.count("SlaBreachWithdrawnV1") == 1
    assert kinds.count("InspectionMissedV1") == 2
    assert {message["state"] for message in peace.outcome.messages if message["channel"] == "sms"} <= {
        "delivered",
        "bundled",
    }
    assert peace.outcome.rejections.keys() <= {"crc", "garbage", "truncated", "length", "syntax"}
    assert (peace.parked, peace.restarts) == (0, 0)


def test_each_breach_is_warned_of_before(peace: Played) -> None:
    said = {"SlaWarnedV1": dict[tuple[str, str], str](), "SlaBreachedV1": dict[tuple[str, str], str]()}
    for event in peace.events:
        if event["type"] in said:
            said[event["type"]][event["data"]["fault"], event["data"]["clause"]] = event["data"]["at"]
    assert said["SlaBreachedV1"]
    for clock, breached_at in said["SlaBreachedV1"].items():
        assert said["SlaWarnedV1"][clock] < breached_at


def test_settlement_equals_a_plain_recount(peace: Played, short: Agreement) -> None:
    counted = settle_plainly(peace.events, short.model_dump(mode="json"))["lot-1/2026-04"]
    (settlement,) = peace.outcome.settlements
    assert {name: str(counted[name]) for name in ("gross", "deducted", "payable")} == {
        name: settlement[name] for name in ("gross", "deducted", "payable")
    }
    assert float(settlement["deducted"]) > 0


def test_restored_backup_goes_on_as_if_nothing_happened(peace: Played, short: Agreement, tmp_path: Path) -> None:
    """The backup is taken while the services are at work, on the day of the breach; all that came after it is lost."""
    restored = asyncio.run(drill(tmp_path, last_days(), SEED, short, at=14))
    assert as_text(restored.outcome) == as_text(peace.outcome)
    assert restored.parked == 0
