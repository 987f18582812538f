"""The conditions of the rules: what one value says, given the last.

A judge answers since when its condition is true (ms), GOOD_WORD where it is false, NOT_YET where it is false only
because a run has not lasted, None where the reading says nothing: no value, or a mark that the rule does not look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import msgspec

from contracts.agreements.faults import FaultRule, FlagIs, Jump, Outside, Silent, Stuck, Swing
from services.incidents.rules.instants import local_day, ms_in
from services.incidents.rules.watch import Memory

GOOD_WORD = -1
NOT_YET = -2
Verdict = int | None
Answer = tuple[Verdict, Memory | None]


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One parameter of one reading of [start, end), in ms. `reach`: it follows on what ended then or later."""

    value: Decimal | None
    flag: str
    start: int
    end: int
    reach: int


class Judge(Protocol):
    """One condition of one rule. `was_bad`: whether its last word was that the condition is true."""

    def judge(self, sample: Sample, was_bad: bool, memory: Memory | None) -> Answer:
        """The verdict on a sample, and what to remember."""
        ...


@dataclass(frozen=True, slots=True)
class Marked:
    """True while the logger's mark is one of these; false only with a normal value: other marks tell nothing."""

    any_of: frozenset[str]

    def judge(self, sample: Sample, was_bad: bool, memory: Memory | None) -> Answer:
        if sample.flag in self.any_of:
            return sample.start, None
        return (GOOD_WORD if sample.flag == "N" and sample.value is not None else None), None


@dataclass(frozen=True, slots=True)
class Beyond:
    """True outside the limits; false again inside them by the margin; between the two it stays what it was."""

    low: Decimal
    high: Decimal
    back_low: Decimal
    back_high: Decimal
    flagged: bool

    def judge(self, sample: Sample, was_bad: bool, memory: Memory | None) -> Answer:
        value = sample.value
        if value is None or (sample.flag != "N" and not self.flagged):
            return None, None
        if value < self.low or value > self.high:
            return sample.start, None
        if was_bad and not self.back_low <= value <= self.back_high:
            return sample.start, None
        return GOOD_WORD, None


@dataclass(frozen=True, slots=True)
class Still:
    """True while a run of two or more values inside the tolerance lasts so long; since the start of the run.

    A value that leaves the run, or that follows a gap, begins a new one; an ignored value ends the run.
    """

    tolerance: Decimal
    ignores: Decimal | None
    lasts: int
    flagged: bool

    def judge(self, sample: Sample, was_bad: bool, memory: Memory | None) -> Answer:
        value = sample.value
        if value is None or (sample.flag != "N" and not self.flagged):
            return None, memory
        if self.ignores is not None and value <= self.ignores:
            return GOOD_WORD, None
        if memory is None or memory.last < sample.reach:
            return NOT_YET, Memory(sample.start, value, value, sample.end)
        since, low, high = memory.since, memory.low, memory.high
        if value < low:
            low = value
        elif value > high:
            high = value
        if high - low > self.tolerance:
            return GOOD_WORD, Memory(sample.start, value, value, sample.end)
        return (since if sample.end - since >= self.lasts else NOT_YET), Memory(since, low, high, sample.end)


@dataclass(frozen=True, slots=True)
class Leap:
    """True at a value that is too far from the last one, which is not too long ago."""

    by: Decimal
    within: int
    flagged: bool

    def judge(self, sample: Sample, was_bad: bool, memory: Memory | None) -> Answer:
        value = sample.value
        if value is None or (sample.flag != "N" and not self.flagged):
            return None, memory
        kept = Memory(sample.start, value, value)
        if memory is None or sample.start - memory.since > self.within:
            return GOOD_WORD, kept
        return (sample.start if abs(value - memory.low) > self.by else GOOD_WORD), kept


@dataclass(frozen=True, slots=True)
class Range:
    """True from the value on that widens the local day's range too far, until the next day."""

    more_than: Decimal
    flagged: bool

    def judge(self, sample: Sample, was_bad: bool, memory: Memory | None) -> Answer:
        value = sample.value
        if value is None or (sample.flag != "N" and not self.flagged):
            return None, memory
        day = local_day(sample.start)
        if memory is None or memory.since != day:
            return GOOD_WORD, Memory(day, value, value)
        low, high = memory.low, memory.high
        if not low <= value <= high:
            low, high = min(low, value), max(high, value)
            memory = Memory(day, low, high)
        return (sample.start if high - low > self.more_than else GOOD_WORD), memory


_BOTTOM, _TOP = Decimal("-Infinity"), Decimal("Infinity")


def judge_of(rule: FaultRule) -> Judge:
    """The judge of a rule's condition; ValueError for silence, which no reading can show."""
    match rule.when:
        case FlagIs(any_of=any_of):
            return Marked(frozenset(any_of))
        case Outside(low=low, high=high, margin=margin):
            bottom, top = _BOTTOM if low is None else low, _TOP if high is None else high
            return Beyond(bottom, top, bottom + margin, top - margin, rule.flagged)
        case Stuck(tolerance=tolerance, ignores=ignores):
            return Still(tolerance, ignores, ms_in(rule.lasts), rule.flagged)
        case Jump(by=by, within=within):
            return Leap(by, ms_in(within), rule.flagged)
        case Swing(more_than=more_than):
            return Range(more_than, rule.flagged)
        case Silent():
            raise ValueError(f"rule {rule.id} is about silence: no reading shows it")
