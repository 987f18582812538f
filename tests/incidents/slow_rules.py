"""The rules once more, slowly and by their definitions: every reading looks at all that came before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from contracts.agreements.faults import FaultRule, FlagIs, Jump, Outside, Stuck, Swing
from contracts.events.assets import ReadingReceivedV1

Instant = tuple[str, datetime, datetime]
Instants = list[Instant]
Truth = tuple[bool, datetime]
"""Whether the condition is true at a reading, and since when it is."""
Seen = tuple[ReadingReceivedV1, Decimal]
MOMENT = timedelta(milliseconds=1)


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
    """What a reading says, while a fault is open or none is; `doubted`: what it says of a fault that was closed."""

    reading: ReadingReceivedV1
    bad: bool
    since: datetime
    doubted: bool | None
    """Bad, good, or neither: what shows nothing by itself, and in doubt what is bad from before the closing's time."""


@dataclass(frozen=True)
class Closed:
    """A closing that closed something, behind so many readings."""

    place: int
    at: datetime


@dataclass(frozen=True)
class End:
    """The end of the doubt about a closing, behind so many readings: by being clear, or by a silence."""

    place: int
    clear: bool


Said = tuple[Word, bool | None]
"""A word, and what it comes to: bad, good, or neither."""


def instants(rule: FaultRule, code: str, story: Sequence[ReadingReceivedV1 | Closing]) -> Instants:
    """What is said, in order, of readings in order of time and of what people say between them: ("opened", at, since),
    ("cleared", said at, over at), ("closed", at, at), ("reopened", at, at)."""
    found: Instants = []
    past: list[ReadingReceivedV1] = []
    words: list[Word | None] = []
    closings: list[Closed] = []
    forgotten = 0
    for one in story:
        is_open = bool(found) and found[-1][0] in ("opened", "reopened")
        if isinstance(one, Closing):
            if is_open:
                closings.append(Closed(len(past), one.at(found)))
                found.append(("closed", closings[-1].at, closings[-1].at))
            continue
        past.append(one)
        doubt = None
        if found and found[-1][0] == "closed":
            end = _end(rule, past, words, closings[-1])
            doubt = closings[-1] if end is None else None
            forgotten = forgotten if end is None or end.clear else end.place
        words.append(_word(rule, code, _heard(rule, past, words, forgotten), closings, doubt))
        if words[-1] is None:
            continue
        if is_open:
            found += _cleared(rule, words, found[-1])
        elif doubt:
            found += _opened(rule, _of_doubt(words, doubt), doubt.at)
        else:
            found += _opened(rule, _of_fault(words), None)
    return found


def _of_fault(words: Sequence[Word | None]) -> list[Said]:
    return [(word, word.bad) for word in words if word is not None]


def _of_doubt(words: Sequence[Word | None], closed: Closed) -> list[Said]:
    """What came before the closing stays what it was."""
    said = [(place < closed.place, word) for place, word in enumerate(words) if word is not None]
    return [(word, word.bad if was_open else word.doubted) for was_open, word in said]


def _cleared(rule: FaultRule, words: Sequence[Word | None], begun: Instant) -> Instants:
    said = _of_fault(words)
    at, floor = said[-1][0].reading.at, begun[1] + MOMENT if begun[0] == "reopened" else begun[1]
    good = _good_since(said)
    return [] if good is None or at - good < rule.clears else [("cleared", at, max(good, floor))]


def _opened(rule: FaultRule, said: list[Said], closed: datetime | None) -> Instants:
    at = said[-1][0].reading.at
    if said[-1][1] is not True:
        return []
    since = _bad_since(said) if closed is None else max(_bad_since(said), closed)
    if not isinstance(rule.when, Stuck) and at - since < rule.lasts:
        return []
    return [("opened", at, since) if closed is None else ("reopened", at, at)]


def _bad_since(said: list[Said]) -> datetime:
    """Back to what is not bad, or to a gap. Of what is neither: behind it, what was bad before lasts anew, and what was
    good begins to be bad with the first that is."""
    first = said[-1][0]
    for place, (word, says) in reversed([*enumerate(said[:-1])]):
        if says is False or not follows_on(word.reading, first.reading):
            break
        if says is None:
            return word.reading.at if _was_bad(said[:place]) else first.since
        first = word
    return first.since


def _was_bad(said: list[Said]) -> bool:
    return next((says for _, says in reversed(said) if says is not None), False)


def _end(
    rule: FaultRule, past: Sequence[ReadingReceivedV1], words: Sequence[Word | None], closed: Closed
) -> End | None:
    """Where the closing begins to stand, by what came before the last: nothing was heard of the site for long since it,
    or the rule was clear for long enough; the first also by the last itself."""
    for place in range(closed.place, len(past)):
        heard = max([closed.at, *(one.at for one in past[:place])])
        if past[place].time - heard > allowed(past[place]):
            return End(place, clear=False)
        said = _of_doubt(words[:place], closed)
        if place > closed.place and said and _is_clear(rule, said):
            return End(place, clear=True)
    return None


def _is_clear(rule: FaultRule, said: list[Said]) -> bool:
    good = _good_since(said)
    return good is not None and said[-1][0].reading.at - good >= rule.clears


def _good_since(said: list[Said]) -> datetime | None:
    """Back to what is bad, or to a gap; what is neither bridges the time. None where the last is not good."""
    if said[-1][1] is not False:
        return None
    first = after = said[-1][0]
    for word, says in reversed(said[:-1]):
        if says is True or not follows_on(word.reading, after.reading):
            break
        first, after = first if says is None else word, word
    return first.reading.time


def _heard(
    rule: FaultRule, past: list[ReadingReceivedV1], words: Sequence[Word | None], forgotten: int
) -> list[ReadingReceivedV1]:
    """Of values with a margin, those that said something, and the last: no other makes a later one bad or good.

    `forgotten`: so many are from before a silence that ended a doubt. Nobody knows what was in it, so what was hot then
    makes no later value hot.
    """
    if not isinstance(rule.when, Outside):
        return past
    known = [*zip(past, words, strict=False)][forgotten:]
    return [*(one for one, word in known if word is not None and word.doubted is not None), past[-1]]


def _word(
    rule: FaultRule,
    code: str,
    past: Sequence[ReadingReceivedV1],
    closings: Sequence[Closed],
    doubt: Closed | None,
) -> Word | None:
    """What the last says. A swing or a jump is one of values since a closing; a run counts from there, and goes on."""
    begins = closings[-1].place if closings and isinstance(rule.when, Jump | Swing) else 0
    told = truth(rule, code, past[begins:], closings)
    if told is None:
        return None
    bad, since = told
    doubted: bool | None = bad
    if isinstance(rule.when, Stuck) and not bad:
        seen = [(one, value) for one in past if (value := looked_at(rule, code, one)) is not None]
        doubted = False if _leaves_its_run(rule.when, seen) else None
    if isinstance(rule.when, Outside):
        doubted = _by_itself(rule.when, past[-1].values[code].value)
    if doubt and doubted and past[-1].time < doubt.at:
        doubted = None
    return Word(past[-1], bad, since, doubted)


def _by_itself(when: Outside, value: Decimal | None) -> bool | None:
    """Inside the margin a value alone says neither."""
    assert value is not None
    over = [] if when.high is None else [value - when.high]
    under = [] if when.low is None else [when.low - value]
    worst = max([*over, *under])
    return True if worst > 0 else False if worst <= -when.margin else None


def follows_on(before: ReadingReceivedV1, after: ReadingReceivedV1) -> bool:
    """Whether there is no gap between two: at most half an hour, or two periods of the second, lie in between."""
    return after.time - before.at <= allowed(after)


def allowed(after: ReadingReceivedV1) -> timedelta:
    return max(timedelta(minutes=30), (after.at - after.time) * 2)


def truth(
    rule: FaultRule, code: str, readings: Sequence[ReadingReceivedV1], closings: Sequence[Closed] = ()
) -> Truth | None:
    """The condition at the last of the readings; None where it says nothing."""
    last = readings[-1]
    if code not in last.values:
        return None
    if isinstance(rule.when, FlagIs):
        measured = last.values[code]
        is_normal = measured.flag == "N" and measured.value is not None
        return (not is_normal, last.time) if is_normal or measured.flag in rule.when.any_of else None
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
