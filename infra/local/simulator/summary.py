"""What a logger makes of many values: mean, smallest, largest and mark of a period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

NORMAL = "N"
STOPPED = "F"


class Shown(NamedTuple):
    """One parameter over the periods of an hour, in the register's unit; None where nothing was measured."""

    values: list[float | None]
    flags: list[str]


class Summary(NamedTuple):
    """One parameter of an hour or a day, in the register's unit; no value where nothing was measured."""

    mean: float | None
    low: float | None
    high: float | None
    flag: str


def summary_of_hour(shown: Shown, needed: int) -> Summary:
    """Over the normal periods, or where there are none over all that have a value.

    The mark is N from `needed` normal periods on; else the most frequent other mark.
    """
    values, flags = shown
    normal = flags.count(NORMAL)
    parts = zip(values, flags, strict=True)
    counted = [value for value, flag in parts if value is not None and (flag == NORMAL or not normal)]
    return _summed(counted, counted, counted, _flag_of(flags, needed))


def summary_of_day(hours: Sequence[Summary], needed: int) -> Summary:
    """The same over hours."""
    flags = [hour.flag for hour in hours]
    counted = [hour for hour in hours if hour.flag == NORMAL] or hours
    means = [hour.mean for hour in counted if hour.mean is not None]
    lows = [hour.low for hour in counted if hour.low is not None]
    highs = [hour.high for hour in counted if hour.high is not None]
    return _summed(means, lows, highs, _flag_of(flags, needed))


def _summed(means: Sequence[float], lows: Sequence[float], highs: Sequence[float], flag: str) -> Summary:
    if not means:
        return Summary(None, None, None, flag)
    return Summary(sum(means) / len(means), min(lows), max(highs), flag)


def _flag_of(flags: Sequence[str], needed: int) -> str:
    if flags.count(NORMAL) >= needed:
        return NORMAL
    return Counter(flag for flag in flags if flag != NORMAL).most_common(1)[0][0]
