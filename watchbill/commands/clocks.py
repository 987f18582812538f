"""`watchbill clock explain`: how a due time came about, from the running installation or from exported events alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from contracts.agreements.agreement import Agreement
from contracts.agreements.days import UnknownYear, zone_of
from contracts.events.assets import AgreementPublishedV1
from contracts.events.incidents import FaultEvent, FaultOpenedV1, FaultStep
from contracts.values import Words
from services.incidents.clock import Explanation, explain_events
from services.scoring.domain import Recorded
from services.scoring.recorded import in_order
from watchbill.addresses import Addresses, fail
from watchbill.exits import exits
from watchbill.exported import Published, published_in, read_events, read_terms
from watchbill.shown import AsJson, show_json
from watchbill.spoken import Spoken

EXITS = exits("已说明 explained", "没有该故障或文件有误 no such fault, or a wrong file")
ZONE = zone_of("Asia/Shanghai")
_NUMBER = re.compile("[0-9a-f]{8}")
app = Spoken(help="时限 / SLA clocks")
Fault = Annotated[
    str | None,
    typer.Argument(help="故障编号，或短信中的前 8 位（运行中的系统）/ a fault's id, or the 8 signs that an SMS says"),
]
Events = Annotated[Path | None, typer.Option(help="导出的事件文件 / a file of exported events")]
Terms = Annotated[
    Path | None,
    typer.Option(help="协议文件夹或 JSON；缺省取文件中的 / a folder or JSON; default: the file's"),
]
Chosen = Annotated[str | None, typer.Option("--fault", help="只说明这个故障 / this fault of the file only")]
At = Annotated[
    datetime | None,
    typer.Option(help="截至此时（北京时间），缺省为文件的末尾 / as of, Beijing time; default: the file's last"),
]


@dataclass(frozen=True)
class Told:
    """One fault with the explanations of its clocks; `unknown`: clauses that need a year the calendar lacks."""

    fault: dict[str, Any]
    clocks: tuple[Explanation, ...]
    unknown: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """For programs."""
        return {**self.fault, "clocks": [clock.record() for clock in self.clocks], "clocks_unknown": self.unknown}


@app.callback()
def clocks() -> None:
    """时限 / SLA clocks."""


@app.command("explain", epilog=EXITS)
def explain(
    fault: Fault = None,
    events: Events = None,
    agreement: Terms = None,
    chosen: Chosen = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """说明时限的由来：条款与出处、日历、各段计时、到期时刻 / how a due time came about, line by line."""
    wanted = chosen or fault
    if events is not None:
        told = told_of(_events(events), read_terms(agreement) if agreement else None, wanted, at and _local(at))
    elif wanted is not None:
        told = [_running(wanted)]
    else:
        raise fail("请给出故障编号，或用 --events 指定文件", "Give a fault's id, or a file by --events", 2)
    if not told:
        raise fail(f"文件中没有故障 {wanted or ''}", f"No fault {wanted or ''} in the file")
    if as_json:
        show_json([one.record() for one in told])
    else:
        for line in (line for one in told for line in lines_of(one)):
            typer.echo(line)


def _local(at: datetime) -> datetime:
    return at.replace(tzinfo=ZONE) if at.tzinfo is None else at


def _running(fault: str) -> Told:
    addresses = Addresses.read()
    if _NUMBER.fullmatch(fault):
        found = addresses.get("incidents", "/v1/faults", number=fault)
        fault = found[0]["id"] if len(found) == 1 else fault
    view = addresses.get("incidents", f"/v1/faults/{fault}")
    rows = addresses.get("incidents", f"/v1/faults/{fault}/clocks")
    told = TypeAdapter(tuple[Explanation, ...]).validate_python(rows)
    names = ("agreement", "agreement_version", "lot", "site", "asset", "kind", "title", "opened_at")
    known = {"fault": view["id"], **{name: view[name] for name in names}}
    return Told(known, told, tuple(view["clocks_unknown"]))


def _events(file: Path) -> list[Recorded]:
    kinds = {kind.__name__ for kind in _all_of(FaultEvent)} | {AgreementPublishedV1.type()}
    return list(read_events(file, lambda line: line["type"] in kinds))


def _all_of(kind: type[FaultEvent]) -> Iterator[type[FaultEvent]]:
    for below in kind.__subclasses__():
        yield from (below, *_all_of(below))


def told_of(
    events: Sequence[Recorded], terms: Agreement | None, fault: str | None, at: datetime | None = None
) -> list[Told]:
    """The faults among the events (or the one named) with their clocks, in order of their opening. Pure, but exits (1)
    where a fault's agreement is not known.

    A fault is explained by `terms`, or else by the version it opened under, as published among the events; as of `at`,
    or else of the latest instant that the events of faults tell of.
    """
    known = [one.event for one in in_order(events) if isinstance(one.event, FaultEvent)]
    as_of = at or max((_heard(event) for event in known), default=None)
    openings = {event.fault: event for event in known if isinstance(event, FaultOpenedV1)}
    wanted = [opened for opened in openings.values() if fault in (None, opened.fault)]
    published = published_in(events)
    told = []
    for opened in sorted(wanted, key=lambda one: (one.at, one.fault)):
        thread = [event for event in known if event.fault == opened.fault]
        told.append(_explained(opened, thread, terms or _published(opened, published), as_of))
    return told


def _heard(event: FaultEvent) -> datetime:
    return max(event.at, event.posted_at) if isinstance(event, FaultStep) else event.at


def _published(opened: FaultOpenedV1, published: Published) -> Agreement:
    found = published.get((opened.agreement, opened.agreement_version))
    if found is None:
        name, version = opened.agreement, opened.agreement_version
        raise fail(
            f"文件中没有协议 {name} 第 {version} 版，请用 --agreement 指定",
            f"Version {version} of {name} is not in the file: name it by --agreement",
        )
    return found.document


def _explained(opened: FaultOpenedV1, thread: list[FaultEvent], terms: Agreement, as_of: datetime | None) -> Told:
    """Clause by clause: one that needs an unpublished year does not hide the others."""
    if terms.id != opened.agreement or opened.lot not in {lot.id for lot in terms.lots}:
        wanted = f"{opened.agreement}/{opened.lot}"
        raise fail(f"给出的协议不含 {wanted}", f"The agreement given has no {wanted}")
    lot = terms.lot(opened.lot)
    clocks: list[Explanation] = []
    unknown: list[str] = []
    for clause in lot.sla:
        alone = terms.model_copy(update={"lots": (lot.model_copy(update={"sla": (clause,)}),)})
        try:
            clocks.extend(explain_events(thread, alone, as_of))
        except UnknownYear:
            unknown.append(clause.id)
    names = ("fault", "agreement", "agreement_version", "lot", "site", "asset", "kind", "title")
    shown = {**opened.model_dump(mode="json", include=set(names)), "opened_at": opened.at.isoformat()}
    return Told(shown, tuple(clocks), tuple(unknown))


def lines_of(told: Told) -> Iterator[str]:
    """For people: every line Chinese first, its English below it."""
    yield from _pair(_headline(told.fault), 0)
    for clock in told.clocks:
        for number, words in enumerate(clock.lines):
            yield from _pair(words, 1 if number == 0 else 2)
    for clause in told.unknown:
        zh = f"条款 {clause}：日历缺少所需年份，公布放假安排后才能确定"
        en = f"clause {clause}: the calendar lacks a year it needs: publish its holidays"
        yield from _pair(Words(zh=zh, en=en), 1)
    yield ""


def _pair(words: Words, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{words.zh}"
    yield f"{'  ' * depth}  {words.en}"


def _headline(fault: Mapping[str, Any]) -> Words:
    opened = f"{datetime.fromisoformat(fault['opened_at']).astimezone(ZONE):%Y-%m-%d %H:%M:%S}"
    name, title = f"{fault['asset']} [{fault['fault']}]", fault["title"]
    return Words(zh=f"故障 {name}：{title['zh']}，{opened}", en=f"fault {name}: {title['en']}, {opened}")
