"""All the instruments of a station together: its minutes, hours and days, and when its logger lives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import log10

from contracts.agreements.sites import Logger, Measure, Site
from infra.local.simulator.air import DAY, HOUR, SHANGHAI_MINUTES, course_of
from infra.local.simulator.instrument import MAINS, ROOM_TEMPERATURE, Instrument, moment_of
from infra.local.simulator.parameters import PARAMETERS
from infra.local.simulator.summary import STOPPED, Shown, Summary, summary_of_day, summary_of_hour
from infra.local.simulator.troubles import AnyTrouble, Drift, Flagged, PowerCut, RoomHot, Stuck
from infra.local.trouble import Trouble

NORMAL_MINUTES = 45
"""Minutes an hour needs to count (GB 3095-2026 table 4)."""
NORMAL_HOURS = 20
"""Hours a day needs (the same)."""


class Instruments:
    """All the parameters of a station; times are minutes since 1970, at which a period starts."""

    def __init__(self, site: Site, logger: Logger, seed: int, troubles: Sequence[AnyTrouble]) -> None:
        self.step = int(logger.minute_interval.total_seconds()) // 60
        if self.step < 1 or HOUR % self.step:
            raise Trouble(f"站点 {site.id} 的分钟间隔不合标准", f"site {site.id}: an interval that divides no hour")
        self.all = tuple(_instruments(site, logger, seed, troubles))
        self._cuts = [trouble for trouble in troubles if isinstance(trouble, PowerCut) and trouble.dark < trouble.ends]
        # A month goes hour by hour, and a day is made of its hours.
        self.shown = lru_cache(maxsize=32)(self._shown)
        self.hour = lru_cache(maxsize=96)(self._hour)
        self._texts = lru_cache(maxsize=32)(self._written)

    def minute_items(self, first: int) -> list[str]:
        """The period that starts at minute `first` as the logger writes it, in the order of `all`."""
        hour = first - first % HOUR
        place = (first - hour) // self.step
        return [texts[place] for texts in self._texts(hour)]

    def hour_items(self, first: int) -> list[str]:
        """The hour as the logger writes it."""
        return self._long(self.hour(first))

    def day_items(self, first: int) -> list[str]:
        """The day as the logger writes it."""
        return self._long(self.day(first))

    def day(self, first: int) -> list[Summary]:
        """The day of each instrument."""
        hours = (self.hour(hour) for hour in range(first, first + DAY, HOUR))
        return [summary_of_day(parts, NORMAL_HOURS) for parts in zip(*hours, strict=True)]

    def is_measured(self, first: int) -> bool:
        """Whether the logger lives through the whole period that starts at minute `first`."""
        if not self._cuts:
            return True
        starts, ends = moment_of(first), moment_of(first + self.step)
        return not any(cut.dark < ends and starts < cut.ends for cut in self._cuts)

    def is_awake(self, minute: int) -> bool:
        """Whether the logger lives at this minute, to send what has ended by then."""
        moment = moment_of(minute)
        return not any(cut.dark < moment < cut.ends for cut in self._cuts)

    def _shown(self, hour: int) -> list[Shown]:
        """The periods of the hour of each instrument."""
        shown = [instrument.within_hour(range(hour, hour + HOUR, self.step)) for instrument in self.all]
        for place, first in enumerate(range(hour, hour + HOUR, self.step)):
            if not self.is_measured(first):
                for values, flags in shown:
                    values[place], flags[place] = None, STOPPED
        return shown

    def _hour(self, hour: int) -> list[Summary]:
        """The hour of each instrument."""
        needed = -(-NORMAL_MINUTES // self.step)
        return [summary_of_hour(shown, needed) for shown in self.shown(hour)]

    def _written(self, hour: int) -> list[list[str]]:
        return [instrument.short(shown) for instrument, shown in zip(self.all, self.shown(hour), strict=True)]

    def _long(self, summaries: Sequence[Summary]) -> list[str]:
        return [instrument.long(summary) for instrument, summary in zip(self.all, summaries, strict=True)]


def is_midnight(minute: int) -> bool:
    """Whether a day in China begins with this minute."""
    return (minute + SHANGHAI_MINUTES) % DAY == 0


def _instruments(site: Site, logger: Logger, seed: int, troubles: Sequence[AnyTrouble]) -> Iterator[Instrument]:
    measured = [measure for asset in site.assets for measure in asset.measures]
    powered = {measure.code for measure in measured} | {MAINS}
    for measure in _once_each([*measured, *site.room]):
        code = measure.code
        if code not in PARAMETERS:
            raise Trouble(f"模拟器没有参数 {code}（{site.id}）", f"no course is known for {code} at {site.id}")
        own = sorted((one for one in troubles if _concerns(one, code, code in powered)), key=_order)
        yield _instrument(measure, site, logger, seed, own)


def _instrument(measure: Measure, site: Site, logger: Logger, seed: int, troubles: Sequence[AnyTrouble]) -> Instrument:
    code = measure.code
    name = measure.aliases[0] if measure.aliases else code
    factor = float(logger.factors.get(code, 1))
    decimals = max(0, PARAMETERS[code].decimals + round(log10(factor)))
    return Instrument(code, name, factor, decimals, course_of(seed, site.id, code), troubles)


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
