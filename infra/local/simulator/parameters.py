"""The parameters a simulated station can measure: their range in a city's April, their day, and how they are written.

Codes and decimals follow HJ 212-2017 table B.2 and the units of the registers (standards.md 8.4); the ranges are
those of an ordinary spring month, far inside what the agreements' fault rules call implausible.
"""

from __future__ import annotations

from dataclasses import dataclass

DayCurve = tuple[float, ...]
"""A weight in [0, 1] for each full hour of local time."""

FLAT: DayCurve = (0.5,) * 24
RUSH: DayCurve = (
    *(0.40, 0.33, 0.28, 0.26, 0.30, 0.42, 0.65, 0.90, 1.00, 0.85, 0.62, 0.45),
    *(0.34, 0.26, 0.22, 0.25, 0.36, 0.58, 0.85, 0.95, 0.88, 0.74, 0.60, 0.49),
)
AFTERNOON: DayCurve = (
    *(0.16, 0.14, 0.12, 0.10, 0.08, 0.06, 0.05, 0.08, 0.18, 0.34, 0.52, 0.68),
    *(0.82, 0.93, 1.00, 0.98, 0.90, 0.76, 0.58, 0.42, 0.32, 0.26, 0.22, 0.18),
)
NIGHT: DayCurve = tuple(1.0 - weight for weight in AFTERNOON)


@dataclass(frozen=True, slots=True)
class Mix:
    """How much of a value's range its parts move it through; they add up to 1, so it never leaves the range.

    `day`: the time of day; `weather`: six-hourly, the same in the whole city; `place`: hourly, the station's own;
    `noise`: from minute to minute.
    """

    day: float
    weather: float
    place: float
    noise: float


AIR = Mix(0.35, 0.40, 0.22, 0.03)
SUNNY = Mix(0.60, 0.27, 0.11, 0.02)
CALM = Mix(0.20, 0.55, 0.23, 0.02)
ROOM = Mix(0.40, 0.25, 0.27, 0.08)
RESTLESS = Mix(0.30, 0.30, 0.34, 0.06)


@dataclass(frozen=True, slots=True)
class Parameter:
    """Between `low` and `high`, in the register's unit, plus `adds` times the values of other parameters."""

    low: float
    high: float
    decimals: int
    day: DayCurve
    mix: Mix
    adds: tuple[tuple[str, float], ...] = ()


PARAMETERS: dict[str, Parameter] = {
    "a34004": Parameter(20, 120, 1, RUSH, AIR),
    # Particles up to 10 µm hold those up to 2.5 µm, and 2.5 those up to 1: each is built on the next.
    "a34002": Parameter(8, 38, 1, RUSH, AIR, (("a34004", 1.15),)),
    "a34005": Parameter(1, 4, 1, RUSH, AIR, (("a34004", 0.65),)),
    "a34017": Parameter(0.8, 4.5, 2, RUSH, AIR),
    "a21026": Parameter(3, 20, 1, RUSH, AIR),
    "a21004": Parameter(10, 90, 1, RUSH, AIR),
    "a21003": Parameter(2, 28, 1, RUSH, AIR),
    # Nitrogen oxides as NO2: 46/30 of the mass of NO.
    "a21002": Parameter(0, 1, 1, FLAT, AIR, (("a21004", 1.0), ("a21003", 1.53))),
    "a21005": Parameter(0.3, 1.4, 3, RUSH, AIR),
    "a05024": Parameter(20, 180, 1, AFTERNOON, SUNNY),
    "a05002": Parameter(1.25, 1.75, 2, NIGHT, AIR),
    "a24088": Parameter(0.08, 0.6, 3, RUSH, AIR),
    "a01001": Parameter(9, 28, 1, AFTERNOON, SUNNY),
    "a01002": Parameter(32, 94, 1, NIGHT, SUNNY),
    "a01006": Parameter(100.3, 102.7, 2, FLAT, CALM),
    "a01007": Parameter(0.4, 5.2, 1, AFTERNOON, RESTLESS),
    # Never through north: so a mean of degrees is a mean.
    "a01008": Parameter(40, 320, 0, FLAT, CALM),
    "VIS": Parameter(19, 21, 1, FLAT, AIR, (("a34004", -0.13),)),
    "i33101": Parameter(23.6, 25.9, 1, AFTERNOON, ROOM),
    "i33102": Parameter(41, 64, 1, NIGHT, ROOM),
    "i33103": Parameter(222, 234, 1, NIGHT, RESTLESS),
}
