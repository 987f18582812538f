"""The tables at the end of the demo: every state of a clock and of a fault can be shown."""

from __future__ import annotations

from typing import Any, get_args

from services.incidents.clock import State
from watchbill.demo.cast import CHAPTERS, april
from watchbill.demo.report import STATES, WITHDRAWN, Outcome, faults_table, taken

WORDS = {"zh": "仪器故障", "en": "Instrument fault"}


def fault(id: str, *states: str, steps: tuple[str, ...] = (), resolved: str | None = None) -> dict[str, Any]:
    clocks = [{"clause": f"c{n}", "title": {"zh": f"条款{n}", "en": "c"}, "state": s} for n, s in enumerate(states)]
    done = [{"step": step, "at": "2026-04-10T09:30:00Z"} for step in steps]
    return {
        "id": id, "opened_at": "2026-04-10T06:20:00Z", "resolved_at": resolved, "site": "s", "asset": "s.no2",
        "title": WORDS, "clocks": clocks, "steps": done,
    }  # fmt: skip


def told(*faults: dict[str, Any], withdrawn: str = "") -> list[str]:
    messages = [{"template": WITHDRAWN, "subject": withdrawn}]
    return [str(row[-1]) for row in faults_table(Outcome([], [], list(faults), messages, {}), {"s": "一号站"})]


def test_every_state_of_a_clock_has_words() -> None:
    assert set(STATES) == set(get_args(State)) - {"not_covered"}
    (cell,) = told(fault("f", *STATES))
    assert cell.splitlines() == [f"条款{n} c{n}：{words}" for n, words in enumerate(STATES.values())]


def test_fault_without_clocks_says_so() -> None:
    assert told(fault("f")) == ["无适用时限 none"]


def test_withdrawal_and_reopening_are_shown() -> None:
    (cell,) = told(fault("f", "met", steps=("FaultResolved", "FaultReopened")), withdrawn="f")
    assert "曾报超时，后撤销" in cell and "04-10 17:30 重新打开" in cell
    assert "撤销" not in told(fault("g", "met"), withdrawn="f")[0]


def test_nothing_taken_is_no_deduction() -> None:
    assert [taken(amount) for amount in ("0.00", "511.90")] == ["—", "−511.90"]


def test_month_tells_what_people_do() -> None:
    """Each call, each missed patrol and each failed item of the script has its line, in order of time."""
    script, told = april(7), {(chapter.site, chapter.starts) for chapter in CHAPTERS}
    assert {(call.site, call.at) for call in script.calls} <= told
    assert {site for _, site, _ in (*script.skipped, *script.failed)} <= {site for site, _ in told}
    assert [one.starts for one in CHAPTERS] == sorted(one.starts for one in CHAPTERS)
