"""What must hold of every clock, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agreements.clocks import SlaClause, Step
from contracts.agreements.faults import PauseReason
from contracts.events.incidents import FaultEvent
from services.incidents.clock import Clock, derive
from tests.incidents.clock_stories import CALENDAR, at, clause, opened, paused, resumed, step

MS = timedelta(milliseconds=1)
HOUR = timedelta(hours=1)
ALWAYS = clause(4 * HOUR, warns=(HOUR,))
OFFICE = clause(4 * HOUR, counts="office", warns=(HOUR,))
OPENING = at("2026-02-13T16:17:18.019")
REASONS: list[PauseReason] = ["power", "communication", "weather"]
STEPS: list[Step] = ["acknowledged", "arrived", "resolved"]

offsets = st.integers(-HOUR // MS, 30 * HOUR // MS).map(lambda n: OPENING + n * MS)
pausing = st.builds(paused, offsets, st.sampled_from(REASONS))
resuming = st.builds(resumed, offsets, st.sampled_from(REASONS))
histories = st.lists(pausing | resuming | st.builds(step, st.sampled_from(STEPS), offsets), max_size=8)
promises = st.sampled_from([ALWAYS, OFFICE])


def shown(promise: SlaClause, steps: list[FaultEvent], now: datetime, opening: datetime = OPENING) -> Clock:
    return derive(promise, opened(opening), steps, CALENDAR, now)


@settings(max_examples=150)
@given(promise=promises, steps=histories, now=offsets, data=st.data())
def test_order_and_repetition_change_nothing(
    promise: SlaClause, steps: list[FaultEvent], now: datetime, data: st.DataObject
) -> None:
    again = data.draw(st.permutations(steps * 2))
    assert shown(promise, list(again), now) == shown(promise, steps, now)


@settings(max_examples=100)
@given(steps=histories, now=offsets, by=st.integers(-(10**9), 10**9))
def test_shifting_everything_shifts_the_clock(steps: list[FaultEvent], now: datetime, by: int) -> None:
    shift = by * MS
    moved = [each.model_copy(update={"at": each.at + shift}) for each in steps]
    before, after = shown(ALWAYS, steps, now), shown(ALWAYS, moved, now + shift, OPENING + shift)
    assert after.due == (before.due and before.due + shift)
    assert after.warns == tuple(warn + shift for warn in before.warns)
    assert (after.state, after.counted, after.left) == (before.state, before.counted, before.left)


@settings(max_examples=100)
@given(start=st.integers(0, 4 * HOUR // MS - 1), lasts=st.integers(1, 10**8))
def test_pause_moves_due_by_its_length(start: int, lasts: int) -> None:
    stops = OPENING + start * MS
    clock = shown(ALWAYS, [paused(stops), resumed(stops + lasts * MS)], OPENING)
    assert clock.due == OPENING + 4 * HOUR + lasts * MS


@settings(max_examples=100)
@given(steps=histories, now=offsets)
def test_excluding_less_never_helps_the_supplier(steps: list[FaultEvent], now: datetime) -> None:
    strict = shown(ALWAYS.model_copy(update={"excludes": ()}), steps, now)
    kind = shown(ALWAYS, steps, now)
    assert strict.due == OPENING + 4 * HOUR
    assert kind.due is None or kind.due >= strict.due
    assert kind.counted <= strict.counted


@settings(max_examples=150)
@given(promise=promises, steps=histories, now=offsets)
def test_segments_add_up_to_counted(promise: SlaClause, steps: list[FaultEvent], now: datetime) -> None:
    clock = shown(promise, steps, now)
    upto = clock.ended_at or max(now, OPENING)
    pieces = [piece for piece in clock.segments if piece.counted and piece.starts < upto]
    assert sum((min(piece.ends, upto) - piece.starts for piece in pieces), timedelta(0)) == clock.counted
    assert all(one.ends == other.starts and one.starts < one.ends for one, other in pairwise(clock.segments))


@settings(max_examples=150)
@given(promise=promises, steps=histories, now=offsets)
def test_left_at_due_is_nothing(promise: SlaClause, steps: list[FaultEvent], now: datetime) -> None:
    pauses = [each for each in steps if not each.type().startswith(("FaultResolved",))]
    clock = shown(promise, pauses, now)
    if clock.due is None:
        assert any(each.type() == "FaultPausedV1" for each in pauses)
        return
    at_due, before = shown(promise, pauses, clock.due), shown(promise, pauses, clock.due - MS)
    assert (at_due.left, at_due.state, at_due.breached_at) == (timedelta(0), "breached", clock.due)
    assert (before.left, before.breached_at) == (MS, None)
    assert all(shown(promise, pauses, warn).left == HOUR for warn in clock.warns)


@settings(max_examples=150)
@given(promise=promises, steps=histories, now=offsets)
def test_earlier_resolution_withdraws_the_breach(promise: SlaClause, steps: list[FaultEvent], now: datetime) -> None:
    before = shown(promise, steps, now)
    if before.breached_at is None:
        return
    solved = shown(promise, [*steps, step("resolved", before.breached_at)], now)
    late = shown(promise, [*steps, step("resolved", before.breached_at + MS)], now)
    assert (solved.state, solved.breached_at, solved.due) == ("met", None, before.due)
    assert (late.state, late.breached_at) == ("breached", before.breached_at)


@settings(max_examples=150)
@given(steps=histories, now=offsets, later=offsets)
def test_verdict_once_reached_stays(steps: list[FaultEvent], now: datetime, later: datetime) -> None:
    first, last = sorted((now, later))
    before, after = shown(OFFICE, steps, first), shown(OFFICE, steps, last)
    assert before.due == after.due
    assert after.counted >= before.counted
    assert before.state not in ("breached", "met") or before.state == after.state


def test_arguments_are_cut_to_milliseconds() -> None:
    clock = shown(ALWAYS, [], datetime(2026, 2, 13, 9, 0, 0, 123_999, tzinfo=UTC))
    assert clock.counted == datetime(2026, 2, 13, 9, 0, 0, 123_000, tzinfo=UTC) - OPENING
