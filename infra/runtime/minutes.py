"""The minutes of a page: what the log says of its letters, once the page is committed and not before.

One line for each letter that caused something or could not be handled, and one for the page, which counts the others;
with a log at DEBUG, one for each of the others, too.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from infra.runtime.ledger import Page
from infra.runtime.letters import Letter
from infra.runtime.telemetry import trace_id_of, trace_of

log = structlog.get_logger()


@dataclass
class Minutes:
    """Lines that wait for their page."""

    _says_all: bool = field(default_factory=lambda: log.is_enabled_for(logging.DEBUG))
    _handled: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    _parked: list[dict[str, Any]] = field(default_factory=list)

    def handled(self, letter: Letter, handler: str, said: int, trace: Mapping[str, str] | None) -> None:
        """A handler heard it. `trace`: of what it caused, events to be said or timers; None where that is nothing, or
        only events of which there are plenty (`Event.PLENTY`)."""
        if trace is not None or self._says_all:
            level = logging.DEBUG if trace is None else logging.INFO
            named = _named(letter, handler, trace_of(letter.attributes) if trace is None else trace)
            self._handled.append((level, named | {"said": said}))

    def parked(self, letter: Letter, handler: str | None, reason: str) -> None:
        """It could not be read, or not be handled."""
        self._parked.append(_named(letter, handler, trace_of(letter.attributes)) | {"reason": reason[-300:]})

    def close(self, line: str, page: Page, letters: Sequence[Letter], seconds: float) -> None:
        """The page is committed: says everything."""
        for one in self._parked:
            log.error("letter parked", **one)
        for level, one in self._handled:
            log.log(level, "letter handled", **one)
        log.info(
            "page handled", line=line, offsets=_stretches(letters), letters=len(letters),
            said=sum(len(entry.says) for entry in page.entries), parked=len(page.parked), ms=round(seconds * 1000, 1),
        )  # fmt: skip


def _named(letter: Letter, handler: str | None, trace: Mapping[str, str]) -> dict[str, Any]:
    where = f"{letter.topic}/{letter.partition}/{letter.offset}"
    return {
        "event_id": letter.id, "type": letter.type, "handler": handler, "trace_id": trace_id_of(trace), "at": where,
    }  # fmt: skip


def _stretches(letters: Sequence[Letter]) -> dict[str, str]:
    """From where to where these letters go, by `topic/partition`: by it a letter's page is found."""
    found: dict[str, list[int]] = defaultdict(list)
    for letter in letters:
        found[f"{letter.topic}/{letter.partition}"].append(letter.offset)
    return {where: f"{min(offsets)}-{max(offsets)}" for where, offsets in found.items()}
