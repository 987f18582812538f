"""Faults as a list shows them: each in one line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.events.incidents import FaultOpenedV1, FaultReopenedV1
from services.console.domain.rows import Row
from services.console.domain.story import breaches_of, is_open


@dataclass(frozen=True, slots=True)
class Line:
    """A fault, whether it goes on, and how many breaches stand and were withdrawn."""

    opened: FaultOpenedV1
    open: bool
    reopened: bool
    breaches: int
    withdrawn: int
    traces: tuple[str, ...]


def lines_of(rows: Iterable[Row]) -> list[Line]:
    """From the events of faults; the newest first. A fault whose opening is not among them is left out."""
    by_fault: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_fault[row.fault or ""].append(row)
    lines = [line for own in by_fault.values() for line in _line(own)]
    return sorted(lines, key=lambda line: (line.opened.at, line.opened.fault), reverse=True)


def _line(own: list[Row]) -> Iterable[Line]:
    for row in own:
        if isinstance(opened := row.event, FaultOpenedV1):
            traces = tuple(dict.fromkeys(one.trace for one in own if one.trace))
            reopened = any(isinstance(one.event, FaultReopenedV1) for one in own)
            standing = list(breaches_of(own).values())
            yield Line(opened, is_open(own), reopened, standing.count(True), standing.count(False), traces)
