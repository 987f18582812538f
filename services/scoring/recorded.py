"""Recorded events: a fact together with the id it was said under, by which evidence names it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from contracts.events.catalog import EVENTS
from contracts.events.event import Event

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Recorded:
    """`id` is the CloudEvents id of the event."""

    id: str
    event: Event


def in_order(events: Iterable[Recorded]) -> tuple[Recorded, ...]:
    """Each id once, sorted by id: so that neither order nor redelivery can change what is made of them."""
    return tuple(sorted({known.id: known for known in events}.values(), key=lambda known: known.id))


def of_type(events: Iterable[Recorded], kind: type[E]) -> Iterator[tuple[str, E]]:
    """Id and event of those that are of one type."""
    return ((known.id, known.event) for known in events if isinstance(known.event, kind))


def read_recorded(lines: Iterable[str]) -> Iterator[Recorded]:
    """Reads exported lines: one JSON object `{"id", "type", …, "data"}` each; types of a later version are read over.

    Raises ValueError for a line that is no such object.
    """
    for line in filter(str.strip, lines):
        kept = json.loads(line)
        if kept["type"] in EVENTS:
            yield Recorded(kept["id"], EVENTS[kept["type"]].model_validate(kept["data"]))
