"""What a logger makes of many values: mean, smallest, largest and mark of a period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

NORMAL = "N"
STOPPED = "F"


class Summary(NamedTuple):
    """One parameter of one period, in the register's unit; no value where nothing was measured."""

    mean: float | None
    low: float | None
    high: float | None
    flag: str


def summary_of(parts: Sequence[Summary], needed: int) -> Summary:
    """Over the normal parts, or where there are none over all that have a value.

    The mark is N from `needed` normal parts on; else the most frequent other mark.
    """
    normal = [part for part in parts if part.flag == NORMAL]
    counted = normal or [part for part in parts if part.mean is not None]
    flag = NORMAL if len(normal) >= needed else _prevailing(parts)
    means = [part.mean for part in counted if part.mean is not None]
    if not means:
        return Summary(None, None, None, flag)
    low = min(part.low for part in counted if part.low is not None)
    high = max(part.high for part in counted if part.high is not None)
    return Summary(sum(means) / len(means), low, high, flag)


def _prevailing(parts: Sequence[Summary]) -> str:
    return Counter(part.flag for part in parts if part.flag != NORMAL).most_common(1)[0][0]
