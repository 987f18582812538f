"""Pauses follow the site's outages, whatever was said of them before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from contracts.events.incidents import FaultPausedV1, FaultResolvedV1, FaultResumedV1
from services.incidents.domain import Fault, Found, open_fault
from services.incidents.domain.fault import Step, identity_of
from services.incidents.domain.pauses import adjusted, in_effect
from services.incidents.domain.steps import recorded
from services.incidents.rules.instants import moment_of
from services.incidents.rules.spans import ENDLESS, Span, holds, united
from tests.incidents.site_stories import PM, SITE, lot

HOUR = 3_600_000
OPENED = 2 * HOUR
NOW = datetime(2026, 3, 3, tzinfo=UTC)

hours = st.integers(0, 24).map(lambda hour: hour * HOUR)
spans = st.lists(st.tuples(hours, st.one_of(hours, st.just(ENDLESS))), max_size=5).map(united)


def fault() -> Fault:
    at = moment_of(OPENED)
    found = Found("f-1", PM, "analyser-fault", "reading", at - timedelta(minutes=5), at)
    return open_fault(found, "wuhan-air", 1, lot(), SITE)


def mark(of: Fault, at: int, pauses: bool) -> Step:
    step = FaultPausedV1 if pauses else FaultResumedV1
    return step(**identity_of(of.opened), at=moment_of(at), by="zhang", posted_at=NOW, reason="power")


def pause_at(of: Fault, at: int) -> bool:
    return holds(in_effect(of).get("power", []), at)


@given(st.lists(spans, min_size=1, max_size=6))
def test_pauses_equal_the_newest_outages(history: list[list[Span]]) -> None:
    one = fault()
    for outages in history:
        one = recorded(one, *adjusted(one, {"power": outages}, 0, NOW))
    for half_hour in range(2 * 26):
        instant = half_hour * HOUR // 2 + 60_000
        assert pause_at(one, instant) == (instant >= OPENED and holds(history[-1], instant))


@given(st.lists(spans, min_size=1, max_size=6))
def test_same_outages_say_nothing_more(history: list[list[Span]]) -> None:
    one = fault()
    for outages in history:
        one = recorded(one, *adjusted(one, {"power": outages}, 0, NOW))
    assert adjusted(one, {"power": history[-1]}, 0, NOW) == ()


@given(st.lists(spans, min_size=1, max_size=5), st.integers(2, 20), st.integers(1, 5), st.integers(1, 4))
@example([[(0, 3 * HOUR)], [(0, ENDLESS)], [(0, 3 * HOUR)]], 3, 1, 1)
def test_what_people_stated_stands_beside(history: list[list[Span]], start: int, lasting: int, more: int) -> None:
    one, stated = fault(), [(start * HOUR + more, (start + lasting) * HOUR + more)]
    one = recorded(one, mark(one, stated[0][0], True), mark(one, stated[0][1], False))
    for outages in history:
        one = recorded(one, *adjusted(one, {"power": outages}, 0, NOW))
    for half_hour in range(2 * 26):
        instant = half_hour * HOUR // 2 + 60_000
        wanted = holds(stated, instant) or (instant >= OPENED and holds(history[-1], instant))
        assert pause_at(one, instant) == wanted


@given(spans, spans, hours)
def test_pauses_before_the_horizon_stay(before: list[Span], after: list[Span], horizon: int) -> None:
    one = recorded(fault(), *adjusted(fault(), {"power": before}, 0, NOW))
    two = recorded(one, *adjusted(one, {"power": after}, horizon, NOW))
    for half_hour in range(2 * 26):
        instant = half_hour * HOUR // 2 + 60_000
        known = after if instant >= max(horizon, OPENED) else before
        assert pause_at(two, instant) == (instant >= OPENED and holds(known, instant))


def test_nothing_is_said_after_the_resolution() -> None:
    one = fault()
    end = FaultResolvedV1(**identity_of(one.opened), at=moment_of(5 * HOUR), by="zhang", posted_at=NOW)
    steps = adjusted(recorded(one, end), {"power": [(4 * HOUR, 8 * HOUR)]}, 0, NOW)
    assert [(type(step), step.at) for step in steps] == [(FaultPausedV1, moment_of(4 * HOUR))]


def test_pause_begins_when_the_fault_opens() -> None:
    steps = adjusted(fault(), {"power": [(HOUR, ENDLESS)]}, 0, NOW)
    assert [(type(step), step.at, step.by) for step in steps] == [(FaultPausedV1, moment_of(OPENED), "rule:power")]
