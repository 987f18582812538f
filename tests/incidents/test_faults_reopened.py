"""Faults that were opened again: their clocks have run on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events.incidents import (
    FaultOpenedV1,
    FaultPausedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    FaultResumedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
    SlaWarnedV1,
)
from services.incidents.domain import Refused, SiteWatch
from services.incidents.domain.opening import Found
from services.incidents.domain.pauses import in_effect
from services.incidents.rules.instants import ms_of
from services.incidents.rules.spans import ENDLESS, Span
from tests.incidents.closings import BAD, MARKED, closed, fault_of
from tests.incidents.desk import Desk
from tests.incidents.happenings import call, faults, find, live, marks, new_desk, post, standing
from tests.incidents.site_stories import (
    GAS,
    PM,
    POWER,
    SILENCE,
    SITE,
    STEP,
    at,
    lot,
    measured,
    minutes,
    reading,
)


async def test_fault_is_over_after_it_was_open_again(desk: Desk) -> None:
    """The value behind the one that reopens it is good: it cannot be over at the instant of the reopening."""
    await closed(desk, "06:20")
    await live(desk, "06:20", "06:30", so2=BAD)
    await live(desk, "06:30", "06:50")
    reopened, over = fault_of(desk).reopened_at, fault_of(desk).resolved_at
    assert (reopened, over) == (at("06:30"), at("06:30") + minutes(1) / 60_000)
    assert not fault_of(desk).open


async def test_false_resolutions_do_not_stop_the_clock(desk: Desk) -> None:
    """Whoever says every hour that it is over is breached at the first opening's due time, once."""
    await closed(desk, "07:00")
    for hour in ("08:00", "09:00", "10:00", "11:00"):
        await live(desk, f"{int(hour[:2]) - 1:02}:00", hour, so2=BAD)
        await post(desk, FaultResolvedV1, fault_of(desk).id, at(hour))
    await live(desk, "11:00", "12:00", so2=BAD)
    assert marks(desk, SlaWarnedV1, SlaBreachedV1) == [
        ("SlaWarnedV1", at("09:10")),
        ("SlaBreachedV1", at("10:10")),
    ]
    assert len(desk.told(FaultReopenedV1)) == 5
    assert len(faults(desk)) == 1


async def test_met_clause_is_breached_in_the_past(desk: Desk) -> None:
    """Over, so they said, six minutes before it was due; what comes later shows that it was not."""
    await closed(desk, "10:05", "10:04")
    assert fault_of(desk).armed == ()
    await live(desk, "10:25", "10:30", so2=BAD)
    (breached,) = desk.told(SlaBreachedV1)
    assert (breached.at, breached.due) == (at("10:10"), at("10:10"))
    assert desk.told(FaultReopenedV1)[0].posted_at == at("10:30")
    await live(desk, "10:30", "11:30", so2=BAD)
    assert len(desk.told(SlaBreachedV1)) == 1


async def test_timer_is_set_again_for_what_lies_ahead(desk: Desk) -> None:
    await closed(desk, "07:00")
    await live(desk, "07:00", "07:10", so2=BAD)
    assert [(alarm.name, alarm.due) for alarm in fault_of(desk).armed] == [("warn", at("09:10")), ("due", at("10:10"))]
    await live(desk, "07:10", "10:10", so2=BAD)
    assert marks(desk, SlaBreachedV1) == [("SlaBreachedV1", at("10:10"))]


async def test_withdrawn_breach_is_said_again(desk: Desk) -> None:
    """The late resolution withdrew it; the next values take the resolution back."""
    await closed(desk, "10:20", "10:08")
    assert [event.due for event in desk.told(SlaBreachWithdrawnV1)] == [at("10:10")]
    await live(desk, "10:20", "10:35", so2=BAD)
    assert [event.due for event in desk.told(SlaBreachedV1)] == [at("10:10")] * 2
    assert fault_of(desk).breached == {"solve": at("10:10")}


async def test_resolution_dated_back_is_refused(desk: Desk) -> None:
    """The readings since then say that it was not over."""
    await live(desk, "06:00", "2026-03-05T06:00", so2=BAD)
    with pytest.raises(Refused, match="still-there"):
        await post(desk, FaultResolvedV1, fault_of(desk).id, at("06:11"))
    assert fault_of(desk).breached == {"solve": at("10:10")}


async def test_pause_of_the_time_in_between_counts(desk: Desk) -> None:
    """Closed at 07:00, no power from 07:00 to 08:00, and marked all the time: the clock stood still for that hour."""
    await closed(desk, "07:00")
    await live(desk, "07:00", "08:00", so2=BAD, volt=0)
    await live(desk, "08:00", "12:00", so2=BAD)
    assert [event.at for event in desk.told(FaultReopenedV1)] == [at("07:10")]
    assert marks(desk, FaultPausedV1, FaultResumedV1, SlaBreachedV1) == [
        ("FaultPausedV1", at("07:00")),
        ("FaultResumedV1", at("08:00")),
        ("SlaBreachedV1", at("11:10")),
    ]


async def test_outage_of_a_reopened_silence_goes_on(desk: Desk) -> None:
    known = await call(desk, "analyser-fault", PM, at("05:00"))
    assert known
    await live(desk, "06:00", "06:20")
    await desk.pass_time(at("08:00"))
    silence = desk.told(FaultOpenedV1)[1].fault
    await post(desk, FaultResolvedV1, silence, at("07:50"))
    await desk.pass_time(at("09:00"))
    assert outage_of(desk, known.id) == (ms_of(at("06:20")), ENDLESS)
    await live(desk, "09:00", "09:05")
    assert outage_of(desk, known.id) == (ms_of(at("06:20")), ms_of(at("09:05")))


def outage_of(desk: Desk, fault: str) -> Span:
    (paused,) = [one for one in faults(desk) if one.id == fault]
    (span,) = in_effect(paused)["communication"]
    return span


async def test_resolution_of_a_time_before_is_refused(desk: Desk) -> None:
    fault = await closed(desk, "06:20")
    await live(desk, "06:20", "06:40", so2=BAD)
    for early in ("06:15", "06:30"):
        with pytest.raises(Refused) as refused:
            await post(desk, FaultResolvedV1, fault, at(early))
        assert (refused.value.status, refused.value.code) == (409, "still-there")
    await post(desk, FaultResolvedV1, fault, at("06:35"))
    assert not fault_of(desk).open


def test_watch_of_an_older_version_loads() -> None:
    doubted = ["x|y", [["f", "x", "y", "reading", 3], 4, 5]]
    old: dict[str, Any] = {"streaks": [["k", [1, 5, 5, 7]]], "doubts": [doubted]}
    watch = SiteWatch.of({"_id": SITE, "_v": 3, "site": SITE, **old}).watch
    assert (watch.doubts["x|y"].at, watch.streaks["k"].last) == (4, 7)


async def test_nothing_that_is_posted_avoids_the_breach(desk: Desk) -> None:
    """A resolution every three hours, and behind it a mark of maintenance, a good value, a call and a finding."""
    await live(desk, "06:00", "07:00", so2=BAD)
    for hour in range(7, 22, 3):
        start = at(f"{hour:02}:00")
        await post(desk, FaultResolvedV1, fault_of(desk).id, start)
        await call(desk, "analyser-fault", GAS, start)
        for n, value in enumerate((measured(3, "M"), measured(3), BAD, measured(None), measured(3))):
            await desk.pass_time(start + (n + 1) * STEP)
            await desk.hear(reading(start + n * STEP, volt=230, so2=value))
        await call(desk, "analyser-fault", GAS, desk.now)
        await find(desk, Found(f"found-{hour}", GAS, "analyser-fault", "inspection", desk.now, desk.now))
        await live(desk, f"{hour:02}:25", f"{hour + 2:02}:55", so2=BAD)
        await desk.pass_time(start + timedelta(hours=3))
    (fault,) = faults(desk)
    assert fault.breached == {"solve": at("10:10")}
    assert standing(desk.said) == {"solve": at("10:10")}


@settings(max_examples=20)
@given(
    st.lists(st.sampled_from(["good", "bad", "nothing"]), max_size=12), st.integers(0, 5), st.sampled_from([0, 3, 20])
)
async def test_honest_repair_is_never_opened_again(before: list[str], worked: int, back: int) -> None:
    """Whatever it was before and while they worked: what is good from its closing on stays closed."""
    desk, values = (
        await new_desk(lot(rules=(MARKED, SILENCE, POWER)), version=91),
        {"good": 5, "bad": BAD, "nothing": None},
    )
    await live(desk, "06:00", "06:20", so2=BAD)
    time = at("06:20")
    for what in (*before, *["nothing"] * worked):
        value: Any = values[what]
        await desk.pass_time(time + STEP)
        await desk.hear(reading(time, volt=230, **({} if value is None else {"so2": value})))
        time += STEP
    for fault in [one for one in faults(desk) if one.open]:
        try:
            await post(desk, FaultResolvedV1, fault.id, max(fault.opened.at, time - minutes(back)))
        except Refused:  # it was bad for longer after that than a mistake could be
            await post(desk, FaultResolvedV1, fault.id, time)
    for n in range(6):
        await desk.pass_time(time + (n + 1) * STEP)
        await desk.hear(reading(time + n * STEP, volt=230, so2=5))
    assert desk.told(FaultReopenedV1) == []
    assert SiteWatch.of({**desk.kept[SiteWatch, SITE], "_v": 1}).watch.doubts == {}
