"""The book of a site's open faults: what opens, holds and closes them. At most one of a kind is open on an asset."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from contracts.agreements.faults import PauseReason
from services.incidents.rules.instants import ms_in, ms_of
from services.incidents.rules.outages import claim_ended, claim_resumed, claimed
from services.incidents.rules.plan import Plan, Track
from services.incidents.rules.watch import (
    CLEARING,
    SEEN,
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
    """The watch with one more open fault; `pauses`: where its own life is the outage."""
    after = _put(watch, slot(fault.asset, fault.kind), fault)
    return after if pauses is None else claimed(after, fault.fault, pauses, since)


def is_doubted_by(watch: Watch, track: Track) -> bool:
    """Whether the track holds something against the closing of a fault."""
    doubt = watch.doubts.get(track.slot)
    return doubt is not None and track.key in doubt.fault.holders


def undoubted(watch: Watch, where: str, holders: Iterable[str]) -> Watch:
    """The watch after these tracks hold nothing against a closing any more; without others, the doubt is over."""
    doubt = watch.doubts.get(where)
    if doubt is None:
        return watch
    left = tuple(holder for holder in doubt.fault.holders if holder not in holders)
    doubts = {other: kept for other, kept in watch.doubts.items() if other != where}
    if left:
        doubts[where] = msgspec.structs.replace(doubt, fault=msgspec.structs.replace(doubt.fault, holders=left))
    return msgspec.structs.replace(watch, doubts=doubts)


def survivors(doubt: Doubt, plan: Plan, was_silent: bool) -> tuple[str, ...]:
    """The tracks that still doubt a closing: not those of rules that are no more, and only silences after a silence."""
    keys = {track.key for track in plan.silences} if was_silent else set(plan.accuses)
    return tuple(holder for holder in doubt.fault.holders if holder in keys)


def believed(streaks: dict[str, Streak], holders: Iterable[str]) -> dict[str, Streak]:
    """Of tracks whose fault is over, those that still wait for another bad value; clearing has come to nothing."""
    return {key: streak for key, streak in streaks.items() if key not in holders or streak.phase != CLEARING}


def reopened(watch: Watch, doubt: Doubt, at: int, holder: str | None = None) -> Watch:
    """The watch with this fault open again, at `at`, as if nobody had closed it, and held by this track too.

    It is over after that. An outage that its life was has gone on.
    """
    holders = dict.fromkeys((*doubt.fault.holders, *([] if holder is None else [holder])))
    fault = msgspec.structs.replace(doubt.fault, holders=tuple(holders), good=at + 1)
    where = slot(fault.asset, fault.kind)
    doubts = {other: kept for other, kept in watch.doubts.items() if other != where}
    recent = tuple(past for past in watch.closed if past.fault != fault.fault)
    return claim_resumed(_put(msgspec.structs.replace(watch, closed=recent, doubts=doubts), where, fault), fault.fault)


def holding(streaks: dict[str, Streak], holders: Iterable[str]) -> dict[str, Streak]:
    """The streaks after these tracks hold a fault open again: what waited for another bad value waits no more."""
    found = {key: streaks[key] for key in holders if key in streaks and streaks[key].phase == SUSPECTED}
    return {**streaks, **{key: msgspec.structs.replace(streak, phase=SEEN) for key, streak in found.items()}}


def held(watch: Watch, where: str, holder: str, since: int) -> Watch:
    """The watch with one more track that needs this fault open, bad since then."""
    fault = watch.open[where]
    begun = fault.held if fault.holders else since
    return _put(watch, where, msgspec.structs.replace(fault, holders=(*fault.holders, holder), held=begun))


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


def reopened_by_people(watch: Watch, doubt: Doubt, at: datetime) -> Watch:
    """The watch after people found a fault at `at` that was said to be over before that; rules hold it as before."""
    streaks = holding(watch.streaks, doubt.fault.holders)
    return reopened(msgspec.structs.replace(watch, streaks=streaks), doubt, ms_of(at))


def contradicts(watch: Watch, fault: str, at: datetime, plan: Plan, now: datetime) -> bool:
    """Whether a rule that holds the fault open saw it, after `at`, for as long as it asks: it was not over then."""
    found = _open_one(watch, fault)
    if found is None or ms_of(at) < found.held:
        return False
    streaks = {holder: watch.streaks[holder] for holder in found.holders if holder in watch.streaks}
    return any(
        _bad_after(streak, ms_of(at), ms_of(now)) >= plan.accuses[holder]
        for holder, streak in streaks.items()
        if holder in plan.accuses
    )


def _bad_after(streak: Streak, at: int, now: int) -> int:
    """A silence is from its `since` until now, or was until its `since`."""
    begun, until = streak.bad if streak.last else (0, streak.since) if streak.phase == CLEARING else (streak.since, now)
    return until - max(at, begun)


def resolved_by_people(watch: Watch, fault: str, at: datetime) -> Watch:
    """The watch after somebody said that a fault was over at `at`; while rules hold it open, that is in doubt.

    What is bad has to last anew, from then on; what is clearing goes on with that. What else the rules remember of
    before is forgotten: a day's swing that was dealt with does not open a fault again, and a run of equal values counts
    from then on.
    """
    found = _open_one(watch, fault)
    if found is None:
        return watch
    end, streaks = ms_of(at), dict(watch.streaks)
    for holder in found.holders:
        if (streak := streaks.get(holder)) is not None and streak.phase != CLEARING:
            streaks[holder] = Streak(SUSPECTED, max(end, streak.since), -1, streak.last, streak.bad)
    memories = _since_closed(watch.memories, found.holders, end)
    after = closed(msgspec.structs.replace(watch, streaks=streaks, memories=memories), found, end)
    if found.holders and found.held <= end:
        return msgspec.structs.replace(after, doubts={**after.doubts, slot(found.asset, found.kind): Doubt(found, end)})
    # Without a closing the rules would have ended it after that time; what holds it now is another fault.
    return msgspec.structs.replace(after, streaks=believed(after.streaks, found.holders))


def _since_closed(memories: dict[str, Memory], holders: tuple[str, ...], end: int) -> dict[str, Memory]:
    """Of the holders only runs stay: `last` is theirs alone."""
    runs = {key: memories[key] for key in holders if key in memories and memories[key].last}
    others = {key: memory for key, memory in memories.items() if key not in holders}
    cut = {key: msgspec.structs.replace(run, since=max(run.since, end)) for key, run in runs.items()}
    return {**others, **cut}


def _open_one(watch: Watch, fault: str) -> OpenFault | None:
    return next((known for known in watch.open.values() if known.fault == fault), None)


def _put(watch: Watch, where: str, fault: OpenFault) -> Watch:
    return msgspec.structs.replace(watch, open={**watch.open, where: fault})
