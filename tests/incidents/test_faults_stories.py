"""What a site goes through, from the reading to the breach, over the handlers of the room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from contracts.agreements.clocks import Within
from contracts.events.incidents import (
    FaultOpenedV1,
    FaultPausedV1,
    FaultResolvedV1,
    FaultResumedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
    SlaWarnedV1,
)
from contracts.events.inspections import InspectionDoneV1, ItemResult
from infra.runtime.line import NotYet
from services.incidents.handlers import ears
from services.incidents.rules import fault_id
from tests.incidents.desk import Desk
from tests.incidents.happenings import call, faults, late, live, marks, new_desk, post
from tests.incidents.site_stories import GAS, PM, SITE, SOLVE, agreement, at, lot, measured, minutes, reading


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = await new_desk()
    yield made
    assert made.dropped == []


async def test_marked_values_open_a_fault(desk: Desk) -> None:
    await live(desk, "06:00", "06:10", so2=measured(3, "D"))
    (opened,) = desk.told(FaultOpenedV1)
    assert (opened.asset, opened.kind, opened.source, opened.code) == (GAS, "analyser-fault", "reading", "so2")
    assert (opened.since, opened.at) == (at("06:00"), at("06:05"))
    assert opened.fault == fault_id("wuhan-air", GAS, "analyser-fault", at("06:05"))


async def test_breach_is_said_at_its_due_time(desk: Desk) -> None:
    await live(desk, "06:00", "11:00", so2=measured(3, "D"))
    assert marks(desk, SlaWarnedV1, SlaBreachedV1) == [
        ("SlaWarnedV1", at("09:05")),
        ("SlaBreachedV1", at("10:05")),
    ]


async def test_cleared_fault_is_resolved_and_never_due(desk: Desk) -> None:
    await live(desk, "06:00", "06:30", so2=measured(3, "D"))
    await live(desk, "06:30", "12:00")
    (resolved,) = desk.told(FaultResolvedV1)
    assert (resolved.at, resolved.by) == (at("06:30"), "rule:marked")
    assert marks(desk, SlaWarnedV1, SlaBreachedV1) == []
    assert [name for name, _ in desk.timers] == ["silence"]


async def test_power_cut_stops_the_clock(desk: Desk) -> None:
    bad = measured(3, "D")
    await live(desk, "06:00", "06:30", so2=bad)
    await live(desk, "06:30", "09:30", so2=bad, volt=0)
    await live(desk, "09:30", "14:00", so2=bad)
    assert marks(desk, FaultPausedV1, FaultResumedV1) == [
        ("FaultPausedV1", at("06:30")),
        ("FaultResumedV1", at("09:30")),
    ]
    assert marks(desk, SlaBreachedV1) == [("SlaBreachedV1", at("13:05"))]


async def test_fault_during_a_power_cut_opens_paused(desk: Desk) -> None:
    await live(desk, "06:00", "06:30", volt=0)
    await live(desk, "06:30", "07:00", so2=measured(3, "D"), volt=0)
    assert marks(desk, FaultOpenedV1, FaultPausedV1) == [
        ("FaultOpenedV1", at("06:05")),
        ("FaultOpenedV1", at("06:35")),
        ("FaultPausedV1", at("06:35")),
    ]


async def test_late_power_evidence_withdraws_a_breach() -> None:
    desk = await new_desk(lot(sla=[SOLVE.model_copy(update={"excludes": ("power",)})]), version=7)
    bad = measured(3, "D")
    await live(desk, "06:00", "06:30", so2=bad)
    await live(desk, "10:00", "10:30", so2=bad)
    assert marks(desk, SlaBreachedV1) == [("SlaBreachedV1", at("10:05"))]
    await late(desk, "06:30", "10:00", so2=bad, volt=0)
    (withdrawn,) = desk.told(SlaBreachWithdrawnV1)
    assert (withdrawn.due, withdrawn.new_due) == (at("10:05"), at("13:35"))
    kinds = {event.kind for event in desk.told(FaultOpenedV1)}
    assert kinds == {"analyser-fault", "line-down"}


async def test_late_return_of_power_shortens_the_pause(desk: Desk) -> None:
    bad = measured(3, "D")
    await live(desk, "06:00", "06:30", so2=bad)
    await live(desk, "06:30", "06:35", so2=bad, volt=0)
    await live(desk, "06:55", "07:00", so2=bad)
    await late(desk, "06:40", "06:45", so2=bad, volt=230)
    (fault,) = [each for each in faults(desk) if each.opened.asset == GAS]
    assert fault.armed[-1].due == at("10:05") + minutes(10)


async def test_silence_opens_at_its_true_time(desk: Desk) -> None:
    await live(desk, "06:00", "06:20")
    await desk.pass_time(at("09:00"))
    (opened,) = desk.told(FaultOpenedV1)
    assert (opened.kind, opened.asset, opened.source) == ("line-down", SITE, "silence")
    assert (opened.since, opened.at) == (at("06:20"), at("06:50"))


async def test_silence_ends_when_readings_catch_up(desk: Desk) -> None:
    await live(desk, "06:00", "06:20")
    await desk.pass_time(at("09:00"))
    await late(desk, "06:20", "08:30")
    assert desk.told(FaultResolvedV1) == []
    await late(desk, "08:30", "09:00")
    (resolved,) = desk.told(FaultResolvedV1)
    assert resolved.at == at("08:35")


async def test_readings_do_not_move_the_timer(desk: Desk) -> None:
    await live(desk, "06:00", "06:25")
    assert desk.due("silence", SITE) == at("06:35")
    await desk.pass_time(at("06:40"))
    assert desk.due("silence", SITE) == at("06:55")
    assert desk.told(FaultOpenedV1) == []


async def test_power_loss_explains_the_silence(desk: Desk) -> None:
    await live(desk, "06:00", "06:20", volt=0)
    await desk.pass_time(at("12:00"))
    assert [event.kind for event in desk.told(FaultOpenedV1)] == ["power-loss"]


async def test_silence_after_power_loss_is_seen(desk: Desk) -> None:
    await live(desk, "06:00", "06:20", volt=0)
    await desk.pass_time(at("08:05"))
    power = desk.told(FaultOpenedV1)[0].fault
    await post(desk, FaultResolvedV1, power, at("08:00"))
    await desk.pass_time(at("12:00"))
    assert [(event.kind, event.at) for event in desk.told(FaultOpenedV1)][1:] == [("line-down", at("08:20"))]


async def test_failed_item_opens_one_fault(desk: Desk) -> None:
    failed = (ItemResult(item="inlet", ok=False, asset=PM), ItemResult(item="desk", ok=False))
    done = InspectionDoneV1(
        at=at("09:00"), task="t-1", agreement="wuhan-air", lot="lot-1", site=SITE, plan="weekly",
        opens=at("00:00"), closes=at("23:00"), by="li", posted_at=at("09:10"), items=failed,
    )  # fmt: skip
    await desk.hear(done, done.model_copy(update={"task": "t-2", "at": at("10:00")}))
    (opened,) = desk.told(FaultOpenedV1)
    assert (opened.asset, opened.kind, opened.source, opened.evidence) == (PM, "inlet-dirty", "inspection", ("t-1",))


async def test_reported_fault_is_closed_by_people_only(desk: Desk) -> None:
    opened = await call(desk, "analyser-fault", GAS, at("05:00"))
    assert opened
    await live(desk, "06:00", "06:20", so2=measured(3, "D"))
    await live(desk, "06:20", "07:00")
    assert desk.told(FaultResolvedV1) == []
    await post(desk, FaultResolvedV1, opened.id, at("06:50"))
    assert [event.by for event in desk.told(FaultResolvedV1)] == ["zhang"]


async def test_reported_power_loss_pauses_others(desk: Desk) -> None:
    await live(desk, "06:00", "06:20", so2=measured(3, "D"))
    power = await call(desk, "power-loss", SITE, at("06:10"))
    assert power
    await live(desk, "06:20", "07:00", so2=measured(3, "D"))
    await post(desk, FaultResolvedV1, power.id, at("06:40"))
    assert marks(desk, FaultPausedV1, FaultResumedV1) == [
        ("FaultPausedV1", at("06:10")),
        ("FaultResumedV1", at("06:40")),
    ]


async def test_late_resolution_withdraws_its_breach(desk: Desk) -> None:
    """Of a fault that only people hold open: no reading says otherwise."""
    known = await call(desk, "analyser-fault", GAS, at("06:05"))
    assert known
    await live(desk, "06:05", "11:00", so2=measured(3))
    await post(desk, FaultResolvedV1, known.id, at("09:50"))
    assert [event.due for event in desk.told(SlaBreachWithdrawnV1)] == [at("10:05")]


async def test_reading_waits_for_its_agreement() -> None:
    with pytest.raises(NotYet):
        await Desk(ears, at("05:00")).hear(reading(at("06:00"), pm=3))


async def test_new_version_keeps_old_faults() -> None:
    desk = await new_desk()
    await live(desk, "06:00", "06:20", so2=measured(3, "D"))
    quick = lot(sla=[SOLVE.model_copy(update={"limits": (Within(time=timedelta(hours=1)),)})])
    await desk.publish(agreement(quick, version=2))
    await live(desk, "06:20", "11:00", so2=measured(3, "D"))
    assert [event.at for event in desk.told(SlaBreachedV1)] == [at("10:05")]
