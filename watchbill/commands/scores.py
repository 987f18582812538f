"""`watchbill score explain`: why an amount was taken, from the yuan to the frame; asked, or computed from a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from contracts.agreements.agreement import Agreement
from contracts.agreements.mistakes.mistake import nearest
from contracts.events.assets import ReadingReceivedV1
from services.scoring.domain import Branch, MonthScore, Recorded, text_of
from services.scoring.proofs import Proofs
from watchbill.addresses import Addresses, fail
from watchbill.commands.clocks import ZONE, Events, Terms
from watchbill.exits import exits
from watchbill.exported import READING, read_events, read_terms
from watchbill.readings import key_of, recorded_of
from watchbill.recomputed import Asked, explained, settled
from watchbill.shown import AsJson, show_json
from watchbill.spoken import Spoken

EXITS = exits("已说明 explained", "没有该结算或扣款，或文件有误 no such settlement or line, or a wrong file")
SETTLEMENT = re.compile(r"[^/]+/[^/]+/\d{4}-\d{2}/r\d+")
app = Spoken(help="得分与付款 / scores and payments")
Line = Annotated[
    str | None,
    typer.Argument(help="结算或扣款编号 / a settlement's or line's id: wuhan-air/lot-1/2026-04/r1"),
]
Month = Annotated[str | None, typer.Option(help="月份 YYYY-MM（文件中有几个月时）/ which month of the file")]
Chosen = Annotated[str | None, typer.Option("--line", help="只说明这一笔 / this payment line of the file only")]
Readings = dict[str, Recorded]


@app.callback()
def scores() -> None:
    """得分与付款 / scores and payments."""


@app.command("explain", epilog=EXITS)
def explain(
    line: Line = None,
    events: Events = None,
    agreement: Terms = None,
    month: Month = None,
    chosen: Chosen = None,
    as_json: AsJson = False,
) -> None:
    """说明一笔扣款或整个结算：扣分、超时、故障，直到报文 / why an amount was taken, down to the frame."""
    wanted = chosen or line
    if wanted is not None and SETTLEMENT.match(wanted) is None:
        raise fail(
            f"{wanted} 不是结算或扣款编号，例如 wuhan-air/lot-1/2026-04/r1",
            f"{wanted} is no id of a settlement or line, such as wuhan-air/lot-1/2026-04/r1",
            2,
        )
    if events is not None:
        trees, readings = _from_file(events, read_terms(agreement) if agreement else None, wanted, month)
    elif wanted is not None:
        trees, readings = _from_installation(wanted)
    else:
        raise fail(
            "请给出结算或扣款编号，或用 --events 指定文件",
            "Give the id of a settlement or line, or a file by --events",
            2,
        )
    _show(trees, readings, as_json)


def _from_installation(wanted: str) -> tuple[list[Branch], Readings]:
    addresses = Addresses.read()
    settlement = SETTLEMENT.match(wanted)
    assert settlement is not None
    line = wanted if wanted != settlement[0] else None
    tree = Branch.model_validate(addresses.get("scoring", f"/v1/settlements/{settlement[0]}/explain", line=line))
    return [tree], _stored(addresses, readings_named([tree]))


def _stored(addresses: Addresses, keys: Iterable[str]) -> Readings:
    """What assets holds of these readings; those it does not hold are left out."""
    found: Readings = {}
    with addresses.client("assets") as client:
        for key in keys:
            site, kind, time = key_of(key) or ("", "", "")
            try:
                answer = client.get(f"/v1/sites/{site}/readings/{kind}/{time}")
            except httpx.TransportError:
                break
            if answer.status_code == 200:
                found[key] = recorded_of(answer.json())
    return found


def _from_file(
    file: Path, terms: Agreement | None, wanted: str | None, month: str | None
) -> tuple[list[Branch], Readings]:
    """Two passes: what is scored first, then the readings that its reasons name, however many the file holds."""
    events = list(read_events(file, _is_scored))
    asked = Asked.of(wanted, month)
    trees = [_tree(scored, asked, events) for scored in settled(events, terms, asked)]
    named = set(readings_named(trees))
    found: Readings = {}
    for known in read_events(file, lambda line: _is_reading(line) and line["data"]["reading"] in named):
        assert isinstance(known.event, ReadingReceivedV1)
        found.setdefault(known.event.reading, known)
    return trees, found


def _tree(scored: MonthScore, asked: Asked, events: Sequence[Recorded]) -> Branch:
    try:
        return explained(scored, asked, events)
    except KeyError:
        known = [line.line for site in scored.settlement.sites for line in site.lines]
        near = nearest(str(asked.line), known) or "—"
        raise fail(
            f"重新计算后没有扣款 {asked.line}，最接近的是 {near}",
            f"Computed anew there is no line {asked.line}; the nearest is {near}",
        ) from None


def _is_reading(line: Mapping[str, Any]) -> bool:
    return bool(line["type"] == READING)


def _is_scored(line: Mapping[str, Any]) -> bool:
    return not _is_reading(line) or line["data"]["kind"] == "hour"


def readings_named(trees: Iterable[Branch]) -> Iterator[str]:
    """The natural keys of the readings that trees end in, known or not; once each."""
    seen: set[str] = set()
    waiting = list(trees)
    while waiting:
        branch = waiting.pop(0)
        waiting = [*branch.branches, *waiting]
        if branch.kind in ("reading", "unknown") and key_of(branch.id) and branch.id not in seen:
            seen.add(branch.id)
            yield branch.id


def with_readings(tree: Branch, readings: Readings) -> Branch:
    """The tree with the values of readings that scoring itself does not keep."""
    if tree.kind == "unknown" and tree.id in readings:
        return Proofs([readings[tree.id]]).proof_of(tree.id)
    return tree.model_copy(update={"branches": tuple(with_readings(below, readings) for below in tree.branches)})


def _show(trees: Sequence[Branch], readings: Readings, as_json: bool) -> None:
    whole = [with_readings(tree, readings) for tree in trees]
    if as_json:
        frames = {key: known.event.model_dump(mode="json") for key, known in sorted(readings.items())}
        return show_json({"trees": [tree.model_dump(mode="json") for tree in whole], "readings": frames})
    for tree in whole:
        for line in lines_of(tree, readings):
            typer.echo(line)
    return None


def lines_of(tree: Branch, readings: Readings, depth: int = 0) -> Iterator[str]:
    """For people: one line for each reason, and below a reading the proof of its origin."""
    yield from text_of(tree.model_copy(update={"branches": ()}), depth)
    if (known := readings.get(tree.id)) and isinstance(known.event, ReadingReceivedV1):
        yield f"{'  ' * depth}    {_proof(known.event)}"
    for below in tree.branches:
        yield from lines_of(below, readings, depth + 1)


def _proof(reading: ReadingReceivedV1) -> str:
    received = f"{reading.received_at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"
    return f"报文 frame SHA-256 {reading.digest or '—'}，{reading.channel}，收到 received {received}"
