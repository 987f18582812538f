"""Spans: a piece of work of one service, under the one that caused it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

Attribute = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Span:
    """One span as its service reported it. Ids are hex; `parent` is empty at the root; times in ns since 1970."""

    trace: str
    span: str
    parent: str
    service: str
    name: str
    started_ns: int
    ended_ns: int
    error: str | None = None
    """What went wrong; None where nothing did."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        """When it began."""
        return _moment(self.started_ns)

    @property
    def lasted(self) -> timedelta:
        """How long it took."""
        return timedelta(microseconds=max(0, self.ended_ns - self.started_ns) / 1000)


def _moment(ns: int) -> datetime:
    """MongoDB's and our finest time is the millisecond."""
    return datetime.fromtimestamp(ns // 1_000_000 / 1000, UTC)
