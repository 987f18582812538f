"""The air, the weather and the room: a value for every minute that depends on nothing but its arguments.

A value is the sum of a curve of the day and of noise on a lattice: hashed numbers at fixed times, joined smoothly.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from infra.local.simulator.chance import fraction, number, salt
from infra.local.simulator.parameters import PARAMETERS, Parameter

HOUR = 60
DAY = 24 * HOUR
SHANGHAI_MINUTES = 8 * HOUR
WEATHER_MINUTES = 6 * HOUR
NOISES = 4093
"""A prime: the noise comes again after days, and never at the same time of day."""


def value(seed: int, site: str, code: str, time: datetime) -> float:
    """What is there to measure in the minute of this aware time, in the register's unit; KeyError: unknown code."""
    return course_of(seed, site, code).at(minute_of(time))


def minute_of(time: datetime) -> int:
    """Minutes since 1970, cut."""
    return int(time.timestamp()) // 60


@lru_cache(maxsize=4096)
def course_of(seed: int, site: str, code: str) -> Course:
    """The course of a parameter at a site."""
    return Course(seed, site, code)


class Lattice:
    """Smooth noise in [0, `span`): a hashed number every `every` minutes, an S-curve between two of them."""

    __slots__ = ("_every", "_salt", "_span")

    def __init__(self, salted: int, every: int, span: float) -> None:
        self._salt = salted
        self._every = every
        self._span = span

    def around(self, minute: int) -> tuple[float, float]:
        """The number before this minute, and what is added on the way to the next one."""
        index = minute // self._every
        left, right = fraction(self._salt, index), fraction(self._salt, index + 1)
        return left * self._span, (right - left) * self._span


class Course:
    """One parameter at one site, by minute since 1970."""

    __slots__ = ("_adds", "_day", "_noise", "_offset", "_place", "_weather")

    def __init__(self, seed: int, site: str, code: str) -> None:
        shape = PARAMETERS[code]
        span = shape.high - shape.low
        self._day = _day_values(shape)
        self._weather = Lattice(salt(seed, code, "weather"), WEATHER_MINUTES, span * shape.mix.weather)
        self._place = Lattice(salt(seed, code, "place", site), HOUR, span * shape.mix.place)
        self._noise = span * shape.mix.noise
        self._offset = number(salt(seed, code, "noise", site), 0) % NOISES
        self._adds = tuple((course_of(seed, site, other), times) for other, times in shape.adds)

    def at(self, minute: int) -> float:
        """The value in this minute."""
        return self.within_hour(range(minute, minute + 1))[0]

    def within_hour(self, minutes: range) -> list[float]:
        """The values in these minutes, which lie in one hour."""
        first, length, step = minutes.start, len(minutes) * minutes.step, minutes.step
        weather, weather_rise = self._weather.around(first)
        place, place_rise = self._place.around(first)
        level, noise = weather + place, self._noise
        values = [
            level + of_day + weather_rise * of_weather + place_rise * of_place + noise * of_noise
            for of_day, of_weather, of_place, of_noise in zip(
                _from(self._day, first % DAY, length, step),
                _from(_WEATHER_CURVE, first % WEATHER_MINUTES, length, step),
                _from(_PLACE_CURVE, first % HOUR, length, step),
                _from(_NOISE, (first + self._offset) % NOISES, length, step),
                strict=True,
            )
        ]
        for course, times in self._adds:
            values = [own + times * other for own, other in zip(values, course.within_hour(minutes), strict=True)]
        return values


def _from(curve: tuple[float, ...], place: int, length: int, step: int) -> tuple[float, ...]:
    return curve[place : place + length : step]


def _s_curve(every: int) -> tuple[float, ...]:
    return tuple((rest / every) ** 2 * (3 - 2 * rest / every) for rest in range(every))


_WEATHER_CURVE = _s_curve(WEATHER_MINUTES)
_PLACE_CURVE = _s_curve(HOUR)
# An hour longer than its period, so that an hour of it is always in one piece.
_NOISE = tuple(fraction(salt(0, "noise"), index % NOISES) for index in range(NOISES + HOUR))


@lru_cache(maxsize=len(PARAMETERS))
def _day_values(shape: Parameter) -> tuple[float, ...]:
    """Low end and curve of the day, by minute of the day in UTC."""
    span = (shape.high - shape.low) * shape.mix.day
    return tuple(shape.low + span * _weight(shape, minute) for minute in range(DAY))


def _weight(shape: Parameter, utc_minute: int) -> float:
    hour, rest = divmod((utc_minute + SHANGHAI_MINUTES) % DAY, HOUR)
    left, right = shape.day[hour], shape.day[(hour + 1) % 24]
    return left + (right - left) * rest / HOUR
