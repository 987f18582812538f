"""The clock against somebody who walks through the days minute by minute, with the words of the clause in hand.

The walker shares nothing with the clock: a minute is a whole number, counted from a local midnight.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from contracts.agreements.calendar import Calendar, DayKind, Hours, Span, Year
from contracts.agreements.clocks import Step, Within, Workdays
from contracts.agreements.days import UnknownYear
from contracts.agreements.faults import PauseReason
from contracts.events.incidents import FaultEvent
from services.incidents.clock import Clock, derive
from tests.incidents.clock_stories import clause, opened, paused, reopened, resumed, step, words

DAY = 1440
LAST = 13 * DAY
MIDNIGHT = datetime(2026, 4, 5, 16, tzinfo=UTC)  # the start of Monday 2026-04-06 in Shanghai
KINDS: list[DayKind] = ["workday", "weekend", "holiday"]
REASONS: list[PauseReason] = ["power", "communication", "weather"]
UNTIL: tuple[Step, ...] = ("resolved", "spare_installed")


@dataclass(frozen=True)
class Mark:
    minute: int
    pauses: bool
    reason: PauseReason


@dataclass(frozen=True)
class Story:
    opening: int
    now: int
    allowed: int
    in_workdays: bool
    hours: tuple[tuple[int, int], ...] | None
    hours_days: frozenset[DayKind]
    holidays: frozenset[int]
    worked: frozenset[int]
    excludes: frozenset[PauseReason]
    marks: tuple[Mark, ...]
    steps: tuple[tuple[int, Step], ...]
    again: tuple[int, ...]
    leads: frozenset[int]

    @property
    def end(self) -> int | None:
        ends = [minute for minute, name in self.steps if name == "spare_installed"]
        for minute, name in self.steps:
            if name == "resolved" and all(minute > then for then in self.again):
                ends.append(minute)
        return max(min(ends), self.opening) if ends else None

    @property
    def voids(self) -> list[tuple[int, int]]:
        """The resolutions before the end that came to nothing, each with when that turned out first."""
        found = []
        for minute in sorted({minute for minute, name in self.steps if name == "resolved"}):
            later = [then for then in self.again if then >= minute]
            if later and (self.end is None or minute < self.end):
                found.append((minute, min(later)))
        return found

    @property
    def upto(self) -> int:
        return max(self.now, self.opening) if self.end is None else self.end


@dataclass
class Seen:
    due: int | None = None
    warns: dict[int, int] = field(default_factory=dict)
    counted: int = -1
    stopped: bool = False
    ticks: dict[int, bool] = field(default_factory=dict)
    stuck: bool = False


def walk(story: Story) -> Seen:
    """Looks at the clock at the start of each minute, then lets the minute pass."""
    seen, left = Seen(), story.allowed
    still_open, end, upto = _stopped_minutes(story), story.end, story.upto
    for minute in range(story.opening, LAST):
        if left == 0 and seen.due is None:
            seen.due = minute
        if left in story.leads and (end is None or minute < end):
            seen.warns.setdefault(left, minute)
        if minute == upto:
            seen.counted, seen.stopped = story.allowed - left, minute in still_open
        seen.ticks[minute] = minute not in still_open and _counts(story, minute)
        left -= seen.ticks[minute]
    seen.stuck = LAST - 1 in still_open
    return seen


def _stopped_minutes(story: Story) -> set[int]:
    stopped: set[int] = set()
    for reason in story.excludes:
        said = _said(story, reason)
        is_open = False
        for minute in range(-DAY, LAST):
            marks = said.get(minute, set())
            is_open = True in marks if len(marks) == 1 else is_open
            if is_open:
                stopped.add(minute)
    return stopped


def _said(story: Story, reason: PauseReason) -> dict[int, set[bool]]:
    said: dict[int, set[bool]] = {}
    for mark in story.marks:
        if mark.reason == reason and (story.end is None or mark.minute <= story.end):
            said.setdefault(mark.minute, set()).add(mark.pauses)
    return said


def _counts(story: Story, minute: int) -> bool:
    day, clock = divmod(minute, DAY)
    if story.in_workdays:
        return day > story.opening // DAY and _kind(story, day) == "workday"
    if story.hours is None:
        return True
    return _kind(story, day) in story.hours_days and any(first <= clock < last for first, last in story.hours)


def _kind(story: Story, day: int) -> DayKind:
    if day in story.holidays:
        return "holiday"
    return "workday" if day in story.worked or day % 7 not in (5, 6) else "weekend"


def instant(minute: int) -> datetime:
    return MIDNIGHT + timedelta(minutes=minute)


def minute_of(moment: datetime | None) -> int | None:
    return None if moment is None else int((moment - MIDNIGHT) / timedelta(minutes=1))


def told(story: Story, order: list[int]) -> Clock:
    limit = (
        Workdays(workdays=story.allowed // DAY) if story.in_workdays else Within(time=timedelta(minutes=story.allowed))
    )
    promise = clause(
        limit,
        until=UNTIL,
        counts=None if story.hours is None else "these",
        excludes=tuple(story.excludes),
        warns=tuple(timedelta(minutes=lead) for lead in story.leads),
    )
    events = _events(story)
    heard = [events[place % len(events)] for place in order] if events else []
    return derive(promise, opened(instant(story.opening)), (*heard, *events), _calendar(story), instant(story.now))


def _events(story: Story) -> list[FaultEvent]:
    marks = [(paused if mark.pauses else resumed)(instant(mark.minute), mark.reason) for mark in story.marks]
    again = [reopened(instant(minute)) for minute in story.again]
    return [*marks, *again, *(step(name, instant(minute)) for minute, name in story.steps)]


def _calendar(story: Story) -> Calendar:
    days = [[date(2026, 4, 6) + timedelta(days=day) for day in sorted(some)] for some in (story.holidays, story.worked)]
    year = Year(holidays=tuple(days[0]), makeup_workdays=tuple(days[1]))
    spans = tuple(Span(starts=_wall(first), ends=_wall(last)) for first, last in story.hours or ((0, DAY),))
    these = Hours(id="these", title=words("these"), days=tuple(story.hours_days), spans=spans)
    return Calendar(id="cn", years={2026: year}, hours=(these,))


def _wall(minute: int) -> time:
    return time(minute // 60 % 24, minute % 60)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    whole = draw(st.booleans()) and draw(st.booleans())
    holidays = draw(st.frozensets(st.integers(0, 12), max_size=4))
    opening = draw(st.integers(0, 6 * DAY))
    # Half of the times lie on a coarse grid, so that things happen at one instant.
    minutes = st.integers(opening - 600, opening + 4 * DAY) | st.integers(-3, 12).map(lambda n: opening + 120 * n)
    names: st.SearchStrategy[Step] = st.sampled_from(["acknowledged", "resolved", "spare_installed"])
    lengths = st.integers(1, 5).map(lambda n: 120 * n) | st.integers(1, 30 * 60)
    allowed = draw(st.integers(1, 3)) * DAY if whole else draw(lengths)
    return Story(
        opening=opening,
        now=draw(minutes),
        allowed=allowed,
        in_workdays=whole,
        hours=draw(st.none() | some_hours()),
        hours_days=draw(st.frozensets(st.sampled_from(KINDS), min_size=1)),
        holidays=holidays,
        worked=draw(st.frozensets(st.sampled_from([5, 6, 12]))) - holidays,
        excludes=draw(st.frozensets(st.sampled_from(REASONS))),
        marks=draw(some_marks(minutes)),
        steps=tuple(draw(st.lists(st.tuples(minutes, names), max_size=3))),
        again=tuple(draw(st.just([]) | st.lists(minutes, max_size=2))),
        leads=frozenset(draw(st.lists(lengths, max_size=3))),
    )


def some_marks(minutes: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[Mark, ...]]:
    """Whole pauses, which overlap and nest, and loose ends."""
    loose = st.builds(Mark, minutes, st.booleans(), st.sampled_from(REASONS))
    whole = st.builds(_from_to, minutes, st.integers(0, 10) | st.integers(0, DAY), st.sampled_from(REASONS))
    return st.builds(
        lambda pauses, marks: (*(mark for pause in pauses for mark in pause), *marks),
        st.lists(whole, max_size=4),
        st.lists(loose, max_size=3),
    )


def _from_to(minute: int, length: int, reason: PauseReason) -> tuple[Mark, Mark]:
    lasts = length * 120 if length <= 10 else length
    return Mark(minute, True, reason), Mark(minute + lasts, False, reason)


def some_hours() -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    minutes = st.tuples(st.integers(0, DAY - 1), st.integers(1, DAY))
    span = minutes.map(lambda drawn: (drawn[0], min(sum(drawn), DAY)))
    return st.lists(span, min_size=1, max_size=3).map(tuple)


# Without shrinking: a story is short enough to read, and making it shorter takes minutes.
@settings(max_examples=150, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target))
@given(story=stories(), order=st.lists(st.integers(0, 20), max_size=8))
def test_clock_agrees_with_the_walker(story: Story, order: list[int]) -> None:
    seen = walk(story)
    try:
        shown = told(story, order)
    except UnknownYear:
        event("ran out of the calendar")
        assert seen.due is None and not seen.stuck
        return
    event(shown.state)
    _same_due(story, seen, shown)
    assert minute_of(shown.ended_at) == story.end
    assert [(minute_of(void.at), minute_of(void.reopened_at)) for void in shown.voided] == story.voids
    assert shown.counted == timedelta(minutes=seen.counted)
    assert shown.left == timedelta(minutes=max(0, story.allowed - seen.counted))
    assert _state(story, seen) == shown.state
    assert minute_of(shown.breached_at) == (seen.due if shown.state == "breached" else None)
    _same_timeline(story, seen, shown)


def _same_due(story: Story, seen: Seen, shown: Clock) -> None:
    due = minute_of(shown.due)
    within = [minute_of(at) for at in shown.warns if at < instant(LAST)]
    assert within == sorted(set(seen.warns.values()))
    if seen.due is None and not seen.stuck:
        assert due is None or due >= LAST
    else:
        assert due == seen.due


def _state(story: Story, seen: Seen) -> str:
    late = seen.due is not None and (seen.due <= story.upto if story.end is None else seen.due < story.end)
    if late:
        return "breached"
    if story.end is not None:
        return "met"
    return "paused" if seen.stopped else "running"


def _same_timeline(story: Story, seen: Seen, shown: Clock) -> None:
    shows = [minute_of(piece.starts) for piece in shown.segments]
    ends = [minute_of(piece.ends) for piece in shown.segments]
    last = story.upto if story.end is not None else max(story.upto, minute_of(shown.due) or 0)
    assert [*shows, last] == [story.opening, *ends]
    ticks = {
        minute: piece.counted
        for piece in shown.segments
        for minute in range(minute_of(piece.starts) or 0, min(minute_of(piece.ends) or 0, LAST))
    }
    assert ticks == {minute: seen.ticks[minute] for minute in ticks}
    looks = [(piece.counted, piece.pauses, piece.reason) for piece in shown.segments]
    assert all(one != other for one, other in pairwise(looks))
