"""What the demo shows at its end: score, settlement, notices, faults, and one deduction followed to its frame."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx

from watchbill.demo.cast import ZONE
from watchbill.installation import Installation
from watchbill.shown import console, show_table

MONTH = "2026-04"
_PAGE = 500
WITHDRAWN = "sla-breach-withdrawn"
STATES: Mapping[str, str] = {
    "met": "按时 met",
    "breached": "超时 breached",
    "running": "计时中 running",
    "paused": "暂停 paused",
}


@dataclass(frozen=True)
class Outcome:
    """Everything that the month came to: what two runs of one seed must agree on."""

    scores: list[dict[str, Any]]
    settlements: list[dict[str, Any]]
    faults: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    rejections: dict[str, int]

    def digest(self) -> dict[str, Any]:
        """The parts that must be the same whatever the machine's speed and however often a service was killed."""
        return {
            "settlements": self.settlements,
            "scores": [{**score, "revision": None} for score in self.scores if not score["provisional"]],
            "faults": sorted((f["id"], f["asset"], f["kind"], f["opened_at"], f["resolved_at"]) for f in self.faults),
            "clocks": sorted(
                (f["id"], c["clause"], c["state"], c["due"], c["breached_at"]) for f in self.faults for c in f["clocks"]
            ),
            "notices": sorted((m["person"], m["channel"], m["template"], m["text"]) for m in self.messages),
        }


class Asking:
    """Asks an installation as its administrator."""

    def __init__(self, town: Installation) -> None:
        token = town.secrets.token("installer", "administrator", "owner")
        headers = {"authorization": f"Bearer {token}"}
        self._clients = {
            name: httpx.Client(base_url=url, headers=headers, timeout=60) for name, url in town.http.items()
        }

    def get(self, service: str, path: str, **params: Any) -> Any:
        """The answer, as data."""
        answer = self._clients[service].get(path, params=params)
        answer.raise_for_status()
        return answer.json()

    def lines(self, service: str, path: str, **params: Any) -> list[dict[str, Any]]:
        """The answer of a query that comes as JSON lines."""
        answer = self._clients[service].get(path, params=params)
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def pages(self, service: str, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """All rows of a list that comes in pages."""
        skip = 0
        while rows := self.get(service, path, limit=_PAGE, skip=skip, **params):
            yield from rows
            skip += len(rows)


def outcome_of(asking: Asking) -> Outcome:
    """Reads what the month came to."""
    return Outcome(
        scores=asking.get("scoring", "/v1/scores", month=MONTH),
        settlements=asking.get("scoring", "/v1/settlements", month=MONTH),
        faults=list(asking.pages("incidents", "/v1/faults")),
        messages=list(asking.pages("notify", "/v1/messages")),
        rejections=asking.get("assets", "/v1/rejections/counts"),
    )


def show(outcome: Outcome, asking: Asking, names: Mapping[str, Any]) -> None:
    """Prints it as tables."""
    _show_faults(outcome, names)
    _show_scores(outcome, names)
    _show_settlement(outcome, names)
    _show_notices(outcome)
    _show_rejections(outcome)
    _show_chain(outcome, asking)


def _when(text: str | None) -> str:
    return f"{datetime.fromisoformat(text).astimezone(ZONE):%m-%d %H:%M}" if text else "—"


def _show_faults(outcome: Outcome, names: Mapping[str, Any]) -> None:
    columns = ("开始，编号 opened", "站点 site", "对象 asset", "故障 fault", "解决 resolved", "时限 clocks")
    show_table("故障与时限 / faults and clocks", columns, faults_table(outcome, names))


def faults_table(outcome: Outcome, names: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """A row for each fault, in order of their opening; the last cell tells of its clocks."""
    withdrawn = {message["subject"] for message in outcome.messages if message["template"] == WITHDRAWN}
    return [
        (
            f"{_when(fault['opened_at'])}\n{fault['id'][:8]}",
            names.get(fault["site"], fault["site"]),
            fault["asset"].removeprefix(f"{fault['site']}."),
            fault["title"],
            _when(fault["resolved_at"]),
            "\n".join(_told(fault, fault["id"] in withdrawn)) or "无适用时限 none",
        )
        for fault in sorted(outcome.faults, key=lambda one: str(one["opened_at"]))
    ]


def _told(fault: Mapping[str, Any], is_withdrawn: bool) -> Iterator[str]:
    """Its clocks, and what else is worth knowing of them."""
    yield from map(_clock, fault["clocks"])
    if is_withdrawn:
        yield "（曾报超时，后撤销 a breach was withdrawn）"
    for step in fault["steps"]:
        if step["step"] == "FaultReopened":
            yield f"（{_when(step['at'])} 重新打开：报已解决时故障仍在 reopened, it was not over）"


def _clock(clock: Mapping[str, Any]) -> str:
    return f"{clock['title']['zh']} {clock['clause']}：{STATES[clock['state']]}"


def _show_scores(outcome: Outcome, names: Mapping[str, Any]) -> None:
    rows = []
    for score in outcome.scores:
        worst = {kind: _worst(score, kind) for kind in ("capture", "validity", "in-time")}
        lost = "\n".join(
            f"{line['title']['zh']} {line['deduction']}：×{line['count']} −{line['points']}" for line in score["lines"]
        )
        rows.append((names.get(score["site"], score["site"]), score["points"], *worst.values(), lost or "—"))
    columns = ("站点 site", "得分 score", "捕获率 capture", "有效率 validity", "按时 in time", "扣分 deductions")
    show_table(f"{MONTH} 得分（满分 100）/ scores", columns, rows)


def _worst(score: Mapping[str, Any], indicator: str) -> str:
    """The worst value of an indicator, with and without exclusions (both rates side by side)."""
    values = [one for one in score["indicators"] if one["indicator"] == indicator and one["ratio"] is not None]
    if not values:
        return "—"
    worst = min(values, key=lambda one: float(one["ratio"]))
    text = f"{float(worst['ratio']):.2%}"
    raw = worst.get("raw_ratio")
    return text if raw in (None, worst["ratio"]) else f"{text} ({float(raw):.2%})"


def _show_settlement(outcome: Outcome, names: Mapping[str, Any]) -> None:
    settlement = outcome.settlements[-1]
    rows = [
        (names.get(s["site"], s["site"]), s["share"], taken(_deducted(s)), s["payable"]) for s in settlement["sites"]
    ]
    rows.append(("合计 total", settlement["gross"], taken(settlement["deducted"]), settlement["payable"]))
    title = f"结算 / settlement {settlement['settlement']} ({settlement['currency']})"
    show_table(title, ("站点 site", "月度基准金额 share", "扣款 deducted", "应付 payable"), rows)


def _deducted(site: Mapping[str, Any]) -> Decimal:
    return sum((Decimal(line["amount"]) for line in site["lines"]), Decimal("0.00"))


def taken(amount: Decimal | str) -> str:
    """An amount as a deduction; nothing is no deduction."""
    return f"−{amount}" if Decimal(amount) else "—"


def _show_notices(outcome: Outcome) -> None:
    counts = Counter((message["template"], message["channel"], message["state"]) for message in outcome.messages)
    rows = [(*key, number) for key, number in sorted(counts.items())]
    show_table("通知 / notices", ("模板 template", "渠道 channel", "状态 state", "条数 number"), rows)


def _show_rejections(outcome: Outcome) -> None:
    rows = sorted(outcome.rejections.items())
    show_table("被拒绝或隔离的数据 / refused and quarantined", ("原因 reason", "条数 number"), rows)


def _show_chain(outcome: Outcome, asking: Asking) -> None:
    """One deduction, from the yuan to the frame."""
    settlement = outcome.settlements[-1]
    lines = [line for site in settlement["sites"] for line in site["lines"]]
    if not lines:
        return
    line = max(lines, key=lambda one: (one["deduction"].startswith("late"), len(one["evidence"])))
    tree = asking.get("scoring", f"/v1/settlements/{settlement['settlement']}/explain", line=line["line"])
    console.print(f"\n[bold]一笔扣款的来由 / why one deduction was made:[/bold] {line['line']}")
    _print(tree, 0)
    for reading in _readings(tree):
        _show_frame(reading, asking)


def _print(branch: Mapping[str, Any], depth: int) -> None:
    when = f"  {_when(branch['at'])}" if branch.get("at") else ""
    title = f"{branch['title']['zh']} / {branch['title']['en']}"
    console.print(f"{'   ' * depth}└ {title}{when}  {branch['id']}", markup=False, highlight=False)
    for reason in branch["branches"]:
        _print(reason, depth + 1)


def _readings(branch: Mapping[str, Any]) -> list[str]:
    """The readings at the leaves of a tree, at most three. Minute readings are kept by assets only."""
    found = [branch["id"]] if re.fullmatch(r"[^/]+/(minute|hour)/\d{8}T\d{6}Z", branch["id"]) else []
    for reason in branch["branches"]:
        found += _readings(reason)
    return found[:3]


def _show_frame(reading: str, asking: Asking) -> None:
    """The reading as it is stored, with the proof of the frame it came in."""
    row = asking.get("assets", f"/v1/sites/{reading.split('/')[0]}/readings/{reading.partition('/')[2]}")
    values = " ".join(f"{code}={value.get('v', '—')}{value['f']}" for code, value in row["values"].items())
    console.print(f"   报文 frame {reading} {_when(row['time'])}: SHA-256 {row['digest'][:24]}… {values}", markup=False)
