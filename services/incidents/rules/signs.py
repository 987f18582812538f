"""What the rules say about a site's faults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from contracts.agreements.faults import PauseReason


@dataclass(frozen=True, slots=True)
class Seen:
    """A fault is to be opened. `since`: start of the first bad reading; `at`: when it had lasted long enough."""

    fault: str
    kind: str
    asset: str
    rule: str
    source: Literal["reading", "silence"]
    since: datetime
    at: datetime
    code: str | None = None
    evidence: tuple[str, ...] = ()
    """The first and the last bad reading."""


@dataclass(frozen=True, slots=True)
class Again:
    """A fault that people closed was not over: it is to be opened again. `at`: when that was certain."""

    fault: str
    kind: str
    asset: str
    rule: str
    source: Literal["reading", "silence"]
    at: datetime
    evidence: tuple[str, ...] = ()
    """The first and the last bad reading since it was closed."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A fault is to be resolved: nothing that held it open is true any more."""

    fault: str
    kind: str
    asset: str
    rule: str
    at: datetime
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A late reading changed what is known of the site's past outages of this reason."""

    reason: PauseReason
    evidence: tuple[str, ...]


Sign = Seen | Again | Gone | Rewritten
