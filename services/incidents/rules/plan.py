"""A site's rules, made ready: which judges look at which parameter. Compiled once per agreement version and site."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from contracts.agreements.agreement import Lot
from contracts.agreements.faults import FaultKind, FaultRule, FlagIs, Outside, PauseReason, Silent, Stuck
from contracts.agreements.sites import Site
from services.incidents.rules.conditions import Judge, judge_of
from services.incidents.rules.instants import ms_in
from services.incidents.rules.watch import slot

_KEPT = 4_000
"""Plans of 30 kB. Readings come station after station: one station more than are kept, and each reading finds none."""


@dataclass(frozen=True, slots=True)
class Track:
    """One rule on one parameter of one asset; for silence, on the site.

    `lasts` and `clears` in ms. `trailed`: its readings are kept as a trail, because the fault pauses others.
    """

    key: str
    slot: str
    rule: str
    kind: str
    asset: str
    code: str | None
    source: Literal["reading", "silence"]
    lasts: int
    clears: int
    pauses: PauseReason | None
    suppressors: frozenset[str]
    trailed: bool


Bench = tuple[tuple[str, tuple[tuple[Track, Judge], ...]], ...]
"""By parameter code, the tracks that look at it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules of one site. `benches` by kind of reading; tracks that can suppress others come first.

    `accuses`, by track: how long (ms) after a claimed end a bad value must reach to contradict it: the rule's `lasts`
    and one value, which may have begun before. `silent`: for how long (ms) a site sends nothing until it is silent;
    None without rule.
    """

    agreement: str
    site: str
    benches: dict[str, Bench]
    silences: tuple[Track, ...]
    kinds: dict[str, FaultKind]
    accuses: dict[str, int]
    silent: int | None


_plans: dict[tuple[str, int, int], tuple[Lot, Site, Plan]] = {}


def plan_of(agreement: str, lot: Lot, site: Site) -> Plan:
    """The plan of a site under this version of its lot. KeyError where a rule names a kind that the lot has not."""
    # By identity: an agreement is parsed once per version, and hashing a whole lot costs more than compiling it.
    key = (agreement, id(lot), id(site))
    known = _plans.get(key)
    if known is not None and known[0] is lot and known[1] is site:
        return known[2]
    if len(_plans) >= _KEPT:
        _plans.pop(next(iter(_plans)))
    plan = _compiled(agreement, lot, site)
    _plans[key] = (lot, site, plan)
    return plan


def _compiled(agreement: str, lot: Lot, site: Site) -> Plan:
    kinds = {kind.id: kind for kind in lot.fault_kinds}
    measured = dict(_measured(site))
    silences = tuple(_track(rule, site.id, None, kinds) for rule in lot.fault_rules if isinstance(rule.when, Silent))
    readings = {rule.readings for rule in lot.fault_rules}
    benches: dict[str, Bench] = {reading: _bench(lot, reading, measured, kinds) for reading in sorted(readings)}
    accuses = {track.key: track.lasts for track in silences}
    for reading, bench in benches.items():
        accuses |= {track.key: track.lasts + _length(site, reading) for _, seats in bench for track, _ in seats}
    silent = min((track.lasts for track in silences), default=None)
    return Plan(agreement, site.id, benches, silences, kinds, accuses, silent)


def _length(site: Site, reading: str) -> int:
    """How long (ms) a value of this kind of reading is."""
    if reading != "minute":
        return ms_in(timedelta(days=1) if reading == "day" else timedelta(hours=1))
    return ms_in(site.logger.minute_interval if site.logger else timedelta(minutes=5))


def _measured(site: Site) -> Iterator[tuple[str, str]]:
    """(code, asset); where two assets measure one code, the site's own and then the first asset has it."""
    for asset in reversed(site.assets):
        yield from ((measure.code, asset.id) for measure in asset.measures)
    yield from ((measure.code, site.id) for measure in site.room)


def _bench(lot: Lot, reading: str, measured: dict[str, str], kinds: dict[str, FaultKind]) -> Bench:
    rules = [rule for rule in lot.fault_rules if rule.readings == reading and not isinstance(rule.when, Silent)]
    suppressors = {kind for rule in lot.fault_rules for kind in rule.suppressed_by}
    first = [rule for rule in rules if rule.kind in suppressors]
    rest = [rule for rule in rules if rule.kind not in suppressors]
    return (*_seats(first, measured, kinds), *_seats(rest, measured, kinds))


def _seats(rules: list[FaultRule], measured: dict[str, str], kinds: dict[str, FaultKind]) -> Bench:
    seats: dict[str, list[tuple[Track, Judge]]] = {}
    for rule in rules:
        judge = judge_of(rule)
        for code in rule.codes or measured:
            if code in measured:
                seats.setdefault(code, []).append((_track(rule, measured[code], code, kinds), judge))
    return tuple((code, tuple(tracks)) for code, tracks in sorted(seats.items()))


def _track(rule: FaultRule, asset: str, code: str | None, kinds: dict[str, FaultKind]) -> Track:
    pauses = kinds[rule.kind].pauses
    return Track(
        key=f"{rule.id}|{asset}|{code or ''}",
        slot=slot(asset, rule.kind),
        rule=rule.id,
        kind=rule.kind,
        asset=asset,
        code=code,
        source="silence" if isinstance(rule.when, Silent) else "reading",
        lasts=0 if isinstance(rule.when, Stuck) else ms_in(rule.lasts),
        clears=ms_in(max(rule.clears, timedelta(0))),
        pauses=pauses,
        suppressors=frozenset(rule.suppressed_by),
        trailed=pauses is not None and _can_be_trailed(rule),
    )


def _can_be_trailed(rule: FaultRule) -> bool:
    """Only what one reading of a known length shows by itself can be set right by a late one."""
    return isinstance(rule.when, FlagIs | Outside) and rule.readings != "realtime" and not rule.suppressed_by
