"""Random histories of a site: what holds of its faults and breaches whatever happens, and in whatever order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agreements.clocks import Within
from contracts.agreements.faults import FlagIs
from contracts.events.assets import ReadingReceivedV1
from contracts.events.event import Event
from contracts.events.incidents import FaultOpenedV1, FaultReopenedV1, FaultResolvedV1, SlaBreachWithdrawnV1
from services.incidents.clock import derive
from services.incidents.domain import Fault, SiteWatch
from tests.incidents.clock_stories import CALENDAR
from tests.incidents.desk import Desk
from tests.incidents.happenings import call, faults, new_desk, post, standing
from tests.incidents.site_stories import (
    PM,
    POWER,
    SILENCE,
    SITE,
    SOLVE,
    STEP,
    at,
    lot,
    measured,
    minutes,
    reading,
    rule,
)

marked = st.sampled_from("NND")
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("reading"), st.integers(-12, 12), marked, st.sampled_from([230, 0])),
        st.tuples(st.just("wait"), st.integers(1, 20)),
        st.tuples(st.just("call"), st.sampled_from(["analyser-fault", "power-loss"])),
        st.tuples(st.just("resolve"), st.integers(0, 3)),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(happenings)
async def test_one_open_fault_of_a_kind(course: list[tuple[Any, ...]]) -> None:
    desk, newest = await new_desk(), at("06:00")
    for kind, *what in course:
        if kind == "reading":
            newest = max(newest, one := newest + what[0] * STEP)
            await desk.pass_time(max(desk.now, one + STEP))
            await desk.hear(sample(one, desk.now, *what[1:]))
        elif kind == "wait":
            await desk.pass_time(desk.now + what[0] * STEP)
        elif kind == "call":
            asset = SITE if what[0] == "power-loss" else PM
            await call(desk, what[0], asset, desk.now)
        else:
            await resolve_some(desk, what[0])
    check_openings(desk.said)
    check_watch(desk)
    assert desk.dropped == []


def sample(time: datetime, now: datetime, flag: str, volt: int) -> ReadingReceivedV1:
    return reading(time, received=now, pm=measured(5, flag), volt=volt, so2=measured(5, flag))


async def resolve_some(desk: Desk, number: int) -> None:
    open_now = sorted((fault for fault in faults(desk) if fault.open), key=lambda fault: fault.id)
    if open_now:
        fault = open_now[number % len(open_now)]
        after = fault.reopened_at + timedelta(milliseconds=1) if fault.reopened_at else fault.opened.at
        await post(desk, FaultResolvedV1, fault.id, max(after, desk.now))


def check_openings(said: list[Event]) -> None:
    """One of a kind on an asset; only what was closed is opened again, and it is closed at a later time than that."""
    open_now: dict[tuple[str, str], str] = {}
    ended: dict[str, datetime] = {}
    for event in said:
        if isinstance(event, FaultOpenedV1):
            assert (event.asset, event.kind) not in open_now
            assert event.since <= event.at
            open_now[event.asset, event.kind] = event.fault
        if isinstance(event, FaultReopenedV1):
            assert (event.asset, event.kind) not in open_now
            assert event.at > ended[event.fault]
            open_now[event.asset, event.kind] = event.fault
        if isinstance(event, FaultResolvedV1):
            assert open_now.pop((event.asset, event.kind)) == event.fault
            ended[event.fault] = event.at


def check_watch(desk: Desk) -> None:
    """The watch and the faults agree on what is open."""
    document = desk.kept.get((SiteWatch, SITE))
    watch = SiteWatch.of({**document, "_v": 1}).watch if document else None
    known = {fault.fault for fault in watch.open.values()} if watch else set()
    assert known == {fault.id for fault in faults(desk) if fault.open}


HOURLY = SOLVE.model_copy(update={"limits": (Within(time=timedelta(hours=1)),)})
SLOW = {"lasts": minutes(10), "clears": minutes(15)}
MARKED = rule("marked", "analyser-fault", FlagIs(test="flag", any_of=("D",)), codes=("so2",), **SLOW)
MAINS = POWER.model_copy(update={"clears": minutes(10)})
QUICK = lot(rules=(MARKED, MAINS, SILENCE), sla=(HOURLY,))

stretches = st.tuples(
    st.integers(1, 14),
    st.booleans(),
    st.sampled_from("NDD"),
    st.sampled_from([230, 230, 0]),
    st.integers(0, 6),
    st.none() | st.integers(0, 3),
)


@settings(max_examples=50)
@given(st.lists(stretches, min_size=2, max_size=9), st.randoms(use_true_random=False))
async def test_breaches_stand_whatever_comes_late(course: list[tuple[Any, ...]], chance: Any) -> None:
    """The line is cut now and then, what was measured meanwhile comes later, in any order; people close some faults."""
    desk, time = await new_desk(QUICK, version=61), at("06:00")
    waiting: list[ReadingReceivedV1] = []
    for length, is_up, flag, volt, late, closed in course:
        for _ in range(length):
            one = sample(time, time + STEP, flag, volt)
            time += STEP
            await desk.pass_time(time)
            if is_up:
                await desk.hear(one)
            else:
                waiting.append(one)
        chance.shuffle(waiting)
        for one in waiting[:late] if is_up else ():
            await desk.hear(one.model_copy(update={"received_at": desk.now}))
            await desk.pass_time(desk.now + timedelta(seconds=1))
        waiting = waiting[late:] if is_up else waiting
        if closed is not None:
            await resolve_some(desk, closed)
    check_breaches(desk)


def check_breaches(desk: Desk) -> None:
    """What was said of breaches comes to what is true, and nothing was said that is known already."""
    assert desk.dropped == []
    check_withdrawals(desk.told(SlaBreachWithdrawnV1), {fault.id: fault for fault in faults(desk)})
    for fault in faults(desk):
        (clause,) = QUICK.sla
        true = derive(clause, fault.opened, fault.steps, CALENDAR, desk.now).breached_at
        said = [event for event in desk.said if getattr(event, "fault", None) == fault.id]
        assert standing(said).get(clause.id) == true


def check_withdrawals(withdrawn: Iterable[SlaBreachWithdrawnV1], known: dict[str, Fault]) -> None:
    """A breach whose due time did not move is withdrawn only because a step ended the clock in time."""
    for event in withdrawn:
        if event.new_due == event.due:
            ends = [step.at for step in known[event.fault].steps if isinstance(step, FaultResolvedV1)]
            assert min(ends) <= event.due
