"""Sets of time: sorted, disjoint spans of milliseconds, from (included) to (excluded)."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[int, int]
ENDLESS = 253_370_764_800_000
"""The end of what has none: the year 9999."""


def united(spans: Iterable[Span]) -> list[Span]:
    """The union; spans that touch become one, empty ones vanish."""
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def clipped(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """What of the spans lies in [start, end)."""
    cut = ((max(span[0], start), min(span[1], end)) for span in spans)
    return [span for span in cut if span[0] < span[1]]


def holds(spans: Iterable[Span], at: int) -> bool:
    """Whether an instant lies in one of them."""
    return any(start <= at < end for start, end in spans)
