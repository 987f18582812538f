"""A tree of reasons: data for the API, and lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from contracts.values import Frozen, Moment, Words
from services.scoring.span import SHANGHAI

Kind = Literal[
    "settlement",
    "payment",
    "deduction",
    "indicator",
    "breach",
    "fault",
    "step",
    "task",
    "reading",
    "gap",
    "agreement",
    "unknown",
]


class Branch(Frozen):
    """One reason with the reasons for it. `id` is an event's id, a natural key, or the path of a line."""

    id: str
    kind: Kind
    title: Words
    at: Moment | None = None
    branches: tuple[Branch, ...] = ()


def text_of(branch: Branch, depth: int = 0) -> Iterator[str]:
    """One line for each branch, indented by its depth: Chinese first, then English, local time, and the id."""
    when = f"  {branch.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}" if branch.at else ""
    yield f"{'  ' * depth}- {branch.title}{when}  [{branch.id}]"
    for reason in branch.branches:
        yield from text_of(reason, depth + 1)
