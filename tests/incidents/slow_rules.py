"""The rules once more, slowly and by their definitions: every reading looks at all that came before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from contracts.agreements.faults import FaultRule, FlagIs, Jump, Outside, Stuck, Swing
from contracts.events.assets import ReadingReceivedV1

Instant = tuple[str, datetime, datetime]
Instants = list[Instant]
Truth = tuple[bool, datetime]
"""Whether the condition is true at a reading, and since when it is."""
Seen = tuple[ReadingReceivedV1, Decimal]
MOMENT = timedelta(milliseconds=1)
REMEMBERED = timedelta(hours=48)


@dataclass(frozen=True)
class Closing:
    """At `told` somebody says that the fault, if there is one, was over `back` before that."""

    told: datetime
    back: timedelta

    def at(self, instants: Instants) -> datetime:
        """The time they say: not before the fault opened, and after it was opened again."""
        said, at, _ = instants[-1]
        return max(self.told - self.back, at + MOMENT if said == "reopened" else at)


@dataclass(frozen=True)
class Word:
    """What a reading says. `good`: that it is not so, rather than that it is not so for long enough yet."""

    place: int
    reading: ReadingReceivedV1
    bad: bool
    since: datetime
    good: bool


@dataclass(frozen=True)
class Closed:
    """A closing that closed something: where it stands, and where the fault had been opened."""

    place: int
    opened: int
    at: datetime
    told: datetime


def instants(rule: FaultRule, code: str, story: Sequence[ReadingReceivedV1 | Closing]) -> Instants:
    """What is said, in order, of readings in order of time and of what people say between them: ("opened", at, since),
    ("cleared", said at, over at), ("closed", at, at), ("reopened", at, at)."""
    found: Instants = []
    past: list[ReadingReceivedV1] = []
    words: list[Word] = []
    closings: list[Closed] = []
    opened = 0
    for one in story:
        is_open = bool(found) and found[-1][0] in ("opened", "reopened")
        if isinstance(one, Closing):
            if is_open:
                closings.append(Closed(len(past), opened, one.at(found), one.told))
                found.append(("closed", closings[-1].at, closings[-1].at))
            continue
        past.append(one)
        word = _word(rule, code, past, closings)
        if word is None:
            continue
        words.append(word)
        if is_open and not word.bad and (cleared := _cleared(rule, words, found[-1])):
            found.append(cleared)
        elif not is_open and word.bad:
            closed = closings[-1] if found and found[-1][0] == "closed" else None
            if (said := _opened(rule, words, closed)) is not None:
                found.append(said)
                opened = word.place
    return found


def _cleared(rule: FaultRule, words: list[Word], begun: Instant) -> Instant | None:
    first, last = _unbroken(words), words[-1].reading
    floor = begun[1] + MOMENT if begun[0] == "reopened" else begun[1]
    is_long = last.at - first.reading.time >= rule.clears
    return ("cleared", last.at, max(first.reading.time, floor)) if is_long else None


def _opened(rule: FaultRule, words: list[Word], closed: Closed | None) -> Instant | None:
    last, first = words[-1], _unbroken(words)
    is_doubted = closed is not None and _was_never_good(words, closed)
    reaches_back = closed is not None and (is_doubted or first.place < closed.place)
    since = max(first.since, closed.at) if closed and reaches_back else first.since
    if closed is not None and is_doubted and last.reading.time < closed.at:
        return None
    if not isinstance(rule.when, Stuck) and last.reading.at - since < rule.lasts:
        return None
    at = last.reading.at
    return ("reopened", at, at) if is_doubted else ("opened", at, since)


def _was_never_good(words: list[Word], closed: Closed) -> bool:
    """Bad by the last word before it was closed, and by the last of the time it was closed at; never good since."""
    if words[-1].reading.at - closed.told > REMEMBERED or any(
        word.good for word in words if word.place >= closed.place
    ):
        return False
    before = [word for word in words if closed.opened <= word.place < closed.place]
    relapses = [two for one, two in pairwise(before) if two.bad and not one.bad]
    return before[-1].bad and all(word.reading.at <= closed.at for word in relapses)


def _unbroken(words: list[Word]) -> Word:
    """The first of those that say what the last says, one following on the other."""
    first = words[-1]
    for one in reversed(words[:-1]):
        if one.bad != first.bad or not follows_on(one.reading, first.reading):
            break
        first = one
    return first


def _word(rule: FaultRule, code: str, past: list[ReadingReceivedV1], closings: list[Closed]) -> Word | None:
    """What the last says. A swing or a jump is one of values since a closing; a run counts from there, and goes on."""
    place = len(past) - 1
    begins = closings[-1].place if closings and isinstance(rule.when, Jump | Swing) else 0
    told = truth(rule, code, past[begins:], closings)
    if told is None:
        return None
    bad, since = told
    good = not bad
    if isinstance(rule.when, Stuck) and good:
        seen = [(one, value) for one in past if (value := looked_at(rule, code, one)) is not None]
        good = _leaves_its_run(rule.when, seen)
    return Word(place, past[-1], bad, since, good)


def follows_on(before: ReadingReceivedV1, after: ReadingReceivedV1) -> bool:
    """Whether there is no gap between two: at most half an hour, or two periods of the second, lie in between."""
    return after.time - before.at <= max(timedelta(minutes=30), (after.at - after.time) * 2)


def truth(
    rule: FaultRule, code: str, readings: Sequence[ReadingReceivedV1], closings: Sequence[Closed] = ()
) -> Truth | None:
    """The condition at the last of the readings; None where it says nothing."""
    last = readings[-1]
    if code not in last.values:
        return None
    if isinstance(rule.when, FlagIs):
        return last.values[code].flag in rule.when.any_of, last.time
    seen = [(one, value) for one in readings if (value := looked_at(rule, code, one)) is not None]
    if not seen or seen[-1][0] is not last:
        return None
    match rule.when:
        case Outside():
            return _outside(rule.when, [value for _, value in seen]), last.time
        case Stuck():
            return _stuck(rule, rule.when, readings, seen, closings)
        case Jump():
            return _jump(rule.when, seen), last.time
        case Swing():
            return _swing(rule.when, seen), last.time
    raise TypeError(rule.when)


def looked_at(rule: FaultRule, code: str, one: ReadingReceivedV1) -> Decimal | None:
    measured = one.values.get(code)
    if measured is None or (measured.flag != "N" and not rule.flagged):
        return None
    return measured.value


def _outside(when: Outside, values: list[Decimal]) -> bool:
    for value in reversed(values):
        low, high = when.low, when.high
        if (low is not None and value < low) or (high is not None and value > high):
            return True
        if (low is None or value >= low + when.margin) and (high is None or value <= high - when.margin):
            return False
    return False


def _stuck(
    rule: FaultRule, when: Stuck, readings: Sequence[ReadingReceivedV1], seen: list[Seen], closings: Sequence[Closed]
) -> Truth:
    last, run = seen[-1][0], _runs(when, seen)[-1]
    if not run:
        return False, last.time
    first = readings.index(run[0][0])
    since = max([run[0][0].time, *(closed.at for closed in closings if first < closed.place)])
    return len(run) > 1 and last.at - since >= rule.lasts, since


def _runs(when: Stuck, seen: list[Seen]) -> list[list[Seen]]:
    runs: list[list[Seen]] = [[]]
    for one, value in seen:
        if when.ignores is not None and value <= when.ignores:
            runs.append([])
            continue
        in_run = [other for _, other in runs[-1]] + [value]
        if max(in_run) - min(in_run) > when.tolerance or (runs[-1] and not follows_on(runs[-1][-1][0], one)):
            runs.append([])
        runs[-1].append((one, value))
    return runs


def _leaves_its_run(when: Stuck, seen: list[Seen]) -> bool:
    """Whether the last value shows that it is not stuck: it is ignored, or another than those that it follows on."""
    before, after = _runs(when, seen[:-1])[-1], _runs(when, seen)[-1]
    return not after or (len(after) == 1 and bool(before) and follows_on(before[-1][0], after[0][0]))


def _jump(when: Jump, seen: list[tuple[ReadingReceivedV1, Decimal]]) -> bool:
    if len(seen) < 2:
        return False
    (before, old), (last, new) = seen[-2:]
    return last.time - before.time <= when.within and abs(new - old) > when.by


def _swing(when: Swing, seen: list[tuple[ReadingReceivedV1, Decimal]]) -> bool:
    zone = ZoneInfo("Asia/Shanghai")
    today = seen[-1][0].time.astimezone(zone).date()
    values = [value for one, value in seen if one.time.astimezone(zone).date() == today]
    return max(values) - min(values) > when.more_than
