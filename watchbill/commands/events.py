"""`watchbill events export`: everything of a month as JSON lines, from which every figure can be computed anew."""

from __future__ import annotations

import hashlib
import heapq
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from services.scoring.span import first_day, midnight, month_after
from watchbill.addresses import Addresses, fail
from watchbill.exits import exits
from watchbill.exported import READING, line_of
from watchbill.readings import recorded_of
from watchbill.said import said_in
from watchbill.shown import AsJson, show_json
from watchbill.spoken import Spoken
from watchbill.streams import lines_from

EXITS = exits("已导出 exported", "被拒绝 refused")
app = Spoken(help="事件 / events")
Month = Annotated[str, typer.Option(help="月份 / month: YYYY-MM")]
Out = Annotated[Path | None, typer.Option(help="输出文件，缺省为标准输出 / file; default: standard output")]
Minutes = Annotated[
    bool, typer.Option("--minutes/--no-minutes", help="是否包括分钟和实时读数 / minute and realtime readings too")
]
Line = dict[str, Any]
_ONE_DAY = timedelta(days=1)


@app.callback()
def events() -> None:
    """事件 / events."""


@app.command("export", epilog=EXITS)
def export(month: Month = "", out: Out = None, minutes: Minutes = True, as_json: AsJson = False) -> None:
    """按时间导出一个月的全部事件，每行一个 JSON / export a month in order of time, one JSON a line.

    --json 输出摘要（需要 --out）/ prints a summary (with --out).
    """
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise fail("请用 --month 给出月份，例如 2026-04", "Give the month by --month, such as 2026-04", 2)
    addresses = Addresses.read()
    with _output(out) as file:
        written = write(month_lines(addresses, month, minutes), file)
    if out is None:
        return
    if as_json:
        show_json({"month": month, "file": str(out), **written.record()})
    else:
        typer.echo(f"{out}：{written.lines} 行 lines，SHA-256 {written.digest.hexdigest()}")


@dataclass
class Written:
    """What was written: the same installation and month give the same digest."""

    types: Counter[str] = field(default_factory=Counter)
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def lines(self) -> int:
        """How many."""
        return sum(self.types.values())

    def record(self) -> dict[str, Any]:
        """For programs."""
        return {"lines": self.lines, "types": dict(sorted(self.types.items())), "sha256": self.digest.hexdigest()}


def write(lines: Iterable[Line], file: BinaryIO) -> Written:
    """Writes each line as JSON in UTF-8."""
    written = Written()
    for line in lines:
        text = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        file.write(text)
        written.digest.update(text)
        written.types[line["type"]] += 1
    return written


@contextmanager
def _output(out: Path | None) -> Iterator[BinaryIO]:
    """A file that is there only when it is whole; or standard output."""
    if out is None:
        yield sys.stdout.buffer
        return
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def month_lines(addresses: Addresses, month: str, minutes: bool) -> Iterator[Line]:
    """The lines of a month by time: scoring's evidence of each lot, the other readings that assets holds, and what else
    was said."""
    sites = addresses.get("assets", "/v1/sites")
    lots = sorted({f"{site['agreement']}/{site['lot']}" for site in sites})
    streams = [lines_from(addresses, "scoring", "/v1/events", month=month, lot=lot) for lot in lots]
    kinds = ("realtime", "minute", "day") if minutes else ("day",)
    streams += [_readings(addresses, kind, month) for kind in kinds]
    return merged([*streams, said_in(addresses, month, minutes)])


def merged(streams: Iterable[Iterable[Line]]) -> Iterator[Line]:
    """Streams that are in order each become one in order; what several of them tell is told once."""
    last = None
    for line in heapq.merge(*streams, key=order_of):
        if line["id"] != last:
            yield line
        last = line["id"]


def order_of(line: Line) -> tuple[datetime, str, str]:
    """By the time a fact became true, then by name: a reading's natural key, or the event's id."""
    data = line["data"]
    if line["type"] != READING:
        return datetime.fromisoformat(data["at"]), str(line["id"]), ""
    released = f"+{data['released_from']}" if data.get("released_from") else ""
    return datetime.fromisoformat(data["at"]), f"{data['reading']}{released}", str(line["id"])


def _readings(addresses: Addresses, kind: str, month: str) -> Iterator[Line]:
    """The readings of a kind, by time: assets tells them by site, so one day at a time is put in order."""
    for day in days_of(month):
        period = {"start": midnight(day).isoformat(), "end": midnight(day + _ONE_DAY).isoformat()}
        rows = lines_from(addresses, "assets", "/v1/readings", kind=kind, **period)
        yield from sorted((reading_line(row) for row in rows), key=order_of)


def reading_line(row: Line) -> Line:
    """A row of assets' readings as the line of the event it came from."""
    recorded = recorded_of(row)
    return line_of(recorded, datetime.fromisoformat(row["received_at"]).isoformat())


def days_of(month: str) -> Iterator[date]:
    """The days of a natural month."""
    day, last = first_day(month), first_day(month_after(month))
    while day < last:
        yield day
        day += _ONE_DAY
