"""The rules once more, slowly and by their definitions: every reading looks at all that came before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from contracts.agreements.faults import FaultRule, FlagIs, Jump, Outside, Stuck, Swing
from contracts.events.assets import ReadingReceivedV1

Instants = list[tuple[str, datetime, datetime]]
Truth = tuple[bool, datetime]
"""Whether the condition is true at a reading, and since when it is."""


def instants(rule: FaultRule, code: str, readings: Sequence[ReadingReceivedV1]) -> Instants:
    """("opened", at, since) and ("cleared", said at, over at) in order, for readings in order of time."""
    told = [(one, truth(rule, code, readings[: n + 1])) for n, one in enumerate(readings)]
    spoken = [(one, word) for one, word in told if word is not None]
    found: Instants = []
    for n in range(len(spoken)):
        is_open, last = bool(found) and found[-1][0] == "opened", spoken[n][0]
        if spoken[n][1][0] == is_open:
            continue
        first, since = _unbroken(spoken[: n + 1])
        if is_open and last.at - first.time >= rule.clears:
            found.append(("cleared", last.at, max(first.time, found[-1][1])))
        if not is_open and (isinstance(rule.when, Stuck) or last.at - since >= rule.lasts):
            found.append(("opened", last.at, since))
    return found


def _unbroken(spoken: list[tuple[ReadingReceivedV1, Truth]]) -> tuple[ReadingReceivedV1, datetime]:
    """The first reading of those that say what the last says, one following on the other; and since when it is so."""
    first, (is_bad, since) = spoken[-1]
    for one, (was_bad, from_then) in reversed(spoken[:-1]):
        if was_bad != is_bad or not follows_on(one, first):
            break
        first, since = one, from_then
    return first, since


def follows_on(before: ReadingReceivedV1, after: ReadingReceivedV1) -> bool:
    """Whether there is no gap between two: at most half an hour, or two periods of the second, lie in between."""
    return after.time - before.at <= max(timedelta(minutes=30), (after.at - after.time) * 2)


def truth(rule: FaultRule, code: str, readings: Sequence[ReadingReceivedV1]) -> Truth | None:
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
            return _stuck(rule, rule.when, seen)
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


def _stuck(rule: FaultRule, when: Stuck, seen: list[tuple[ReadingReceivedV1, Decimal]]) -> Truth:
    runs: list[list[tuple[ReadingReceivedV1, Decimal]]] = [[]]
    for one, value in seen:
        if when.ignores is not None and value <= when.ignores:
            runs.append([])
            continue
        in_run = [other for _, other in runs[-1]] + [value]
        if max(in_run) - min(in_run) > when.tolerance or (runs[-1] and not follows_on(runs[-1][-1][0], one)):
            runs.append([])
        runs[-1].append((one, value))
    last, run = seen[-1][0], runs[-1]
    is_long = len(run) > 1 and last.at - run[0][0].time >= rule.lasts
    return is_long, run[0][0].time if run else last.time


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
