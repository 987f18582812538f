"""How the commands show things: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

WIDTH = 150
"""Columns where nobody's terminal says how many."""
NOTHING = "没有记录 / nothing"
AsJson = Annotated[bool, typer.Option("--json", help="以 JSON 输出 / print JSON")]
console = Console(width=None if sys.stdout.isatty() else WIDTH)


def show_json(value: Any) -> None:
    """One JSON document, Chinese as it is."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; every cell is shown as text, nothing in it is markup. Without rows: that there are none."""
    rows = list(rows)
    if not rows:
        console.print(f"{title}\n{NOTHING}", highlight=False)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, Mapping) and "zh" in value:
        return f"{value['zh']} / {value['en']}"
    text = "" if value is None else str(value)
    return text.replace("[", "\\[")
