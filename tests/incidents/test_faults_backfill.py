"""What comes late, after the clocks have spoken: a breach that stays true stands, one that is said again is heard."""

from __future__ import annotations

from contracts.events.incidents import FaultPausedV1, SlaBreachedV1, SlaBreachWithdrawnV1
from tests.incidents.desk import Desk
from tests.incidents.happenings import faults, late, live, marks, new_desk
from tests.incidents.site_stories import GAS, SOLVE, at, lot, measured

BAD = measured(3, "D")


def gas_breach(desk: Desk) -> object:
    (fault,) = [fault for fault in faults(desk) if fault.opened.asset == GAS]
    return fault.breached.get("solve")


async def test_power_cut_behind_a_dead_line_moves_nothing() -> None:
    """Silent 07:00-08:05, breach 11:10; at 12:00 the history comes: the mains were away 07:30-07:50."""
    desk = await new_desk()
    await live(desk, "06:00", "07:00", so2=BAD)
    await live(desk, "08:00", "12:00", so2=BAD)
    assert marks(desk, SlaBreachedV1) == [("SlaBreachedV1", at("11:10"))]
    before = len(desk.said)
    for start, end, volt in (("07:00", "07:30", 230), ("07:30", "07:50", 0), ("07:50", "08:00", 230)):
        await late(desk, start, end, so2=BAD, volt=volt)
        await desk.pass_time(desk.now)
    later = desk.told(FaultPausedV1, SlaBreachedV1, SlaBreachWithdrawnV1, since=before)
    assert {type(event) for event in later} == {FaultPausedV1}
    assert (gas_breach(desk), desk.dropped) == (at("11:10"), [])


async def test_breach_is_heard_when_said_again() -> None:
    """The mains seem away 12:00-14:00, then only 12:00-12:05, at lunch, which does not count: due 14:05 after all."""
    clause = SOLVE.model_copy(update={"excludes": ("power",), "counts": "desk"})
    desk = await new_desk(lot(sla=(clause,)), version=91)
    await live(desk, "09:00", "09:30", so2=BAD)
    await live(desk, "14:00", "14:30", so2=BAD)
    await late(desk, "12:00", "12:05", so2=BAD, volt=0)
    await late(desk, "12:05", "12:10", so2=BAD, volt=230)
    await desk.pass_time(desk.now)
    assert marks(desk, SlaBreachedV1) == [("SlaBreachedV1", at("14:05"))] * 2
    assert [(event.due, event.new_due) for event in desk.told(SlaBreachWithdrawnV1)] == [(at("14:05"), at("15:05"))]
    assert (gas_breach(desk), desk.dropped) == (at("14:05"), [])
