"""Periods: which times a reading may have that is posted over HTTP. Pure.

Frames are taken as they come, loggers cannot be told: the standard has them say the start of a period (HJ 212-2017
C.16-C.18), and some say its end. Whoever posts is told what the time should have been, and posts again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from contracts.events.assets import ReadingKind
from contracts.values import Words
from services.assets.hj212.walltime import SHANGHAI
from services.assets.register import Known
from services.assets.uploads import LASTS


def unfit(kind: ReadingKind, time: datetime, known: Known, now: datetime, tolerance: timedelta) -> Words | None:
    """What was expected of the time of a posted reading; None where it fits."""
    length = LASTS.get(kind, known.minute)
    if time < known.since:
        return Words(zh=f"不早于建站时刻 {_shown(known.since)}", en=f"not before the station, {_shown(known.since)}")
    if length and (into := (time - known.since) % length):
        start = _shown(time - into)
        return Words(
            zh=f"时段的起始时刻（每 {_minutes(length)} 分钟一个），如 {start}",
            en=f"the start of a period, one every {_minutes(length)} minutes, such as {start}",
        )
    if time + length > now + tolerance:
        return Words(
            zh=f"已结束的时段：该时段到 {_shown(time + length)} 结束，现在是 {_shown(now)}",
            en=f"a period that is over: this one ends at {_shown(time + length)}, it is {_shown(now)}",
        )
    return None


def _minutes(length: timedelta) -> str:
    return f"{length / timedelta(minutes=1):g}"


def _shown(time: datetime) -> str:
    return time.astimezone(SHANGHAI).isoformat(timespec="seconds")
