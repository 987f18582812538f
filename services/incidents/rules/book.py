"""The book of a site's open faults: what opens, holds and closes them. At most one of a kind is open on an asset."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from contracts.agreements.faults import PauseReason
from services.incidents.rules.instants import ms_in, ms_of
from services.incidents.rules.outages import claim_ended, claim_resumed, claimed
from services.incidents.rules.plan import Track
from services.incidents.rules.watch import (
    CLEARING,
    SUSPECTED,
    Closed,
    Doubt,
    Memory,
    OpenFault,
    Source,
    Streak,
    Watch,
    slot,
)

LATE_EVIDENCE = timedelta(hours=48)
"""How long after its end a fault still takes late steps and late evidence, and may turn out not to be over."""


def is_suppressed(watch: Watch, track: Track) -> bool:
    """Whether a fault that keeps this track from opening anything is open at the site."""
    return bool(track.suppressors) and any(fault.kind in track.suppressors for fault in watch.open.values())


def opened(watch: Watch, fault: OpenFault, since: int, pauses: PauseReason | None) -> Watch:
    """The watch with one more open fault; `pauses`: where its own life is the outage. Doubts are over."""
    where = slot(fault.asset, fault.kind)
    doubts = {other: doubt for other, doubt in watch.doubts.items() if other != where}
    after = msgspec.structs.replace(watch, open={**watch.open, where: fault}, doubts=doubts)
    return after if pauses is None else claimed(after, fault.fault, pauses, since)


def doubt_of(watch: Watch, track: Track, at: int) -> Doubt | None:
    """What the track holds against the closing of a fault, if `at` (ms) is not too long after that was told."""
    doubt = watch.doubts.get(track.slot)
    if doubt is None or track.key not in doubt.fault.holders or at - doubt.told > ms_in(LATE_EVIDENCE):
        return None
    return doubt


def undoubted(watch: Watch, track: Track) -> Watch:
    """The watch after the track was good, or came to nothing: it holds nothing against a closing any more."""
    doubt = watch.doubts.get(track.slot)
    if doubt is None:
        return watch
    left = tuple(holder for holder in doubt.fault.holders if holder != track.key)
    rest = {where: other for where, other in watch.doubts.items() if where != track.slot}
    fault = msgspec.structs.replace(doubt.fault, holders=left)
    kept = {track.slot: msgspec.structs.replace(doubt, fault=fault)} if left else {}
    return msgspec.structs.replace(watch, doubts={**rest, **kept})


def reopened(watch: Watch, doubt: Doubt, holder: str, at: int) -> Watch:
    """The watch with this fault open again, at `at`; it is over after that. An outage that its life was has gone on."""
    fault = msgspec.structs.replace(doubt.fault, holders=(holder,), good=at + 1)
    recent = tuple(past for past in watch.closed if past.fault != fault.fault)
    return claim_resumed(opened(msgspec.structs.replace(watch, closed=recent), fault, at, None), fault.fault)


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


def resolved_by_people(watch: Watch, fault: str, at: datetime, told: datetime) -> Watch:
    """The watch after somebody said, at `told`, that a fault was over at `at`.

    What still holds has to last anew, from then on, and the fault is open again; what was good in between opens
    another. What the rules remember of before is forgotten: a day's swing that was dealt with does not open a fault
    again, and a run of equal values counts from then on.
    """
    found = next((known for known in watch.open.values() if known.fault == fault), None)
    if found is None:
        return watch
    end, streaks = ms_of(at), dict(watch.streaks)
    past = {holder: streak for holder in found.holders if (streak := streaks.pop(holder, None)) is not None}
    bad = {holder: streak for holder, streak in past.items() if streak.phase != CLEARING}
    for holder, streak in bad.items():
        streaks[holder] = Streak(SUSPECTED, max(end, streak.since), -1, streak.last)
    memories = _since_closed(watch.memories, found.holders, end)
    after = closed(msgspec.structs.replace(watch, streaks=streaks, memories=memories), found, end)
    # What was good at that time, and has relapsed since, is no reason to doubt it.
    doubters = tuple(holder for holder, streak in bad.items() if streak.back <= end)
    return _doubted(after, msgspec.structs.replace(found, holders=doubters), end, ms_of(told)) if doubters else after


def _since_closed(memories: dict[str, Memory], holders: tuple[str, ...], end: int) -> dict[str, Memory]:
    """Of the holders only runs stay: `last` is theirs alone."""
    runs = {key: memories[key] for key in holders if key in memories and memories[key].last}
    others = {key: memory for key, memory in memories.items() if key not in holders}
    cut = {key: msgspec.structs.replace(run, since=max(run.since, end)) for key, run in runs.items()}
    return {**others, **cut}


def _doubted(watch: Watch, fault: OpenFault, at: int, told: int) -> Watch:
    late = told - ms_in(LATE_EVIDENCE)
    recent = {where: doubt for where, doubt in watch.doubts.items() if doubt.told >= late}
    return msgspec.structs.replace(watch, doubts={**recent, slot(fault.asset, fault.kind): Doubt(fault, at, told)})


def _put(watch: Watch, where: str, fault: OpenFault) -> Watch:
    return msgspec.structs.replace(watch, open={**watch.open, where: fault})
