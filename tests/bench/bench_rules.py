"""How many readings a second the rules take: a month of seven stations, 5-minute readings of 14 parameters."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from contracts.agreements.agreement import Lot
from contracts.agreements.faults import FlagIs, Jump, Outside, Stuck, Swing
from contracts.agreements.sites import Asset, Measure, Site
from contracts.events.assets import ReadingReceivedV1
from contracts.events.measured import Measured
from services.incidents.rules import Plan, Watch, observe, plan_of
from tests.bench.figures import Figure
from tests.incidents.clock_stories import SOURCE, at, words
from tests.incidents.site_stories import SILENCE, STEP, lot, rule

CODES = tuple(f"a{number:05d}" for number in range(1, 13))
START = at("2026-04-01T00:00")
READINGS = 30 * 288


def _measure(code: str) -> Measure:
    return Measure(code=code, unit="1", low=Decimal(-100), high=Decimal(1000))


def station(number: int) -> Site:
    named = {"title": words("s"), "source": SOURCE}
    assets = tuple(
        Asset(id=f"s{number}.{code}", kind="analyser", measures=(_measure(code),), **named) for code in CODES
    )
    room = (_measure("temp"), _measure("volt"))
    return Site(id=f"s{number}", kind="station", since=date(2020, 1, 1), room=room, assets=assets, **named)


def town() -> tuple[Lot, list[Plan]]:
    """Every condition on every parameter: more than an agreement asks for."""
    rules = (
        rule("marked", "analyser-fault", FlagIs(test="flag", any_of=("D", "F", "B")), codes=CODES),
        rule("stuck", "data-stuck", Stuck(test="stuck"), codes=CODES, lasts=timedelta(hours=3)),
        rule("leap", "data-stuck", Jump(test="jump", by=Decimal(300), within=timedelta(hours=1)), codes=CODES),
        rule("hot", "room-hot", Outside(test="outside", low=Decimal(15), high=Decimal(30)), codes=("temp",)),
        rule("range", "room-hot", Swing(test="swing", more_than=Decimal(20)), codes=("temp",)),
        rule("mains", "power-loss", Outside(test="outside", low=Decimal(180)), codes=("volt",)),
        SILENCE,
    )
    made = lot(rules).model_copy(update={"sites": tuple(station(number) for number in range(7))})
    return made, [plan_of("bench", made, site) for site in made.sites]


def readings(site: str, chance: random.Random) -> Iterator[ReadingReceivedV1]:
    for number in range(READINGS):
        values = {code: _sample(chance) for code in CODES}
        values |= {"temp": Measured(value=Decimal(25)), "volt": Measured(value=_volts(chance))}
        starts = START + number * STEP
        yield ReadingReceivedV1(
            at=starts + STEP, reading=f"{site}/minute/{starts:%Y%m%dT%H%M%SZ}", site=site, kind="minute",
            time=starts, values=values, received_at=starts + STEP,
        )  # fmt: skip


def _sample(chance: random.Random) -> Measured:
    flag = "D" if chance.random() < 0.002 else "N"
    return Measured(value=Decimal(chance.randrange(100, 2000)) / 10, flag=flag)


def _volts(chance: random.Random) -> Decimal:
    return Decimal(0) if chance.random() < 0.001 else Decimal(230)


def figures() -> list[Figure]:
    _, plans = town()
    chance = random.Random(1)
    spent = plain = 0.0
    count = 0
    for plan in plans:
        month = list(readings(plan.site, chance))
        watch = Watch(plan.site)
        started = time.process_time()
        for one in month:
            watch, _ = observe(watch, one, plan)
        middle = time.process_time()
        bare(month)
        spent, plain, count = spent + middle - started, plain + time.process_time() - middle, count + len(month)
    tracks = sum(len(bench) for _, bench in plans[0].benches["minute"])
    what = f"rules over readings of {len(CODES) + 2} parameters, {tracks} tracks a station, one core"
    told = f"{count / plain:,.0f}/s only compared with two bounds, ratio {plain / spent:.2f}"
    return [Figure(what, f"{count / spent:,.0f}/s", "", told)]


def bare(month: list[ReadingReceivedV1]) -> int:
    """Each value beside two bounds."""
    low, high = Decimal(-100), Decimal(1000)
    return sum(
        low <= one.value <= high for reading in month for one in reading.values.values() if one.value is not None
    )
