"""`watchbill clock explain` over a file: no service runs, and every line of the story is told in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import read_agreement
from contracts.events.event import Event
from services.scoring.domain import Recorded
from tests.incidents.clock_stories import at, opened, paused, resumed, step
from tests.watchbill.evidence import document, published, run, written
from watchbill.installation import ROOT

FOLDER = ROOT / "contracts" / "agreements" / "wuhan-air"
STORY: tuple[Event, ...] = (
    opened(at("06:30")),
    paused(at("06:30")),
    resumed(at("09:30")),
    step("arrived", at("12:00")),
    step("resolved", at("13:00")),
)


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    return read_agreement(FOLDER)


def recorded(*events: Event) -> list[Recorded]:
    return [Recorded(f"event {number}", event) for number, event in enumerate(events)]


def test_file_explains_every_clause(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", recorded(*STORY))
    told = run("clock", "explain", "--events", file, "--agreement", FOLDER, "--fault", "f-1")
    assert told.exit_code == 0, told.output
    for line in (
        "故障 mulan-lake.pm25 [f-1]：fault，2026-03-03 06:30:00",
        "条款 solve-4h：日间故障 4 小时解决（W5，一包 2.4(2)③）",
        "clause solve-4h: Daytime faults solved within 4 hours (W5, 一包 2.4(2)③)",
        "2026-03-03 06:30:00 → 2026-03-03 09:30:00: 3 h, power outage, excluded",
        "2026-03-03 09:30:00 → 2026-03-03 13:00:00: 3 h 30 min, counted",
        "到期时刻：2026-03-03 13:30:00",
        "解决：2026-03-03 13:00:00",
        "due: 2026-03-03 14:30:00",
        "on the source: Arrival in 5 hours is looser",
    ):
        assert line in told.output


def test_json_gives_the_same_clocks(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", recorded(*STORY))
    told = run("clock", "explain", "--events", file, "--agreement", FOLDER, "--json")
    (fault,) = json.loads(told.output)
    clocks = {one["clock"]["clause"]: one["clock"] for one in fault["clocks"]}
    assert {name: (clock["state"], clock["due"]) for name, clock in clocks.items()} == {
        "solve-4h": ("met", "2026-03-03T05:30:00Z"),
        "on-site-5h": ("met", "2026-03-03T06:30:00Z"),
        "spare-24h": ("met", "2026-03-04T01:30:00Z"),
        "abnormal-24h": ("not_covered", None),
    }
    assert fault["fault"] == "f-1" and fault["clocks_unknown"] == []


def test_agreement_is_found_in_the_file(tmp_path: Path, agreement: Agreement) -> None:
    """Each version that was published is there: a fault is explained by the one it opened under."""
    later = agreement.model_copy(update={"version": 2, "lots": (agreement.lots[0].model_copy(update={"sla": ()}),)})
    events = [published(agreement), published(later), *recorded(*STORY)]
    file = written(tmp_path / "events.jsonl", events)
    given = document(tmp_path / "agreement.json", agreement)
    alone = run("clock", "explain", "--events", file, "--json")
    named = run("clock", "explain", "--events", file, "--agreement", given, "--json")
    assert alone.exit_code == 0 and alone.output == named.output


def test_open_fault_is_told_as_asked(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", recorded(opened(at("06:30"))))
    told = run(
        "clock", "explain", "f-1", "--events", file, "--agreement", FOLDER, "--at", "2026-03-03T08:00:00", "--json"
    )
    clock = json.loads(told.output)[0]["clocks"][0]["clock"]
    assert (clock["state"], clock["counted"], clock["left"]) == ("running", "PT1H30M", "PT2H30M")


def test_unpublished_year_hides_one_clause(tmp_path: Path, agreement: Agreement) -> None:
    """Kinds of day matter to one clause only: the others are told although the year is missing."""
    years = {year: days for year, days in agreement.calendar.years.items() if year != 2026}
    lot = agreement.lots[0]
    office = agreement.calendar.hours[0].model_copy(update={"id": "office", "days": ("workday",)})
    late = lot.sla[0].model_copy(update={"id": "by-office", "counts": "office", "covers": None})
    calendar = agreement.calendar.model_copy(update={"years": years, "hours": (*agreement.calendar.hours, office)})
    lots = (lot.model_copy(update={"sla": (late, *lot.sla)}),)
    changed = agreement.model_copy(update={"calendar": calendar, "lots": lots})
    file = written(tmp_path / "events.jsonl", recorded(*STORY))
    given = document(tmp_path / "agreement.json", changed)
    told = json.loads(run("clock", "explain", "--events", file, "--agreement", given, "--json").output)
    assert told[0]["clocks_unknown"] == ["by-office"] and len(told[0]["clocks"]) == len(lot.sla)
    shown = run("clock", "explain", "--events", file, "--agreement", given).output
    assert "条款 by-office：日历缺少所需年份" in shown and "publish its holidays" in shown


def test_faults_come_in_order(tmp_path: Path) -> None:
    second = opened(at("07:30")).model_copy(update={"fault": "f-0"})
    file = written(tmp_path / "events.jsonl", recorded(second, *STORY))
    told = json.loads(run("clock", "explain", "--events", file, "--agreement", FOLDER, "--json").output)
    assert [one["fault"] for one in told] == ["f-1", "f-0"]


@pytest.mark.parametrize(
    ("arguments", "code", "zh", "en"),
    [
        (["--fault", "f-9"], 1, "文件中没有故障 f-9", "No fault f-9 in the file"),
        ([], 1, "文件中没有协议 wuhan-air 第 1 版", "Version 1 of wuhan-air is not in the file"),
    ],
)
def test_wrong_file_is_said_twice(tmp_path: Path, arguments: list[str], code: int, zh: str, en: str) -> None:
    file = written(tmp_path / "events.jsonl", recorded(*STORY))
    told = run("clock", "explain", "--events", file, *arguments)
    assert told.exit_code == code and zh in told.stderr and en in told.stderr


def test_broken_line_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", recorded(*STORY))
    with file.open("a") as more:
        more.write('{"type": "FaultResolvedV1", "id": "x", "data": {}}\n')
    told = run("clock", "explain", "--events", file, "--agreement", FOLDER)
    assert (
        told.exit_code == 1 and "第 6 行不是导出的事件" in told.stderr and "line 6 is no exported event" in told.stderr
    )


def test_missing_file_is_wrong_use(tmp_path: Path) -> None:
    told = run("clock", "explain", "--events", tmp_path / "none.jsonl")
    assert told.exit_code == 2 and "没有文件" in told.stderr and "There is no file" in told.stderr


def test_nothing_asked_is_wrong_use() -> None:
    told = run("clock", "explain")
    assert told.exit_code == 2


def test_no_installation_is_away(tmp_path: Path) -> None:
    told = run("clock", "explain", "f-1", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 3 and "watchbill up" in told.stderr
