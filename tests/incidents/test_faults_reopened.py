"""Faults that people close while their condition goes on: the same fault is open again, and its clocks have run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from contracts.agreements.faults import FlagIs
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
from services.incidents.domain import Fault, Refused, SiteWatch
from services.incidents.domain.pauses import in_effect
from services.incidents.rules.instants import ms_of
from services.incidents.rules.spans import ENDLESS, Span
from tests.incidents.desk import Desk
from tests.incidents.happenings import call, faults, live, marks, new_desk, post
from tests.incidents.site_stories import GAS, PM, POWER, SILENCE, SITE, at, lot, measured, minutes, rule

BAD = measured(3, "D")
SLOW = {"lasts": minutes(10), "clears": minutes(10)}
MARKED = rule("marked", "analyser-fault", FlagIs(test="flag", any_of=("D",)), codes=("so2", "no2"), **SLOW)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = await new_desk(lot(rules=(MARKED, SILENCE, POWER)), version=91)
    yield made
    assert made.dropped == []
    check_watch(made)


def check_watch(desk: Desk) -> None:
    """What the watch holds open, closed and in doubt."""
    document = desk.kept[SiteWatch, SITE]
    assert isinstance(document["doubts"], list), "ids hold dots"
    watch = SiteWatch.of({**document, "_v": 1}).watch
    open_now = {fault.fault for fault in watch.open.values()}
    assert open_now == {fault.id for fault in faults(desk) if fault.open}
    assert not open_now & {past.fault for past in watch.closed}
    assert not open_now & {doubt.fault.fault for doubt in watch.doubts.values()}


async def closed(desk: Desk, until: str, over: str | None = None) -> str:
    """An instrument marked from 06:00 on, and its fault, closed at `until` as over at that time, or `over`."""
    await live(desk, "06:00", until, so2=BAD)
    fault: str = desk.told(FaultOpenedV1)[0].fault
    await post(desk, FaultResolvedV1, fault, at(over or until))
    return fault


def openings(desk: Desk) -> list[tuple[str, datetime]]:
    return marks(desk, FaultOpenedV1, FaultReopenedV1)


def fault_of(desk: Desk) -> Fault:
    (fault,) = [one for one in faults(desk) if one.opened.kind == "analyser-fault"]
    return fault


async def test_closed_but_still_bad_is_open_again(desk: Desk) -> None:
    fault = await closed(desk, "06:20")
    await live(desk, "06:20", "06:25", so2=BAD)
    assert not fault_of(desk).open
    await live(desk, "06:25", "06:30", so2=BAD)
    (again,) = desk.told(FaultReopenedV1)
    assert (again.fault, again.at, again.by) == (fault, at("06:30"), "rule:marked")
    assert again.evidence == (f"{SITE}/minute/20260302T222000Z", f"{SITE}/minute/20260302T222500Z")
    assert (fault_of(desk).open, fault_of(desk).resolved_at) == (True, None)


async def test_one_good_value_makes_it_another(desk: Desk) -> None:
    await closed(desk, "06:20")
    await live(desk, "06:20", "06:25")
    await live(desk, "06:25", "07:00", so2=BAD)
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultOpenedV1", at("06:35"))]


async def test_gap_does_not_prove_that_it_was_over(desk: Desk) -> None:
    fault = await closed(desk, "06:20")
    await live(desk, "08:00", "08:30", so2=BAD)
    assert [(event.fault, event.at) for event in desk.told(FaultReopenedV1)] == [(fault, at("08:10"))]


async def test_after_two_days_it_is_another(desk: Desk) -> None:
    await closed(desk, "06:20")
    await live(desk, "2026-03-05T06:15", "2026-03-05T06:35", so2=BAD)
    assert [event.at for event in desk.told(FaultOpenedV1) if event.kind == "analyser-fault"][1:] == [
        at("2026-03-05T06:25")
    ]


async def test_value_of_the_time_before_shows_nothing() -> None:
    """Repaired at 06:40: the hour from 06:00 on is marked, and the next is not."""
    hourly = MARKED.model_copy(update={"readings": "hour", "lasts": minutes(0), "clears": minutes(0)})
    desk = await new_desk(lot(rules=(hourly,)), version=92)
    await live(desk, "05:00", "05:05", kind="hour", so2=BAD)
    await desk.pass_time(at("06:50"))
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("06:40"))
    await live(desk, "06:00", "06:05", kind="hour", so2=BAD)
    await live(desk, "07:00", "07:05", kind="hour")
    assert openings(desk) == [("FaultOpenedV1", at("06:00"))]


async def test_relapse_after_it_was_over_is_another(desk: Desk) -> None:
    """Good from 06:20 on; by then it was over, says who heard of the relapse before they could post."""
    await live(desk, "06:00", "06:20", so2=BAD)
    await live(desk, "06:20", "06:25")
    await live(desk, "06:25", "06:30", so2=BAD)
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("06:21"))
    await live(desk, "06:30", "07:00", so2=BAD)
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultOpenedV1", at("06:35"))]


async def test_either_parameter_opens_it_again(desk: Desk) -> None:
    await live(desk, "06:00", "06:20", so2=BAD, no2=BAD)
    fault = desk.told(FaultOpenedV1)[0].fault
    await post(desk, FaultResolvedV1, fault, at("06:20"))
    await live(desk, "06:20", "07:00", no2=BAD)
    assert [(event.fault, event.at) for event in desk.told(FaultReopenedV1)] == [(fault, at("06:30"))]
    await live(desk, "07:00", "07:30", no2=5)
    assert [event.at for event in desk.told(FaultResolvedV1)] == [at("06:20"), at("07:00")]


async def test_called_fault_is_opened_again_by_its_rule(desk: Desk) -> None:
    known = await call(desk, "analyser-fault", GAS, at("05:00"))
    assert known
    assert await closed(desk, "06:20") == known.id
    await live(desk, "06:20", "06:40", so2=BAD)
    assert openings(desk) == [("FaultOpenedV1", at("05:00")), ("FaultReopenedV1", at("06:30"))]


async def test_called_fault_is_not_opened_again_without_rule(desk: Desk) -> None:
    known = await call(desk, "analyser-fault", PM, at("05:00"))
    assert known
    await post(desk, FaultResolvedV1, known.id, at("05:00"))
    assert await call(desk, "analyser-fault", PM, at("05:00") + minutes(1))
    assert desk.told(FaultReopenedV1) == []


async def test_new_call_takes_the_place_of_doubt(desk: Desk) -> None:
    await closed(desk, "06:20")
    called = await call(desk, "analyser-fault", GAS, at("06:20"))
    assert called
    await live(desk, "06:20", "07:00", so2=BAD)
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultOpenedV1", at("06:20"))]


async def test_silence_closed_by_hand_is_open_again(desk: Desk) -> None:
    await live(desk, "06:00", "06:20")
    await desk.pass_time(at("08:00"))
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("07:50"))
    await desk.pass_time(at("12:00"))
    assert openings(desk) == [("FaultOpenedV1", at("06:50")), ("FaultReopenedV1", at("08:20"))]
    await live(desk, "12:00", "12:10")
    assert [event.at for event in desk.told(FaultResolvedV1)] == [at("07:50"), at("12:05")]


async def test_reading_in_between_makes_another_silence(desk: Desk) -> None:
    await live(desk, "06:00", "06:20")
    await desk.pass_time(at("08:00"))
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("07:50"))
    await live(desk, "08:00", "08:05")
    await desk.pass_time(at("12:00"))
    assert openings(desk) == [("FaultOpenedV1", at("06:50")), ("FaultOpenedV1", at("08:35"))]


async def test_silence_that_was_clearing_is_another() -> None:
    """Something came at 08:05, and nothing after it: over at 08:10, says who posts it at 08:39."""
    desk = await new_desk(lot(rules=(SILENCE.model_copy(update={"clears": minutes(20)}),)), version=93)
    await live(desk, "06:00", "06:20")
    await live(desk, "08:00", "08:05")
    await desk.pass_time(at("08:39"))
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("08:10"))
    await desk.pass_time(at("12:00"))
    assert openings(desk) == [("FaultOpenedV1", at("06:50")), ("FaultOpenedV1", at("08:40"))]


async def test_stuck_value_that_goes_on_is_the_same_fault() -> None:
    desk = await new_desk(version=1)
    await live(desk, "06:00", "06:40", pm=42)
    fault = desk.told(FaultOpenedV1)[0].fault
    await post(desk, FaultResolvedV1, fault, at("06:40"))
    await live(desk, "06:40", "07:30", pm=42)
    assert [(event.fault, event.at) for event in desk.told(FaultReopenedV1)] == [(fault, at("07:10"))]


async def test_stuck_at_another_value_is_another_fault() -> None:
    desk = await new_desk(version=1)
    await live(desk, "06:00", "06:40", pm=42)
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("06:40"))
    await live(desk, "06:40", "07:30", pm=43)
    assert openings(desk) == [("FaultOpenedV1", at("06:30")), ("FaultOpenedV1", at("07:10"))]


async def test_swing_that_was_dealt_with_stays_closed() -> None:
    desk = await new_desk(version=1)
    await live(desk, "06:00", "06:05", temp=15)
    await live(desk, "06:05", "06:10", temp=25)
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("06:10"))
    await live(desk, "06:10", "07:00", temp=25)
    await live(desk, "07:00", "07:05", temp=15)
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultOpenedV1", at("07:05"))]


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
    await closed(desk, "11:00", "10:00")
    assert [event.due for event in desk.told(SlaBreachWithdrawnV1)] == [at("10:10")]
    await live(desk, "11:00", "11:15", so2=BAD)
    assert [event.due for event in desk.told(SlaBreachedV1)] == [at("10:10")] * 2
    assert fault_of(desk).breached == {"solve": at("10:10")}


async def test_resolution_dated_back_does_not_outlive_doubt(desk: Desk) -> None:
    """What counts is when it was said, not what time it was said of: nobody posts an old time to be forgotten."""
    await live(desk, "06:00", "2026-03-05T06:00", so2=BAD)
    await post(desk, FaultResolvedV1, fault_of(desk).id, at("06:11"))
    await live(desk, "2026-03-05T06:10", "2026-03-05T07:00", so2=BAD)
    assert [event.at for event in desk.told(FaultReopenedV1)] == [at("2026-03-05T06:15")]
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
    for late in ("06:15", "06:30"):
        with pytest.raises(Refused) as refused:
            await post(desk, FaultResolvedV1, fault, at(late))
        assert (refused.value.status, refused.value.code) == (409, "still-there")
    await post(desk, FaultResolvedV1, fault, at("06:35"))
    assert not fault_of(desk).open


def test_watch_of_an_older_version_loads() -> None:
    stored: dict[str, Any] = {"_id": SITE, "_v": 3, "site": SITE, "streaks": [["marked|x|so2", [1, 5, 5, 7]]]}
    watch = SiteWatch.of(stored).watch
    assert (watch.doubts, watch.streaks["marked|x|so2"].back) == ({}, 0)
