"""Faults that people close while rules hold them open: what opens them again, and what lets the closing stand."""

from __future__ import annotations

import pytest

from contracts.events.incidents import (
    FaultOpenedV1,
    FaultReopenedV1,
    FaultResolvedV1,
)
from contracts.events.measured import Measured
from services.incidents.domain import Refused, SiteWatch
from services.incidents.domain.opening import Found
from tests.incidents.closings import BAD, MARKED, SLOW, closed, fault_of, openings
from tests.incidents.desk import Desk, every
from tests.incidents.happenings import call, faults, find, late, live, new_desk, post
from tests.incidents.site_stories import (
    GAS,
    HOT,
    PM,
    POWER,
    SILENCE,
    SITE,
    STEP,
    agreement,
    at,
    lot,
    measured,
    minutes,
    reading,
)


async def test_closed_but_still_bad_is_open_again(desk: Desk) -> None:
    fault = await closed(desk, "06:20")
    await live(desk, "06:20", "06:25", so2=BAD)
    assert not fault_of(desk).open
    await live(desk, "06:25", "06:30", so2=BAD)
    (again,) = desk.told(FaultReopenedV1)
    assert (again.fault, again.at, again.by) == (fault, at("06:30"), "rule:marked")
    assert again.evidence == (f"{SITE}/minute/20260302T222000Z", f"{SITE}/minute/20260302T222500Z")
    assert (fault_of(desk).open, fault_of(desk).resolved_at) == (True, None)


async def test_one_good_value_is_not_enough(desk: Desk) -> None:
    """A relapse has to last anew, and it is the same fault: without the closing it would not have ended."""
    fault = await closed(desk, "06:20")
    await live(desk, "06:20", "06:25")
    await live(desk, "06:25", "07:00", so2=BAD)
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultReopenedV1", at("06:35"))]
    assert [one.id for one in faults(desk)] == [fault]


async def test_clear_for_long_enough_is_over(desk: Desk) -> None:
    await closed(desk, "06:20")
    await live(desk, "06:20", "06:30")
    await live(desk, "06:30", "07:00", so2=BAD)
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultOpenedV1", at("06:40"))]


async def test_clearing_goes_on_over_the_closing(desk: Desk) -> None:
    await live(desk, "06:00", "06:20", so2=BAD)
    await live(desk, "06:20", "06:25")
    await post(desk, FaultResolvedV1, fault_of(desk).id, at("06:25"))
    await live(desk, "06:25", "06:30")
    await live(desk, "06:30", "07:00", so2=BAD)
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultOpenedV1", at("06:40"))]


@pytest.mark.parametrize("nothing", [measured(3, "M"), measured(3, "C"), measured(3, "T"), measured(None)])
async def test_other_marks_tell_nothing(desk: Desk, nothing: Measured) -> None:
    await closed(desk, "06:20")
    await live(desk, "06:20", "06:40", so2=nothing)
    await live(desk, "06:40", "06:50", so2=BAD)
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultReopenedV1", at("06:45"))]


async def test_gap_of_one_code_proves_nothing(desk: Desk) -> None:
    """The site goes on sending, the instrument does not."""
    fault = await closed(desk, "06:20")
    for time in every(STEP, at("06:20"), at("08:00")):
        await desk.pass_time(time + STEP)
        await desk.hear(reading(time, volt=230))
    await live(desk, "08:00", "08:30", so2=BAD)
    assert [(event.fault, event.at) for event in desk.told(FaultReopenedV1)] == [(fault, at("08:10"))]


async def test_silent_site_ends_the_doubt(desk: Desk) -> None:
    """Nobody knows what was in between, and what comes late is not looked at."""
    await closed(desk, "06:20")
    await live(desk, "08:00", "08:30", so2=BAD)
    assert [event.at for event in desk.told(FaultOpenedV1) if event.kind == "analyser-fault"] == [
        at("06:10"),
        at("08:10"),
    ]
    assert desk.told(FaultReopenedV1) == []


async def test_back_fill_in_order_is_no_silence(desk: Desk) -> None:
    fault = await closed(desk, "06:20")
    await desk.pass_time(at("09:00"))
    await late(desk, "06:20", "09:00", so2=BAD, volt=230)
    assert [(event.fault, event.at) for event in desk.told(FaultReopenedV1)] == [(fault, at("06:30"))]


async def test_site_without_silence_rule_has_gaps_too() -> None:
    desk = await new_desk(lot(rules=(MARKED,)), version=94)
    await closed(desk, "06:20")
    await live(desk, "06:55", "07:10", so2=BAD)
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultOpenedV1", at("07:05"))]


async def test_closing_in_a_short_silence_is_doubted(desk: Desk) -> None:
    """What was unknown after the closing is short, however long it was before."""
    await live(desk, "06:00", "06:20", so2=BAD)
    await desk.pass_time(at("08:00"))
    await post(desk, FaultResolvedV1, fault_of(desk).id, at("07:55"))
    await live(desk, "08:00", "08:30", so2=BAD)
    assert [event.at for event in desk.told(FaultReopenedV1)] == [at("08:10")]


async def test_doubt_does_not_grow_old(desk: Desk) -> None:
    fault = await closed(desk, "06:20")
    for time in every(STEP, at("06:20"), at("2026-03-07T06:20")):
        await desk.pass_time(time + STEP)
        await desk.hear(reading(time, volt=230, so2=measured(3, "M")))
    await live(desk, "2026-03-07T06:20", "2026-03-07T06:30", so2=BAD)
    assert [(event.fault, event.at) for event in desk.told(FaultReopenedV1)] == [(fault, at("2026-03-07T06:30"))]
    assert fault_of(desk).breached == {"solve": at("10:10")}


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


async def test_closing_at_a_flicker_is_refused(desk: Desk) -> None:
    """Good once at 08:00, and bad again from 08:05 on; at 20:00 somebody posts that it was over at 08:05."""
    await live(desk, "06:00", "08:00", so2=BAD)
    await live(desk, "08:00", "08:05")
    await live(desk, "08:05", "20:00", so2=BAD)
    with pytest.raises(Refused, match="still-there"):
        await post(desk, FaultResolvedV1, fault_of(desk).id, at("08:05"))
    assert fault_of(desk).open and fault_of(desk).breached == {"solve": at("10:10")}


async def test_closing_before_the_repair_is_refused(desk: Desk) -> None:
    """Bad until 20:00, with a flicker just before; good now. Over at 09:00, somebody says: the readings say 20:00."""
    await live(desk, "06:00", "19:50", so2=BAD)
    await live(desk, "19:50", "19:55")
    await live(desk, "19:55", "20:00", so2=BAD)
    await live(desk, "20:00", "20:05")
    with pytest.raises(Refused, match="still-there"):
        await post(desk, FaultResolvedV1, fault_of(desk).id, at("09:00"))
    await post(desk, FaultResolvedV1, fault_of(desk).id, at("20:00"))
    assert (fault_of(desk).resolved_at, fault_of(desk).breached) == (at("20:00"), {"solve": at("10:10")})


async def test_late_closing_of_what_was_over_stands(desk: Desk) -> None:
    """Called; marked until 07:00 and from 08:00 on. At 09:00 somebody posts that it was over at 07:05."""
    known = await call(desk, "analyser-fault", GAS, at("05:00"))
    assert known
    await live(desk, "06:00", "07:00", so2=BAD)
    await live(desk, "07:00", "08:00")
    await live(desk, "08:00", "09:00", so2=BAD)
    await post(desk, FaultResolvedV1, known.id, at("07:05"))
    await live(desk, "09:00", "09:10", so2=BAD)
    assert openings(desk) == [("FaultOpenedV1", at("05:00")), ("FaultOpenedV1", at("09:05"))]


async def test_any_parameter_opens_it_again(desk: Desk) -> None:
    """No other instrument part takes the place of the first, whatever the order of the codes."""
    await live(desk, "06:00", "09:00", so2=BAD)
    fault = fault_of(desk).id
    await post(desk, FaultResolvedV1, fault, at("09:00"))
    await live(desk, "09:00", "09:10", so2=BAD, no2=BAD)
    assert [(event.fault, event.at) for event in desk.told(FaultReopenedV1)] == [(fault, at("09:10"))]
    await live(desk, "09:10", "09:30", so2=BAD)
    assert fault_of(desk).open
    await live(desk, "09:30", "09:40", no2=5)
    assert (fault_of(desk).open, fault_of(desk).resolved_at) == (False, at("09:30"))


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


async def test_call_opens_the_doubted_fault_again(desk: Desk) -> None:
    fault = await closed(desk, "06:20")
    assert await call(desk, "analyser-fault", GAS, at("06:20")) is None
    await desk.pass_time(at("06:22"))
    called = await call(desk, "analyser-fault", GAS, at("06:21"))
    assert called
    assert called.id == fault
    (again,) = desk.told(FaultReopenedV1)
    assert (again.fault, again.at, again.by) == (fault, at("06:21"), "call")
    await live(desk, "06:20", "06:30", so2=BAD)
    assert fault_of(desk).open
    await live(desk, "06:30", "06:40")
    assert [event.at for event in desk.told(FaultResolvedV1)] == [at("06:20"), at("06:30")]


async def test_failed_item_opens_the_doubted_fault_again(desk: Desk) -> None:
    fault = await closed(desk, "06:20")
    kind, when = "analyser-fault", at("06:25")
    found = Found("x", GAS, kind, "inspection", when, when, evidence=("task",), detail="x", opened_by="li")
    await desk.pass_time(at("06:25"))
    assert await find(desk, found) is not None
    (again,) = desk.told(FaultReopenedV1)
    assert (again.fault, again.by, again.evidence, again.note) == (fault, "li", ("task",), "x")
    assert len(faults(desk)) == 1


async def test_call_behind_the_doubt_is_another(desk: Desk) -> None:
    await closed(desk, "06:20")
    await live(desk, "06:20", "06:30")
    called = await call(desk, "analyser-fault", GAS, at("06:25"))
    assert called
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultOpenedV1", at("06:25"))]


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


async def test_silence_that_was_clearing_is_the_same() -> None:
    """Something came at 08:05, and nothing after it: over at 08:10, says who posts it at 08:39."""
    desk = await new_desk(lot(rules=(SILENCE.model_copy(update={"clears": minutes(20)}),)), version=93)
    await live(desk, "06:00", "06:20")
    await live(desk, "08:00", "08:05")
    await desk.pass_time(at("08:39"))
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("08:10"))
    await desk.pass_time(at("12:00"))
    assert openings(desk) == [("FaultOpenedV1", at("06:50")), ("FaultReopenedV1", at("08:40"))]
    await live(desk, "12:00", "12:25")
    assert [event.at for event in desk.told(FaultResolvedV1)] == [at("08:10"), at("12:05")]


async def test_silence_is_over_after_live_readings() -> None:
    desk = await new_desk(lot(rules=(SILENCE.model_copy(update={"clears": minutes(20)}),)), version=93)
    await live(desk, "06:00", "06:20")
    await desk.pass_time(at("08:00"))
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("07:50"))
    await live(desk, "08:00", "08:25")
    await desk.pass_time(at("12:00"))
    assert openings(desk) == [("FaultOpenedV1", at("06:50")), ("FaultOpenedV1", at("08:55"))]


async def test_value_inside_the_margin_shows_nothing() -> None:
    warm = HOT.model_copy(update=SLOW)
    desk = await new_desk(lot(rules=(warm,)), version=95)
    await live(desk, "06:00", "07:00", temp=31)
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("07:00"))
    await live(desk, "07:00", "12:00", temp=29)
    assert desk.told(FaultReopenedV1) == []
    await live(desk, "12:00", "12:15", temp=31)
    assert [event.at for event in desk.told(FaultReopenedV1)] == [at("12:10")]


async def test_relapse_lasts_from_its_first_bad_value() -> None:
    """Good at 07:00, then inside the margin, then empty: none of these is bad, and no part of the ten minutes."""
    warm = HOT.model_copy(update=SLOW)
    desk = await new_desk(lot(rules=(warm,)), version=95)
    await live(desk, "06:00", "07:00", temp=31)
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("07:00"))
    await live(desk, "07:00", "07:05", temp=25)
    await live(desk, "07:05", "07:10", temp=29)
    await live(desk, "07:10", "07:15", temp=measured(None))
    await live(desk, "07:15", "07:30", temp=31)
    assert openings(desk) == [("FaultOpenedV1", at("06:10")), ("FaultReopenedV1", at("07:25"))]


async def test_value_of_the_time_before_shows_nothing_later() -> None:
    """Repaired at 06:12. Behind a silence 29 degrees are not hot because of what began at 06:10."""
    warm = HOT.model_copy(update={"clears": minutes(20)})
    desk = await new_desk(lot(rules=(warm,)), version=90)
    await live(desk, "06:00", "06:05", temp=31)
    await live(desk, "06:05", "06:10", temp=25)
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("06:12"))
    await live(desk, "06:10", "06:15", temp=31)
    await live(desk, "06:50", "07:30", temp=29)
    assert openings(desk) == [("FaultOpenedV1", at("06:05"))]


async def test_silence_forgets_what_was_suspected() -> None:
    """Closed at 07:00, hot once more at 07:05, and then nobody knows: 29 degrees do not go on with 31."""
    desk = await new_desk(lot(rules=(HOT.model_copy(update=SLOW),)), version=89)
    await live(desk, "06:00", "07:00", temp=31)
    await post(desk, FaultResolvedV1, desk.told(FaultOpenedV1)[0].fault, at("07:00"))
    await live(desk, "07:00", "07:05", temp=31)
    await live(desk, "09:00", "12:00", temp=29)
    assert openings(desk) == [("FaultOpenedV1", at("06:10"))]
    await live(desk, "12:00", "12:10", temp=31)
    assert openings(desk)[1:] == [("FaultOpenedV1", at("12:10"))]


async def test_suppressed_relapse_has_to_last_anew() -> None:
    """Closed at 10:04, no power until 12:00, restored at 12:10 by what is known then; bad until 12:15."""
    mains = POWER.model_copy(update={"lasts": minutes(5), "clears": minutes(10)})
    marked = MARKED.model_copy(update={"suppressed_by": ("power-loss",), "lasts": minutes(15)})
    desk = await new_desk(lot(rules=(marked, mains)), version=96)
    await live(desk, "06:00", "10:05", so2=BAD)
    await post(desk, FaultResolvedV1, fault_of(desk).id, at("10:04"))
    await live(desk, "10:05", "12:00", so2=BAD, volt=0)
    await live(desk, "12:00", "12:15", so2=BAD)
    await live(desk, "12:15", "13:00")
    assert desk.told(FaultReopenedV1) == []


async def test_suppressed_fault_opens_after_the_suppression() -> None:
    marked = MARKED.model_copy(update={"suppressed_by": ("power-loss",)})
    desk = await new_desk(lot(rules=(marked, POWER)), version=97)
    await live(desk, "06:00", "07:00", so2=BAD, volt=0)
    await live(desk, "07:00", "07:30", so2=BAD)
    (opened,) = [event for event in desk.told(FaultOpenedV1) if event.kind == "analyser-fault"]
    assert (opened.since, opened.at) == (at("07:00"), at("07:10"))


async def test_rule_that_is_no_more_doubts_nothing() -> None:
    desk = await new_desk(lot(rules=(MARKED,)), version=98)
    await closed(desk, "06:20")
    await desk.publish(agreement(lot(rules=(POWER,)), version=99))
    await live(desk, "06:20", "06:25", so2=BAD)
    assert SiteWatch.of({**desk.kept[SiteWatch, SITE], "_v": 1}).watch.doubts == {}


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
