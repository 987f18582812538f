"""What the instruments of a station show: the air, changed by what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import ceil, log10

from contracts.agreements.sites import Measure, Site
from infra.local.simulator.air import DAY, HOUR, SHANGHAI_MINUTES, Course, course_of, minute_of
from infra.local.simulator.parameters import PARAMETERS
from infra.local.simulator.summary import NORMAL, STOPPED, Summary, summary_of
from infra.local.simulator.troubles import AnyTrouble, Drift, Flagged, PowerCut, RoomHot, Stuck
from infra.local.trouble import Trouble

MAINS = "i33103"
ROOM_TEMPERATURE = "i33101"
NORMAL_MINUTES = 45
"""Minutes an hour needs to count (GB 3095-2026 table 4)."""
NORMAL_HOURS = 20
"""Hours a day needs (the same)."""


class Instrument:
    """One parameter of a station. `name`: the code as this logger writes it; `factor`: see `Logger.factors`."""

    def __init__(self, code: str, name: str, factor: float, course: Course, troubles: Sequence[AnyTrouble]) -> None:
        self.code = code
        self.name = name
        self.decimals = max(0, PARAMETERS[code].decimals + ceil(log10(factor)))
        self._factor = factor
        self._course = course
        self._troubles = troubles
        number = f"%.{self.decimals}f"
        self._short = f"{name}-Avg={number},{name}-Flag=%s"
        self._long = f"{name}-Min={number},{name}-Avg={number},{name}-Max={number},{name}-Flag=%s"

    def minutes(self, first: int, step: int) -> list[Summary]:
        """The periods of `step` minutes of the hour that starts at minute `first`."""
        minutes = range(first, first + HOUR, step)
        values = self._course.within_hour(minutes)
        troubles = [trouble for trouble in self._troubles if _touches(trouble, first)]
        if not troubles:
            return [Summary(value, value, value, NORMAL) for value in values]
        return [self._troubled(value, minute, troubles) for minute, value in zip(minutes, values, strict=True)]

    def short(self, shown: Summary) -> str:
        """Mean and mark, as a minute's item is written; the mark alone where there is no value."""
        if shown.mean is None:
            return f"{self.name}-Flag={shown.flag}"
        return self._short % (shown.mean / self._factor, shown.flag)

    def long(self, shown: Summary) -> str:
        """Smallest, mean, largest and mark, as an item of an hour or a day is written."""
        if shown.mean is None or shown.low is None or shown.high is None:
            return f"{self.name}-Flag={shown.flag}"
        factor = self._factor
        return self._long % (shown.low / factor, shown.mean / factor, shown.high / factor, shown.flag)

    def _troubled(self, value: float, minute: int, troubles: Sequence[AnyTrouble]) -> Summary:
        moment = moment_of(minute)
        flag = NORMAL
        for trouble in troubles:
            if not trouble.covers(moment):
                continue
            if isinstance(trouble, PowerCut):
                return Summary(0.0, 0.0, 0.0, NORMAL) if self.code == MAINS else Summary(None, None, None, STOPPED)
            if isinstance(trouble, Flagged):
                flag = trouble.flag
            value = self._shifted(value, trouble, moment)
        return Summary(value, value, value, flag)

    def _shifted(self, value: float, trouble: AnyTrouble, moment: datetime) -> float:
        match trouble:
            case Drift(starts=starts, per_hour=per_hour):
                return value + per_hour * ((moment - starts).total_seconds() / 3600)
            case Stuck(starts=starts):
                return self._course.at(minute_of(starts))
            case RoomHot(degrees=degrees):
                return value + degrees
        return value


class Instruments:
    """All the parameters of a station, by minute, hour and day; times are minutes since 1970."""

    def __init__(self, site: Site, seed: int, troubles: Iterable[AnyTrouble]) -> None:
        if site.logger is None:
            raise Trouble(f"站点 {site.id} 没有数采仪", f"site {site.id} has no logger")
        self.step = int(site.logger.minute_interval.total_seconds()) // 60
        if self.step < 1 or HOUR % self.step:
            raise Trouble(f"站点 {site.id} 的分钟间隔不合标准", f"site {site.id}: an interval that divides no hour")
        here = [trouble for trouble in troubles if trouble.site == site.id]
        self._cuts = [trouble for trouble in here if isinstance(trouble, PowerCut)]
        self.all = tuple(_instruments(site, seed, here))
        # A month goes hour by hour, and a day is made of its hours.
        self._minutes_of = lru_cache(maxsize=48)(self._measured)
        self._hour_of = lru_cache(maxsize=96)(self._summed)

    def minute(self, first: int) -> list[Summary]:
        """The period that starts at minute `first`, in the order of `all`."""
        hour = first - first % HOUR
        place = (first - hour) // self.step
        return [periods[place] for periods in self._minutes_of(hour)]

    def hour(self, first: int) -> list[Summary]:
        """The hour that starts at minute `first`."""
        return self._hour_of(first)

    def day(self, first: int) -> list[Summary]:
        """The day that starts at minute `first`."""
        hours = (self._hour_of(hour) for hour in range(first, first + DAY, HOUR))
        return [summary_of(parts, NORMAL_HOURS) for parts in zip(*hours, strict=True)]

    def is_measured(self, first: int) -> bool:
        """Whether the logger lives through the whole period that starts at minute `first`."""
        starts, ends = moment_of(first), moment_of(first + self.step)
        return not any(cut.dark < ends and starts < cut.ends for cut in self._cuts if cut.dark < cut.ends)

    def is_awake(self, minute: int) -> bool:
        """Whether the logger lives at this minute, to send what has ended by then."""
        moment = moment_of(minute)
        return not any(cut.dark < moment < cut.ends for cut in self._cuts)

    def _measured(self, hour: int) -> list[list[Summary]]:
        shown = [instrument.minutes(hour, self.step) for instrument in self.all]
        for place, first in enumerate(range(hour, hour + HOUR, self.step)):
            if not self.is_measured(first):
                for periods in shown:
                    periods[place] = Summary(None, None, None, STOPPED)
        return shown

    def _summed(self, hour: int) -> list[Summary]:
        needed = -(-NORMAL_MINUTES // self.step)
        return [summary_of(periods, needed) for periods in self._minutes_of(hour)]


def moment_of(minute: int) -> datetime:
    """The aware time (UTC) at which this minute since 1970 begins."""
    return datetime.fromtimestamp(minute * 60, UTC)


def is_midnight(minute: int) -> bool:
    """Whether a day in China begins with this minute."""
    return (minute + SHANGHAI_MINUTES) % (DAY) == 0


def _instruments(site: Site, seed: int, troubles: Sequence[AnyTrouble]) -> Iterator[Instrument]:
    measured = [measure for asset in site.assets for measure in asset.measures]
    powered = {measure.code for measure in measured} | {MAINS}
    factors = site.logger.factors if site.logger else {}
    for measure in _once_each([*measured, *site.room]):
        code = measure.code
        if code not in PARAMETERS:
            raise Trouble(f"模拟器没有参数 {code}（{site.id}）", f"no course is known for {code} at {site.id}")
        own = sorted((one for one in troubles if _concerns(one, code, code in powered)), key=_order)
        name = measure.aliases[0] if measure.aliases else code
        yield Instrument(code, name, float(factors.get(code, 1)), course_of(seed, site.id, code), own)


def _once_each(measures: Iterable[Measure]) -> Iterable[Measure]:
    return {measure.code: measure for measure in measures}.values()


def _concerns(trouble: AnyTrouble, code: str, powered: bool) -> bool:
    match trouble:
        case Drift(code=troubled) | Stuck(code=troubled) | Flagged(code=troubled):
            return troubled == code
        case PowerCut():
            return powered
        case RoomHot():
            return code == ROOM_TEMPERATURE
    return False


def _order(trouble: AnyTrouble) -> int:
    """A stuck value hides a drift; without power there is none at all."""
    return (Drift, RoomHot, Stuck, Flagged, PowerCut).index(type(trouble))


def _touches(trouble: AnyTrouble, hour: int) -> bool:
    return trouble.starts < moment_of(hour + HOUR) and trouble.ends > moment_of(hour)
