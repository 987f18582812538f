"""One parameter of a station: what its instrument shows, and how its logger writes that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from infra.local.simulator.air import Course, minute_of
from infra.local.simulator.summary import NORMAL, STOPPED, Shown, Summary
from infra.local.simulator.troubles import AnyTrouble, Drift, Flagged, PowerCut, RoomHot, Stuck

MAINS = "i33103"
ROOM_TEMPERATURE = "i33101"


def moment_of(minute: int) -> datetime:
    """The aware time (UTC) at which this minute since 1970 begins."""
    return datetime.fromtimestamp(minute * 60, UTC)


class Instrument:
    """`name`: the code as this logger writes it. `factor`: see `Logger.factors`; `decimals`: of what is written.

    `troubles`: those of this parameter, in the order in which they take effect.
    """

    def __init__(
        self, code: str, name: str, factor: float, decimals: int, course: Course, troubles: Sequence[AnyTrouble]
    ) -> None:
        self.code = code
        self.name = name
        self.factor = factor
        self.decimals = decimals
        self._course = course
        self._troubles = troubles
        number = f"%.{decimals}f"
        self._short = f"{name}-Avg={number},{name}-Flag=%s"
        self._long = f"{name}-Min={number},{name}-Avg={number},{name}-Max={number},{name}-Flag=%s"

    def within_hour(self, minutes: range) -> Shown:
        """The periods that start at these minutes since 1970, all of one hour."""
        values = self._course.within_hour(minutes)
        starts, ends = moment_of(minutes.start), moment_of(minutes.stop)
        troubles = [trouble for trouble in self._troubles if trouble.starts < ends and trouble.ends > starts]
        if not troubles:
            return Shown([*values], [NORMAL] * len(values))
        found = [self._troubled(value, moment_of(at), troubles) for value, at in zip(values, minutes, strict=True)]
        return Shown([value for value, _ in found], [flag for _, flag in found])

    def short(self, shown: Shown) -> list[str]:
        """Mean and mark of each period, as a minute's item is written; the mark alone where there is no value."""
        written, factor = self._short, self.factor
        return [
            f"{self.name}-Flag={flag}" if value is None else written % (value / factor, flag)
            for value, flag in zip(*shown, strict=True)
        ]

    def long(self, summary: Summary) -> str:
        """Smallest, mean, largest and mark, as the item of an hour or a day is written."""
        mean, low, high, flag = summary
        if mean is None or low is None or high is None:
            return f"{self.name}-Flag={flag}"
        return self._long % (low / self.factor, mean / self.factor, high / self.factor, flag)

    def _troubled(self, value: float, moment: datetime, troubles: Sequence[AnyTrouble]) -> tuple[float | None, str]:
        flag = NORMAL
        for trouble in troubles:
            if not trouble.covers(moment):
                continue
            if isinstance(trouble, PowerCut):
                return (0.0, NORMAL) if self.code == MAINS else (None, STOPPED)
            if isinstance(trouble, Flagged):
                flag = trouble.flag
            value = self._shifted(value, moment, trouble)
        return value, flag

    def _shifted(self, value: float, moment: datetime, trouble: AnyTrouble) -> float:
        match trouble:
            case Drift(starts=starts, per_hour=per_hour):
                return value + per_hour * ((moment - starts).total_seconds() / 3600)
            case Stuck(starts=starts):
                return self._course.at(minute_of(starts))
            case RoomHot(degrees=degrees):
                return value + degrees
        return value
