"""Silence: what no reading can show. The site's one timer asks; readings only move the time it asks about.

A silence lasts from the end of the newest reading. It is over with a reading that comes while its own time is not
further back than the rule's `lasts`: a logger that still sends old data has not caught up.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.incidents.rules import book
from services.incidents.rules.identity import fault_id
from services.incidents.rules.instants import moment_of, ms_of
from services.incidents.rules.plan import Plan, Track
from services.incidents.rules.signs import Again, Seen, Sign
from services.incidents.rules.watch import CLEARING, SEEN, SUSPECTED, Doubt, OpenFault, Streak, Watch


def heard_again(streak: Streak, live: bool, heard: int, is_doubted: bool) -> Streak | None:
    """What becomes of a silence with a reading; None: nothing is left of it."""
    if streak.phase == SUSPECTED and not is_doubted:
        return None
    if streak.phase != CLEARING and live:
        return Streak(CLEARING, heard, -1)
    return streak


def silent_from(watch: Watch, plan: Plan) -> datetime | None:
    """When the site will count as silent if nothing comes; None where it does already, or was never heard."""
    dues = [due for track in plan.silences if (due := _due(watch, track)) is not None]
    return moment_of(min(dues)) if dues and watch.heard else None


def fall_silent(watch: Watch, plan: Plan, now: datetime) -> tuple[Watch, tuple[Sign, ...]]:
    """The watch and the signs at a time at which nothing newer has come. What is suppressed is asked again later."""
    signs: list[Sign] = []
    for track in plan.silences:
        due = _due(watch, track)
        if watch.heard and due is not None and due <= ms_of(now):
            watch, sign = _silent(watch, plan, track, due, ms_of(now))
            signs += [sign] if sign else []
    return watch, tuple(signs)


def _due(watch: Watch, track: Track) -> int | None:
    streak, doubt = watch.streaks.get(track.key), watch.doubts.get(track.slot)
    if streak is None or streak.phase == CLEARING:
        return max(watch.heard, 0 if doubt is None else doubt.at) + track.lasts
    return max(watch.heard, streak.since) + track.lasts if streak.phase == SUSPECTED else None


def _silent(watch: Watch, plan: Plan, track: Track, due: int, now: int) -> tuple[Watch, Sign | None]:
    streak = watch.streaks.get(track.key)
    if streak is not None and streak.phase == CLEARING and track.slot in watch.open:
        return _with(watch, track, Streak(SEEN, watch.heard, -1)), None
    if track.slot in watch.open:
        held = book.held(watch, track.slot, track.key, watch.heard)
        return _with(held, track, Streak(SEEN, watch.heard, -1)), None
    if book.is_suppressed(watch, track):
        return _with(watch, track, Streak(SUSPECTED, now, -1)), None
    if doubt := watch.doubts.get(track.slot):
        return _reopen(watch, track, due, doubt)
    return _open(watch, plan, track, due)


def _open(watch: Watch, plan: Plan, track: Track, due: int) -> tuple[Watch, Seen]:
    fault = fault_id(plan.agreement, track.asset, track.kind, moment_of(due))
    since = due - track.lasts
    known = OpenFault(fault, track.asset, track.kind, "silence", due, (track.key,))
    after = book.opened(_with(watch, track, Streak(SEEN, since, -1)), known, since, track.pauses)
    sign = Seen(fault, track.kind, track.asset, track.rule, "silence", moment_of(since), moment_of(due))
    return after, sign


def _reopen(watch: Watch, track: Track, due: int, doubt: Doubt) -> tuple[Watch, Again]:
    seen = _with(watch, track, Streak(SEEN, due - track.lasts, -1))
    seen = msgspec.structs.replace(seen, streaks=book.holding(seen.streaks, doubt.fault.holders))
    after = book.reopened(seen, doubt, due, track.key)
    return after, Again(doubt.fault.fault, track.kind, track.asset, track.rule, "silence", moment_of(due))


def _with(watch: Watch, track: Track, streak: Streak) -> Watch:
    return msgspec.structs.replace(watch, streaks={**watch.streaks, track.key: streak})
