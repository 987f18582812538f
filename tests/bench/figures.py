"""A row of the table of figures, the table, and what the machine is worth at this moment."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, process_time

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One row: what was measured, the aim, its ratio to a bare loop of the same run, and whether the aim is met."""

    what: str
    figure: str
    aim: str
    bare: str
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "missed", None: ""}[self.met]


@dataclass(frozen=True)
class Yard:
    """What three million multiplications in Python take here and now: 0.2 s of CPU is a good hour of this machine.

    `wall` longer than `cpu` means that others want the same cores.
    """

    cpu: float
    wall: float


def yardstick() -> Yard:
    """Measures it."""
    cpu, wall, total = process_time(), perf_counter(), 0
    for i in range(3_000_000):
        total += i * i
    return Yard(process_time() - cpu, perf_counter() - wall)


def show(figures: Sequence[Figure], yards: Sequence[Yard]) -> None:
    """Prints the table."""
    cpu, wall = [yard.cpu for yard in yards], [yard.wall for yard in yards]
    title = (
        f"yardstick {min(cpu):.2f} to {max(cpu):.2f} s of CPU, {min(wall):.2f} to {max(wall):.2f} s by the clock; "
        f"load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores; Python {sys.version}"
    )
    table = Table("what", "figure", "aim", "bare loop of the same run", "verdict", title=title, title_justify="left")
    for one in figures:
        table.add_row(one.what, one.figure, one.aim, one.bare, one.verdict)
    Console(width=150).print(table)


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which this part lies."""
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]
