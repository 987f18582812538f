"""`watchbill score explain` over a file: computed anew, the same to the cent as the slow way, down to the frame."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.scoring.domain import Recorded
from tests.scoring import papers
from tests.scoring.papers import at
from tests.scoring.plain import settle_plainly
from tests.watchbill.evidence import DIGEST, document, minute, published, run, walk, written

AGREEMENT = papers.agreement(sites=[papers.site("s1"), papers.site("s2")])
SIGN = minute("s1", 9, 6.5, "985", "D")
OTHER = minute("s1", 9, 7, "34")
KEY = "s1/minute/20260408T223000Z"
STORY = [
    *papers.full_hours("s1", at(1), at(1, month=5)),
    SIGN,
    OTHER,
    papers.opened("s1", "f1", "broken", at(9, 7), "s1.pm", "a34004", evidence=(KEY,)),
    papers.breached("s1", "f1", "solved", at(9, 11)),
    papers.resolved("s1", "f1", "broken", at(9, 12), "s1.pm"),
    papers.missed("s1", "p1", at(5), at(6)),
]
LINE = "air/lot-1/2026-04/r1/s1/faults/late"


def plainly(file: Path) -> dict[str, object]:
    events = [json.loads(line) for line in file.read_text().splitlines()]
    found: dict[str, object] = settle_plainly(events, papers.document_of(AGREEMENT), month="2026-04")["lot-1/2026-04"]
    return found


def test_line_leads_to_the_frame(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", STORY)
    given = document(tmp_path / "agreement.json", AGREEMENT)
    told = run("score", "explain", "--events", file, "--agreement", given, "--line", LINE)
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    assert "- 扣款" in lines[0] and lines[0].endswith(f"[{LINE}]")
    place = next(number for number, line in enumerate(lines) if KEY in line)
    assert "读数：a34004=985 D / Reading: a34004=985 D  2026-04-09 06:30:00" in lines[place]
    assert f"SHA-256 {DIGEST}" in lines[place + 1] and "2026-04-09 06:35:00" in lines[place + 1]


def test_json_carries_tree_and_readings(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", STORY)
    given = document(tmp_path / "agreement.json", AGREEMENT)
    told = json.loads(run("score", "explain", LINE, "--events", file, "--agreement", given, "--json").output)
    assert ("reading", KEY) in walk(told["trees"][0]) and list(told["readings"]) == [KEY]
    assert told["readings"][KEY]["digest"] == DIGEST and told["readings"][KEY]["values"]["a34004"]["flag"] == "D"


def test_minutes_left_out_stay_unknown(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", [one for one in STORY if one not in (SIGN, OTHER)])
    given = document(tmp_path / "agreement.json", AGREEMENT)
    told = run("score", "explain", LINE, "--events", file, "--agreement", given, "--json")
    assert ("unknown", KEY) in walk(json.loads(told.output)["trees"][0])


def test_agreement_in_file_is_enough(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", [published(AGREEMENT), *STORY])
    told = json.loads(run("score", "explain", "--events", file, "--json").output)
    plain = plainly(file)
    assert told["trees"][0]["title"]["zh"].startswith(f"应付 {Decimal(str(plain['payable'])):,.2f} 元")


def test_revision_of_the_id_is_kept(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", [published(AGREEMENT), *STORY])
    told = json.loads(run("score", "explain", "air/lot-1/2026-04/r3", "--events", file, "--json").output)
    assert told["trees"][0]["id"] == "air/lot-1/2026-04/r3"


def test_unknown_line_names_the_nearest(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", [published(AGREEMENT), *STORY])
    told = run("score", "explain", LINE.replace("late", "lat"), "--events", file)
    assert told.exit_code == 1 and f"最接近的是 {LINE}" in told.stderr and f"the nearest is {LINE}" in told.stderr


def test_several_months_must_be_named(tmp_path: Path) -> None:
    may = papers.full_hours("s1", at(1, month=5), at(3, month=5))
    file = written(tmp_path / "events.jsonl", [published(AGREEMENT), *STORY, *may])
    asked = run("score", "explain", "--events", file)
    assert asked.exit_code == 2 and "2026-04, 2026-05" in asked.stderr
    told = json.loads(run("score", "explain", "--events", file, "--month", "2026-05", "--json").output)
    assert told["trees"][0]["id"] == "air/lot-1/2026-05/r1"


def test_due_task_names_no_month(tmp_path: Path) -> None:
    """An export of April holds tasks whose windows close in later months."""
    later = papers.due("s1", "p9", at(1, month=6), at(2, month=6))
    file = written(tmp_path / "events.jsonl", [published(AGREEMENT), *STORY, later])
    told = json.loads(run("score", "explain", "--events", file, "--json").output)
    assert told["trees"][0]["id"] == "air/lot-1/2026-04/r1"


def test_month_outside_the_term_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", [published(AGREEMENT), *STORY])
    told = run("score", "explain", "--events", file, "--month", "2028-01")
    assert told.exit_code == 1 and "不在协议 air 的服务期内" in told.stderr and "outside the term" in told.stderr


def test_month_is_settled_under_its_version(tmp_path: Path) -> None:
    """A version that was published after the month ended changes nothing in it."""
    dearer = papers.agreement(sites=[papers.site("s1"), papers.site("s2")], fee="999999.00")
    second = published(dearer.model_copy(update={"version": 2}))
    titles = []
    for when in (at(2, month=5), at(20)):
        later = Recorded(second.id, second.event.model_copy(update={"at": when}))
        file = written(tmp_path / "events.jsonl", [published(AGREEMENT), later, *STORY])
        told = run("score", "explain", "--events", file, "--month", "2026-04", "--json")
        titles.append(json.loads(told.output)["trees"][0]["title"]["en"])
    assert "= 71,666.67 - " in titles[0] and "= 83,333.25 - " in titles[1]


gone = st.sets(st.integers(0, 719), max_size=300)
breaches = st.lists(st.tuples(st.integers(2, 28), st.integers(0, 23)), max_size=6, unique=True)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gone=gone, breaches=breaches)
def test_file_is_worth_the_same_slowly(tmp_path: Path, gone: set[int], breaches: list[tuple[int, int]]) -> None:
    hours = [one for number, one in enumerate(papers.full_hours("s1", at(1), at(1, month=5))) if number not in gone]
    late = [papers.breached("s1", f"f{n}", "solved", at(*when)) for n, when in enumerate(breaches)]
    good = papers.full_hours("s2", at(1), at(1, month=5))
    file = written(tmp_path / "events.jsonl", [published(AGREEMENT), *hours, *late, *good])
    told = json.loads(run("score", "explain", "--events", file, "--month", "2026-04", "--json").output)
    plain = plainly(file)
    (tree,) = told["trees"]
    assert tree["title"]["en"].startswith(f"{Decimal(str(plain['payable'])):,.2f} CNY to pay")
    sites = plain["sites"]
    assert isinstance(sites, dict)
    for branch, site in zip(tree["branches"], sites.values(), strict=True):
        assert f"{site['points']} points, {Decimal(site['payable']):,.2f} CNY" in branch["title"]["en"]
        shown = [one["title"]["en"].split(" CNY")[0] for one in branch["branches"]]
        assert shown == [f"{Decimal(line[-1]):,.2f}" for line in site["lines"]]


def test_wrong_id_is_wrong_use() -> None:
    told = run("score", "explain", "late")
    assert told.exit_code == 2 and "不是结算或扣款编号" in told.stderr and "is no id" in told.stderr


def test_no_installation_is_away(tmp_path: Path) -> None:
    told = run("score", "explain", LINE, WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 3 and "watchbill up" in told.stderr
