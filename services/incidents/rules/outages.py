"""The outages of a site: the time in which the clocks of its faults are to stand still, by reason (W5)."""

from __future__ import annotations

import msgspec

from contracts.agreements.faults import PauseReason
from services.incidents.rules.plan import Track
from services.incidents.rules.spans import ENDLESS, Span, united
from services.incidents.rules.trails import amended, extended, spans_of
from services.incidents.rules.watch import Claim, Trail, Watch

_CLAIMS_MAX = 64
_SETTLED_MAX = 64


def outages_of(watch: Watch) -> dict[PauseReason, list[Span]]:
    """All known outages by reason, in ms; those that ended before `watch.horizon` may be missing."""
    found: dict[PauseReason, list[Span]] = {}
    for trail in watch.trails.values():
        found.setdefault(trail.reason, []).extend(spans_of(trail))
    for claim in watch.claims:
        found.setdefault(claim.reason, []).append((claim.starts, ENDLESS if claim.ends is None else claim.ends))
    return {reason: united(spans) for reason, spans in found.items()}


def noted(watch: Watch, track: Track, grade: int, start: int, end: int) -> Watch:
    """The watch after the newest reading of a trailed track."""
    trail = extended(_trail(watch, track), grade, start, end)
    return _bounded(_with(watch, track.key, trail), track.key)


def corrected(watch: Watch, track: Track, grade: int, start: int, end: int) -> tuple[Watch, bool]:
    """The watch after a late reading of a trailed track, and whether an outage changed."""
    old = _trail(watch, track)
    new = amended(old, grade, start, end)
    if new is old:
        return watch, False
    return _with(watch, track.key, new), spans_of(new) != spans_of(old)


def claimed(watch: Watch, fault: str, reason: PauseReason, starts: int) -> Watch:
    """The watch from when a fault says by itself that there is an outage."""
    return msgspec.structs.replace(watch, claims=(*watch.claims, Claim(fault, reason, starts)))


def claim_ended(watch: Watch, fault: str, ends: int) -> Watch:
    """The watch after the fault that said so is over. Of ended claims the newest are kept."""
    if not any(claim.fault == fault for claim in watch.claims):
        return watch
    claims = [msgspec.structs.replace(claim, ends=ends) if claim.fault == fault else claim for claim in watch.claims]
    over = sorted((claim for claim in claims if claim.ends is not None), key=lambda claim: claim.ends or 0)
    gone = over[: max(0, len(over) - _CLAIMS_MAX)]
    horizon = max([watch.horizon, *(claim.ends or 0 for claim in gone)])
    return msgspec.structs.replace(watch, claims=tuple(claim for claim in claims if claim not in gone), horizon=horizon)


def claim_resumed(watch: Watch, fault: str) -> Watch:
    """The watch after the fault that said so turned out not to be over: the outage has gone on."""
    claims = [msgspec.structs.replace(claim, ends=None) if claim.fault == fault else claim for claim in watch.claims]
    return msgspec.structs.replace(watch, claims=tuple(claims))


def _trail(watch: Watch, track: Track) -> Trail:
    known = watch.trails.get(track.key)
    if known is not None and (known.reason, known.lasts, known.clears) == (track.pauses, track.lasts, track.clears):
        return known
    assert track.pauses is not None
    return Trail(track.pauses, track.lasts, track.clears, known.runs if known else (), known.settled if known else ())


def _with(watch: Watch, key: str, trail: Trail) -> Watch:
    return msgspec.structs.replace(watch, trails={**watch.trails, key: trail})


def _bounded(watch: Watch, key: str) -> Watch:
    trail = watch.trails[key]
    extra = len(trail.settled) - _SETTLED_MAX
    if extra <= 0:
        return watch
    horizon = max(watch.horizon, trail.settled[extra - 1][1])
    short = msgspec.structs.replace(trail, settled=trail.settled[extra:])
    return msgspec.structs.replace(_with(watch, key, short), horizon=horizon)
