"""Waterfalls: the spans of one trace as a tree, drawn as bars over a time whose long silences are folded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.console.domain.spans import Span

SHOWN_MAX = 400
_SILENCE = 0.06
"""A folded silence takes so much of the work that is drawn; shorter ones are drawn as they are."""


@dataclass(frozen=True, slots=True)
class Node:
    """A span in its place in the tree. `lost_parent`: what caused it was not kept."""

    span: Span
    depth: int
    lost_parent: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A span as a row of the picture; `left` and `width` in per cent of it."""

    span: Span
    depth: int
    left: float
    width: float
    lost_parent: bool


@dataclass(frozen=True, slots=True)
class Fold:
    """A silence that is drawn shorter than it lasted."""

    left: float
    width: float
    lasted: timedelta


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The picture of one trace. `left_out`: spans beyond `SHOWN_MAX`."""

    bars: tuple[Bar, ...]
    folds: tuple[Fold, ...]
    started: datetime | None
    lasted: timedelta
    services: tuple[str, ...]
    errors: int
    left_out: int


def tree_of(spans: Sequence[Span]) -> list[Node]:
    """Causes before effects, each followed by what it caused, in the order of time.

    Every span is in it once, also where parents are missing or go in a circle. No recursion: a timer that sets itself
    again stands under the last one, for years.
    """
    known = {span.span: span for span in sorted(spans, key=lambda one: (one.started_ns, one.span))}
    below: dict[str, list[Span]] = defaultdict(list)
    for span in known.values():
        below[span.parent if span.parent in known else ""].append(span)
    placed: dict[str, Node] = {}
    for top in (*below.pop("", ()), *known.values()):
        _place(Node(top, 0, bool(top.parent)), below, placed)
    return list(placed.values())


def _place(top: Node, below: Mapping[str, Sequence[Span]], placed: dict[str, Node]) -> None:
    waiting = [top]
    while waiting:
        node = waiting.pop()
        if node.span.span not in placed:
            placed[node.span.span] = node
            waiting += [Node(child, node.depth + 1) for child in reversed(below.get(node.span.span, ()))]


def waterfall_of(spans: Sequence[Span]) -> Waterfall:
    """Bars in the order of the tree, causes before effects."""
    rows = tree_of(spans)
    shown = rows[:SHOWN_MAX]
    scale = Scale.of([node.span for node in shown])
    return Waterfall(
        bars=tuple(_bar(node, scale) for node in shown),
        folds=scale.folds,
        started=min((span.at for span in spans), default=None),
        lasted=timedelta(microseconds=scale.lasted_ns / 1000),
        services=tuple(dict.fromkeys(node.span.service for node in rows)),
        errors=sum(node.span.error is not None for node in rows),
        left_out=len(rows) - len(shown),
    )


def _bar(node: Node, scale: Scale) -> Bar:
    left = scale.place(node.span.started_ns)
    width = scale.place(max(node.span.ended_ns, node.span.started_ns)) - left
    return Bar(node.span, node.depth, left, width, node.lost_parent)


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a moment lies in the picture: pieces of (from ns, to ns, from %, to %), work and silences in turn."""

    pieces: tuple[tuple[int, int, float, float], ...]
    folds: tuple[Fold, ...]
    lasted_ns: int

    @classmethod
    def of(cls, spans: Sequence[Span]) -> Scale:
        """The scale on which all of these have a place."""
        busy = _busy(spans)
        if not busy:
            return cls((), (), 0)
        works = sum(ends - starts for starts, ends in busy) or 1
        fold = max(1.0, works * _SILENCE)
        drawn: list[tuple[int, int, float]] = []
        for starts, ends in busy:
            if drawn:
                drawn.append((drawn[-1][1], starts, min(fold, starts - drawn[-1][1])))
            drawn.append((starts, ends, float(ends - starts)))
        return cls._laid_out(drawn)

    @classmethod
    def _laid_out(cls, drawn: Sequence[tuple[int, int, float]]) -> Scale:
        whole = sum(width for _, _, width in drawn) or 1.0
        pieces, folds, at = [], [], 0.0
        for starts, ends, width in drawn:
            part = 100 * width / whole
            pieces.append((starts, ends, at, at + part))
            if width < ends - starts:
                folds.append(Fold(at, part, timedelta(microseconds=(ends - starts) / 1000)))
            at += part
        return cls(tuple(pieces), tuple(folds), drawn[-1][1] - drawn[0][0])

    def place(self, ns: int) -> float:
        """In per cent."""
        for starts, ends, left, right in self.pieces:
            if ns <= ends:
                return left + (right - left) * (ns - starts) / max(1, ends - starts)
        return 100.0


def _busy(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """The times in which anything was at work, apart from each other, in order."""
    found: list[tuple[int, int]] = []
    for span in sorted(spans, key=lambda one: one.started_ns):
        starts, ends = span.started_ns, max(span.ended_ns, span.started_ns)
        if found and starts <= found[-1][1]:
            found[-1] = (found[-1][0], max(ends, found[-1][1]))
        else:
            found.append((starts, ends))
    return found
