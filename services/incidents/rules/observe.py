"""One reading, looked at by all rules of its site."""

from __future__ import annotations

import msgspec

from contracts.agreements.faults import PauseReason
from contracts.events.assets import ReadingReceivedV1
from services.incidents.rules import book
from services.incidents.rules.conditions import GOOD_WORD, NOT_YET, Judge, Sample
from services.incidents.rules.identity import fault_id
from services.incidents.rules.instants import moment_of, ms_of, reach_of, reading_id
from services.incidents.rules.outages import corrected, noted
from services.incidents.rules.plan import Bench, Plan, Track
from services.incidents.rules.signs import Again, Gone, Rewritten, Seen, Sign
from services.incidents.rules.silence import heard_again
from services.incidents.rules.watch import (
    BAD,
    BETWEEN,
    CLEARING,
    GOOD,
    SEEN,
    SUSPECTED,
    Doubt,
    Memory,
    OpenFault,
    Streak,
    Watch,
)


def observe(watch: Watch, reading: ReadingReceivedV1, plan: Plan) -> tuple[Watch, tuple[Sign, ...]]:
    """The site's watch after a reading, and what it says about faults.

    A reading that is older than the newest of its kind moves nothing in the present; it can only set a past outage
    right. Of a further packet of the newest period only the codes are looked at that the period lacked: the first
    value of a code stands.
    """
    start, newest = ms_of(reading.time), watch.newest.get(reading.kind, -1)
    bench = plan.benches.get(reading.kind, ())
    if start > newest:
        return _Look(watch, reading, plan, start).taken(bench)
    if start < newest:
        return _late(watch, reading, bench, start)
    lacking = watch.lacking.get(reading.kind, ())
    rest = tuple(seat for seat in bench if seat[0] in lacking)
    if any(code in reading.values for code, _ in rest):
        return _Look(watch, reading, plan, start).taken(rest)
    return watch, ()


class _Look:
    """The work on one reading: copies of the watch's dicts, changed in place until they are given back."""

    def __init__(self, watch: Watch, reading: ReadingReceivedV1, plan: Plan, start: int) -> None:
        self.watch, self.reading, self.plan = watch, reading, plan
        self.start, self.end = start, ms_of(reading.at)
        self.reach = reach_of(start, self.end)
        self.streaks, self.memories = dict(watch.streaks), dict(watch.memories)
        self.signs: list[Sign] = []

    def taken(self, bench: Bench) -> tuple[Watch, tuple[Sign, ...]]:
        """The watch after these codes of it were looked at, and the signs."""
        self._hear()
        values, lacking = self.reading.values, []
        for code, tracks in bench:
            measured = values.get(code)
            if measured is None:
                lacking.append(code)
                continue
            sample = Sample(measured.value, measured.flag, self.start, self.end, self.reach)
            for track, judge in tracks:
                self._look(track, judge, sample)
        self._lack(tuple(lacking))
        watch = msgspec.structs.replace(self.watch, streaks=self.streaks, memories=self.memories)
        return watch, tuple(self.signs)

    def _lack(self, codes: tuple[str, ...]) -> None:
        kind, before = self.reading.kind, self.watch.lacking
        if codes != before.get(kind, ()):
            rest = {other: lacked for other, lacked in before.items() if other != kind}
            self.watch = msgspec.structs.replace(self.watch, lacking={**rest, kind: codes} if codes else rest)

    def _hear(self) -> None:
        self._settle()
        watch = self.watch
        newest = {**watch.newest, self.reading.kind: self.start}
        self.watch = msgspec.structs.replace(watch, newest=newest, heard=max(watch.heard, self.end))
        for track in self.plan.silences:
            if track.key in self.streaks:
                self._hear_again(track)

    def _settle(self) -> None:
        """Doubts end with a silence of the site, nobody knows what was in it, and with their rules; what these tracks
        waited with is forgotten: nothing of before it makes a later value bad."""
        for where, doubt in self.watch.doubts.items():
            left = book.survivors(doubt, self.plan, max(self.watch.heard, doubt.at) <= self._silent_since())
            gone = [holder for holder in doubt.fault.holders if holder not in left]
            if gone:
                self.watch = book.undoubted(self.watch, where, gone)
                self.streaks = {key: streak for key, streak in self.streaks.items() if key not in gone}

    def _silent_since(self) -> int:
        """Where nothing came from then on until this reading, the site was silent."""
        return self.reach - 1 if self.plan.silent is None else self.end - self.plan.silent

    def _hear_again(self, track: Track) -> None:
        live = ms_of(self.reading.received_at) - self.end < track.lasts
        is_doubted = book.is_doubted_by(self.watch, track)
        streak = heard_again(self.streaks[track.key], live, self.watch.heard, is_doubted)
        if streak is None:
            del self.streaks[track.key]
            return
        self.streaks[track.key] = streak
        if streak.phase == CLEARING and live and self.watch.heard - streak.since >= track.clears:
            self._clear(track, streak.since, ())

    def _look(self, track: Track, judge: Judge, sample: Sample) -> None:
        key = track.key
        streak, memory = self.streaks.get(key), self.memories.get(key)
        doubt = self.watch.doubts.get(track.slot)
        was_bad = streak is not None and streak.phase != CLEARING and doubt is None
        verdict, kept = judge.judge(sample, was_bad, memory)
        if kept is not memory:
            self._keep(key, kept)
        if verdict is None:
            return
        if track.trailed:
            self.watch = noted(self.watch, track, _grade(judge, sample), self.start, self.end)
        if doubt is not None and _tells_nothing(verdict, judge, sample, doubt):
            self._wait(key, streak)
        elif verdict >= 0:
            self._worsen(track, streak, verdict)
        elif streak is not None:
            self._mend(track, streak)

    def _keep(self, key: str, memory: Memory | None) -> None:
        if memory is None:
            self.memories.pop(key, None)
        else:
            self.memories[key] = memory

    def _wait(self, key: str, streak: Streak | None) -> None:
        """What neither accuses nor clears: what is bad has to last anew behind it, what is clearing goes on."""
        if streak is not None and streak.phase == SUSPECTED:
            self.streaks[key] = Streak(SUSPECTED, max(streak.since, self.end), -1, self.end, streak.bad)
        elif streak is not None and streak.last >= self.reach:
            self.streaks[key] = msgspec.structs.replace(streak, last=self.end)

    def _worsen(self, track: Track, streak: Streak | None, since: int) -> None:
        if streak is None:
            streak = Streak(SUSPECTED, since, since, self.end, (since, self.end))
        elif streak.phase == CLEARING or streak.last < self.reach:
            holds = streak.phase != SUSPECTED and track.slot in self.watch.open
            begun = streak.bad[0] if streak.last >= self.reach else since
            streak = Streak(SEEN if holds else SUSPECTED, since, since, self.end, (begun, self.end))
        else:
            first = streak.first if streak.first >= 0 else self.start
            streak = Streak(streak.phase, streak.since, first, self.end, (streak.bad[0], self.end))
        self.streaks[track.key] = streak
        if streak.phase == SUSPECTED and self.end - streak.since >= track.lasts:
            self._see(track, streak)

    def _see(self, track: Track, streak: Streak) -> None:
        if track.slot in self.watch.open:
            self.watch = book.held(self.watch, track.slot, track.key, streak.since)
        elif book.is_suppressed(self.watch, track):
            self._begin_anew(track, streak)
            return
        elif doubt := self.watch.doubts.get(track.slot):
            self._reopen(track, streak, doubt)
        else:
            self._open(track, streak)
        self.streaks[track.key] = msgspec.structs.replace(streak, phase=SEEN)

    def _begin_anew(self, track: Track, streak: Streak) -> None:
        """What was suppressed has to last once more, from here on."""
        self.streaks[track.key] = Streak(SUSPECTED, self.end, -1, streak.last, (self.end, self.end))
        memory = self.memories.get(track.key)
        if memory is not None and memory.last:
            self.memories[track.key] = msgspec.structs.replace(memory, since=self.end)

    def _open(self, track: Track, streak: Streak) -> None:
        at = moment_of(self.end)
        fault = fault_id(self.plan.agreement, track.asset, track.kind, at)
        known = OpenFault(fault, track.asset, track.kind, "reading", self.end, (track.key,))
        self.watch = book.opened(self.watch, known, streak.since, None if track.trailed else track.pauses)
        since, evidence = moment_of(streak.since), self._bad_ones(streak)
        self.signs.append(Seen(fault, track.kind, track.asset, track.rule, "reading", since, at, track.code, evidence))

    def _reopen(self, track: Track, streak: Streak, doubt: Doubt) -> None:
        fault, at, evidence = doubt.fault.fault, moment_of(self.end), self._bad_ones(streak)
        self.watch = book.reopened(self.watch, doubt, self.end, track.key)
        self.streaks = book.holding(self.streaks, doubt.fault.holders)
        self.signs.append(Again(fault, track.kind, track.asset, track.rule, "reading", at, evidence))

    def _bad_ones(self, streak: Streak) -> tuple[str, ...]:
        starts = dict.fromkeys(start for start in (streak.first, self.start) if start >= 0)
        return tuple(reading_id(self.reading.site, self.reading.kind, start) for start in starts)

    def _mend(self, track: Track, streak: Streak) -> None:
        if streak.phase == SUSPECTED and not book.is_doubted_by(self.watch, track):
            del self.streaks[track.key]
            return
        anew = streak.phase != CLEARING or streak.last < self.reach
        good = self.start if anew else streak.since
        self.streaks[track.key] = Streak(CLEARING, good, streak.first, self.end, streak.bad)
        if self.end - good >= track.clears:
            self._clear(track, good, (reading_id(self.reading.site, self.reading.kind, good),))

    def _clear(self, track: Track, good: int, evidence: tuple[str, ...]) -> None:
        """It was over when it became good, not when that had lasted: what is seen late is not what is late."""
        del self.streaks[track.key]
        self.watch = book.undoubted(self.watch, track.slot, (track.key,))
        self.watch, over = book.let_go(self.watch, track.slot, track.key, good)
        if over is None:
            return
        self.watch = book.closed(self.watch, over, over.good)
        shown = tuple(dict.fromkeys((*evidence, self.reading.reading)))
        self.signs.append(Gone(over.fault, over.kind, over.asset, track.rule, moment_of(over.good), shown))


def _tells_nothing(verdict: int, judge: Judge, sample: Sample, doubt: Doubt) -> bool:
    """In doubt: what is of the time before the closing, not bad yet, or inside the margin."""
    if verdict >= 0:
        return sample.start < doubt.at
    is_inside_margin = judge.judge(sample, True, None)[0] == sample.start
    return verdict == NOT_YET or is_inside_margin


def _grade(judge: Judge, sample: Sample) -> int:
    """What the reading shows by itself: inside the margin it depends on what came before."""
    if judge.judge(sample, False, None)[0] == sample.start:
        return BAD
    return GOOD if judge.judge(sample, True, None)[0] == GOOD_WORD else BETWEEN


def _late(watch: Watch, reading: ReadingReceivedV1, bench: Bench, start: int) -> tuple[Watch, tuple[Sign, ...]]:
    end, reasons = ms_of(reading.at), dict[PauseReason, None]()
    for code, tracks in bench:
        measured = reading.values.get(code)
        if measured is None:
            continue
        sample = Sample(measured.value, measured.flag, start, end, reach_of(start, end))
        for track, judge in tracks:
            if track.pauses is not None and track.trailed:
                watch, is_changed = _set_right(watch, track, judge, sample)
                reasons |= {track.pauses: None} if is_changed else {}
    return watch, tuple(Rewritten(reason, (reading.reading,)) for reason in reasons)


def _set_right(watch: Watch, track: Track, judge: Judge, sample: Sample) -> tuple[Watch, bool]:
    if judge.judge(sample, False, None)[0] is None:
        return watch, False
    return corrected(watch, track, _grade(judge, sample), sample.start, sample.end)
