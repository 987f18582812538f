"""Outages from readings in any order of arrival: as if every one of them had come in time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agreements.faults import FaultRule, Outside
from contracts.events.assets import ReadingReceivedV1
from services.incidents.rules import Rewritten, Watch, outages_of
from services.incidents.rules.instants import moment_of
from services.incidents.rules.notes import plain_of, watch_of
from services.incidents.rules.spans import ENDLESS
from tests.incidents.site_stories import POWER, SITE, STEP, at, minutes, plan, reading, rule, watched
from tests.incidents.slow_rules import follows_on, truth

START = at("06:00")
LOW = Outside(test="outside", low=Decimal(180), margin=Decimal(20))
durations = st.sampled_from([0, 5, 12, 30]).map(minutes)


@st.composite
def rules(draw: st.DrawFn) -> FaultRule:
    return rule("mains", "power-loss", LOW, codes=("volt",), lasts=draw(durations), clears=draw(durations))


@st.composite
def arrivals(draw: st.DrawFn) -> list[ReadingReceivedV1]:
    """Readings of some periods of a few hours, in any order, some of them twice."""
    periods = draw(st.lists(st.integers(0, draw(st.sampled_from([12, 30, 60]))), min_size=1, max_size=30))
    volts = {period: draw(st.sampled_from([230, 230, 190, 0, 0])) for period in periods}
    return [reading(START + period * STEP, volt=volts[period]) for period in periods]


def slow_outages(one: FaultRule, came: list[ReadingReceivedV1]) -> list[tuple[datetime, datetime | None]]:
    """From the first bad reading of what opened a fault to the first good one of what cleared it, in order of time."""
    known = list({each.time: each for each in reversed(came)}.values())
    known.sort(key=lambda each: each.time)
    words = [(each, truth(one, "volt", known[: n + 1])) for n, each in enumerate(known)]
    outages: list[tuple[datetime, datetime | None]] = []
    bad = good = before = None
    for each, word in words:
        if before is not None and not follows_on(before, each):
            bad, good = (bad if outages and not outages[-1][1] else None), None
        before = each
        if word is not None and word[0]:
            bad, good = bad or each.time, None
            if (not outages or outages[-1][1]) and each.at - bad >= one.lasts:
                outages.append((bad, None))
        elif outages and outages[-1][1] is None:
            good = good or each.time
            if each.at - good >= one.clears:
                outages[-1], bad, good = (outages[-1][0], good), None, None
        else:
            bad = None
    return outages


def known_outages(watch: Watch) -> list[tuple[datetime, datetime | None]]:
    spans = outages_of(watch).get("power", [])
    return [(moment_of(start), None if end == ENDLESS else moment_of(end)) for start, end in spans]


def joined(outages: list[tuple[datetime, datetime | None]]) -> list[tuple[datetime, datetime | None]]:
    merged: list[tuple[datetime, datetime | None]] = []
    for start, end in outages:
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


@given(rules(), arrivals())
def test_outages_do_not_depend_on_arrival(one: FaultRule, came: list[ReadingReceivedV1]) -> None:
    watch, _ = watched(came, plan([one]))
    assert known_outages(watch) == joined(slow_outages(one, came))


@given(rules(), arrivals())
def test_watch_survives_the_database(one: FaultRule, came: list[ReadingReceivedV1]) -> None:
    watch, _ = watched(came, plan([one]))
    assert watch_of(plain_of(watch)) == watch


@settings(max_examples=20)
@given(st.lists(st.sampled_from([230, 230, 0, 0, None]), min_size=300, max_size=500))
def test_long_trail_stays_short_and_right(volts: list[int | None]) -> None:
    came = [reading(START + n * STEP, volt=volt) for n, volt in enumerate(volts) if volt is not None]
    watch, _ = watched(came, plan([POWER]))
    (trail,) = watch.trails.values()
    assert len(trail.runs) <= 128
    first = watch.horizon
    expected = joined(slow_outages(POWER, came))
    kept = [outage for outage in expected if outage[1] is None or outage[1] > moment_of(first)]
    assert known_outages(watch) == kept


def test_late_loss_of_power_is_told() -> None:
    live = [reading(at("06:00"), volt=230), reading(at("10:00"), volt=230)]
    watch, signs = watched([*live, reading(at("07:00"), volt=0)], plan())
    assert [(type(sign), sign.evidence) for sign in signs] == [(Rewritten, (f"{SITE}/minute/20260302T230000Z",))]
    assert known_outages(watch) == [(at("07:00"), at("10:00"))]
    assert watch.open == {}


def test_late_return_of_power_ends_outage_sooner() -> None:
    live = [reading(at("06:00"), volt=0), reading(at("10:00"), volt=230)]
    watch, _ = watched([*live, reading(at("07:00"), volt=230)], plan())
    assert known_outages(watch) == [(at("06:00"), at("07:00"))]


def test_late_reading_of_no_consequence_says_nothing() -> None:
    live = [reading(at("06:00"), volt=230), reading(at("10:00"), volt=230)]
    assert watched([*live, reading(at("07:00"), volt=230, temp=99)], plan())[1] == []
