"""The way back from an amount to what proves it, and the export that carries it."""

from __future__ import annotations

import json

import pytest

from contracts.agreements.agreement import Agreement
from contracts.events.assets import AgreementPublishedV1
from services.scoring.domain import Branch, MonthScore, Recorded, explain_line, explain_settlement, score_month, text_of
from services.scoring.recorded import read_recorded
from tests.scoring import papers
from tests.scoring.papers import at

GOOD = papers.full_hours("s1", at(1), at(1, month=5))
BAD = papers.reading("s1", at(9, 6), a34004="35 D", a34002="60", a05024="80")
KEY = "s1/hour/20260408T220000Z"
STORY = [
    *(event for event in GOOD if event.id != f"reading {KEY}"),
    BAD,
    papers.opened("s1", "f1", "broken", at(9, 7), "s1.pm", "a34004", evidence=(KEY,)),
    papers.breached("s1", "f1", "solved", at(9, 11)),
    papers.resolved("s1", "f1", "broken", at(9, 12), "s1.pm"),
    papers.missed("s1", "p1", at(5), at(6)),
]


def published(agreement: Agreement) -> Recorded:
    event = AgreementPublishedV1(
        at=at(1), agreement=agreement.id, version=agreement.version, digest="", document=agreement
    )
    return Recorded("published", event)


def april(events: list[Recorded]) -> MonthScore:
    return score_month(papers.agreement(), "lot-1", "2026-04", events, until=None, revision=1, provisional=False)


def walk(branch: Branch) -> list[tuple[str, str]]:
    """Kind and id of a tree, depth first."""
    return [(branch.kind, branch.id), *(found for reason in branch.branches for found in walk(reason))]


def test_line_leads_to_the_reading() -> None:
    tree = explain_line(april(STORY), "air/lot-1/2026-04/r1/s1/faults/late", STORY)
    assert walk(tree) == [
        ("payment", "air/lot-1/2026-04/r1/s1/faults/late"),
        ("deduction", "faults/late"),
        ("breach", "breached f1 solved 1"),
        ("fault", "f1"),
        ("step", "opened f1"),
        ("reading", KEY),
        ("step", "breached f1 solved 1"),
        ("step", "resolved f1"),
    ]


def test_missed_task_shows_its_window() -> None:
    tree = explain_line(april(STORY), "air/lot-1/2026-04/r1/s1/tasks/missed", STORY)
    text = list(text_of(tree))
    assert walk(tree)[2:] == [("task", "p1"), ("step", "missed p1")]
    assert (
        text[2].startswith("    - 任务：patrol（04-05 00:00—04-06 00:00） / Task: patrol")
        and "2026-04-06 00:00:00" in text[3]
    )


def test_unmet_indicator_shows_both_rates() -> None:
    events = [*(event for event in STORY if event.event.at <= at(20)), published(papers.agreement())]
    scored = april(events)
    gate = explain_line(scored, "air/lot-1/2026-04/r1/s1/gate/gate", events)
    titles = [branch.title.zh for branch in gate.branches[0].branches]
    assert titles[0] == (
        "capture a34004：63.33%（456/720），要求 90.00%；不剔除停电 63.33%，剔除 0 小时；"
        "264 小时未计入，列出前 50 个，另有 214 个未列出"
    )
    assert (
        gate.branches[0].branches[0].title.en.endswith("; 264 h not counted, the first 50 listed, 214 more not listed")
    )
    unmet = explain_line(scored, "air/lot-1/2026-04/r1/s1/data/unmet", events)
    named = [branch.id.rpartition("r1/")[2] for branch in unmet.branches[0].branches]
    assert named == ["s1/raw-capture/a34004", "s1/raw-capture/a34002", "s1/raw-capture/a05024", "s1/in-time"]
    assert ("gap", "s1/hour/20260418T160000Z") not in walk(unmet)
    assert ("gap", "s1/hour/20260419T160000Z") in walk(unmet)


def test_only_cut_evidence_says_so() -> None:
    """Fifty missing hours are all listed; of fifty-one, one is not."""
    terms = papers.agreement(sites=[papers.site("s1", since="2026-04-20")])
    titles = []
    for missing in (50, 51):
        events = papers.full_hours("s1", at(20, missing), at(1, month=5))
        scored = score_month(terms, "lot-1", "2026-04", events, until=None, revision=1, provisional=False)
        gate = explain_line(scored, "air/lot-1/2026-04/r1/s1/gate/gate", events).branches[0]
        titles.append(gate.branches[0].title)
        assert len(gate.branches[0].branches) == 50
    assert "未列出" not in titles[0].zh and "listed" not in titles[0].en
    assert "51 小时未计入，列出前 50 个，另有 1 个未列出" in titles[1].zh and "1 more not listed" in titles[1].en


def test_settlement_explains_every_line() -> None:
    scored = april(STORY)
    lines = {line.line for site in scored.settlement.sites for line in site.lines}
    tree = explain_settlement(scored, STORY)
    assert {id for kind, id in walk(tree) if kind == "payment"} >= lines
    assert tree.title.zh.startswith("应付")


def test_unknown_line_is_an_error() -> None:
    with pytest.raises(KeyError):
        explain_line(april(STORY), "air/lot-1/2026-04/r1/s1/nothing", STORY)


def test_missing_evidence_is_said() -> None:
    tree = explain_line(april(STORY), "air/lot-1/2026-04/r1/s1/faults/late", [])
    assert walk(tree)[-1] == ("unknown", "breached f1 solved 1")


def test_export_reads_back_the_same() -> None:
    events = [*STORY, published(papers.agreement())]
    lines = [json.dumps(line) for line in papers.exported(events)]
    later = json.dumps({"id": "x", "type": "SomethingNewV9", "data": {}})
    assert list(read_recorded([*lines, "", later])) == events
