"""A row of the table of figures, the table, and what the machine is worth at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import process_time

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


def yardstick() -> float:
    """Seconds of CPU for three million multiplications in Python: 0.2 at the machine's best."""
    started, total = process_time(), 0
    for i in range(3_000_000):
        total += i * i
    return process_time() - started


def show(figures: Sequence[Figure], yards: Sequence[float]) -> None:
    """Prints the table."""
    title = f"yardstick {min(yards):.2f} to {max(yards):.2f} s (0.2 at the machine's best)"
    table = Table("what", "figure", "aim", "bare loop of the same run", "verdict", title=title, title_justify="left")
    for one in figures:
        table.add_row(one.what, one.figure, one.aim, one.bare, one.verdict)
    Console(width=150).print(table)


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which this part lies."""
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]
