"""What is known of a site between two readings. Light structures: thousands of them are made a second."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from contracts.agreements.faults import PauseReason

SUSPECTED, SEEN, CLEARING = 1, 2, 3
GOOD, BETWEEN, BAD = 0, 1, 2

Source = Literal["reading", "silence", "inspection", "call"]


class Memory(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a condition remembers of earlier values: the start of the run or day, its extremes, the end of the last."""

    since: int
    low: Decimal
    high: Decimal
    last: int = 0


class Streak(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far one rule has come on one parameter; no streak: all is well.

    SUSPECTED: bad since `since`, not yet for long enough. SEEN: it holds a fault open, bad since `since`. CLEARING:
    good since `since`, not yet for long enough. No `since` lies before a gap in the values that the rule looks at.
    `first`: start of the first bad reading, or -1. `last`: end of the last value that the rule looked at. `bad`: from
    when to when it was bad, on and off, without having been clear or a gap between; (0, 0) for silences.
    """

    phase: int
    since: int
    first: int
    last: int = 0
    bad: tuple[int, int] = (0, 0)


class OpenFault(msgspec.Struct, frozen=True, array_like=True):
    """An open fault, and the tracks (rule, asset, code) that still need it open.

    `good`: since when those were good that needed it and no longer do, by the last of them; 0 where there are none.
    One that was opened again is not over before that. `held`: since when rules have needed it, without a time in
    between in which none did; 0: since it opened.
    """

    fault: str
    asset: str
    kind: str
    source: Source
    at: int
    holders: tuple[str, ...] = ()
    good: int = 0
    held: int = 0


class Doubt(msgspec.Struct, frozen=True, array_like=True):
    """A fault that people closed while rules held it open; its holders are those that were not clear for long enough.

    `at`: when it was over, by what they said.
    """

    fault: OpenFault
    at: int


class Run(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Readings of one grade, each `step` long, that lie end to end."""

    grade: int
    start: int
    end: int
    step: int


class Trail(msgspec.Struct, frozen=True, array_like=True):
    """All that one pausing rule has seen on one parameter, in order of event time, however late it came.

    `settled`: outages of the times whose runs are no longer kept; `shortened`: whether there are such times.
    """

    reason: PauseReason
    lasts: int
    clears: int
    runs: tuple[Run, ...] = ()
    settled: tuple[tuple[int, int], ...] = ()
    shortened: bool = False


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """An outage that is known by a fault alone (a call, a silence), not by a trail of readings."""

    fault: str
    reason: PauseReason
    starts: int
    ends: int | None = None


class Closed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A fault that was resolved a short while ago: late evidence may still change its pauses."""

    fault: str
    at: int


class Watch(msgspec.Struct, frozen=True):
    """A site's state. Treat the dicts as immutable: a change is a new Watch with new dicts.

    `newest`: start of the newest evaluated reading by kind; `lacking`: of the codes that rules look at, those which no
    packet of that period held yet. `heard`: end of the newest reading of all.
    `streaks`, `memories`, `trails`: by track (`rule|asset|code`). `open`, `doubts`: by `asset|kind`, at most one each.
    `armed`: due time of the site's silence timer. `horizon`: outages that ended before it are no longer known.
    """

    site: str
    newest: dict[str, int] = {}
    lacking: dict[str, tuple[str, ...]] = {}
    heard: int = 0
    streaks: dict[str, Streak] = {}
    memories: dict[str, Memory] = {}
    open: dict[str, OpenFault] = {}
    doubts: dict[str, Doubt] = {}
    trails: dict[str, Trail] = {}
    claims: tuple[Claim, ...] = ()
    closed: tuple[Closed, ...] = ()
    armed: int | None = None
    horizon: int = 0

    def fault_on(self, asset: str, kind: str) -> OpenFault | None:
        """The open fault of this kind on this asset."""
        return self.open.get(slot(asset, kind))

    def doubt_on(self, asset: str, kind: str) -> Doubt | None:
        """What is held against the closing of such a fault."""
        return self.doubts.get(slot(asset, kind))


def slot(asset: str, kind: str) -> str:
    """Where the one open fault of a kind on an asset is kept."""
    return f"{asset}|{kind}"
