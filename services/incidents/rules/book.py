"""The book of a site's open faults: what opens, holds and closes them. At most one of a kind is open on an asset."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from contracts.agreements.faults import PauseReason
from services.incidents.rules.instants import ms_in, ms_of
from services.incidents.rules.outages import claim_ended, claimed
from services.incidents.rules.plan import Track
from services.incidents.rules.watch import (
    CLEARING,
    SUSPECTED,
    Closed,
    OpenFault,
    Source,
    Streak,
    Watch,
    slot,
)

LATE_EVIDENCE = timedelta(hours=48)
"""How long after its end a fault still takes late steps and late evidence."""


def is_suppressed(watch: Watch, track: Track) -> bool:
    """Whether a fault that keeps this track from opening anything is open at the site."""
    return bool(track.suppressors) and any(fault.kind in track.suppressors for fault in watch.open.values())


def opened(watch: Watch, fault: OpenFault, since: int, pauses: PauseReason | None) -> Watch:
    """The watch with one more open fault; `pauses`: where its own life is the outage."""
    after = msgspec.structs.replace(watch, open={**watch.open, slot(fault.asset, fault.kind): fault})
    return after if pauses is None else claimed(after, fault.fault, pauses, since)


def held(watch: Watch, where: str, holder: str) -> Watch:
    """The watch with one more track that needs this fault open."""
    fault = watch.open[where]
    return _put(watch, where, msgspec.structs.replace(fault, holders=(*fault.holders, holder)))


def let_go(watch: Watch, where: str, holder: str, good: int) -> tuple[Watch, OpenFault | None]:
    """The watch after a track no longer needs the fault, `good` since then; and the fault, if nothing holds it open.

    Such a fault was over when the last of its tracks became good: at its `good`, or as it opened.
    """
    fault = watch.open.get(where)
    if fault is None or holder not in fault.holders:
        return watch, None
    left = tuple(other for other in fault.holders if other != holder)
    fault = msgspec.structs.replace(fault, holders=left, good=max(fault.good, fault.at, good))
    return _put(watch, where, fault), fault if not left and fault.source in ("reading", "silence") else None


def closed(watch: Watch, fault: OpenFault, at: int) -> Watch:
    """The watch after a fault is resolved."""
    open_now = {where: other for where, other in watch.open.items() if other.fault != fault.fault}
    recent = (*(past for past in watch.closed if past.at > at - ms_in(LATE_EVIDENCE)), Closed(fault.fault, at))
    return claim_ended(msgspec.structs.replace(watch, open=open_now, closed=recent), fault.fault, at)


def opened_by_people(
    watch: Watch, fault: str, asset: str, kind: str, source: Source, at: datetime, pauses: PauseReason | None
) -> Watch:
    """The watch after an inspection or a call opened a fault; nothing of the kind may be open on the asset."""
    return opened(watch, OpenFault(fault, asset, kind, source, ms_of(at)), ms_of(at), pauses)


def resolved_by_people(watch: Watch, fault: str, at: datetime) -> Watch:
    """The watch after somebody closed a fault. What still holds has to last anew, from then on, to open another.

    What the rules remember of before is forgotten: a day's swing that was dealt with does not open a fault again.
    """
    found = next((known for known in watch.open.values() if known.fault == fault), None)
    if found is None:
        return watch
    streaks = dict(watch.streaks)
    for holder in found.holders:
        streak = streaks.pop(holder, None)
        if streak is not None and streak.phase != CLEARING:
            streaks[holder] = Streak(SUSPECTED, max(ms_of(at), streak.since), -1, streak.last)
    memories = {track: memory for track, memory in watch.memories.items() if track not in found.holders}
    return closed(msgspec.structs.replace(watch, streaks=streaks, memories=memories), found, ms_of(at))


def _put(watch: Watch, where: str, fault: OpenFault) -> Watch:
    return msgspec.structs.replace(watch, open={**watch.open, where: fault})
