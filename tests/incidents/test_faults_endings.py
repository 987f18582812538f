"""How faults end by rule: over when it became good, said when that had lasted."""

from __future__ import annotations

from contracts.agreements.faults import FlagIs
from contracts.events.incidents import (
    FaultOpenedV1,
    FaultPausedV1,
    FaultResolvedV1,
    FaultResumedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
)
from services.incidents.handlers import ears
from tests.incidents.desk import Desk
from tests.incidents.happenings import call, faults, live, marks, new_desk
from tests.incidents.site_stories import GAS, HOT, PM, POWER, SILENCE, SITE, at, lot, measured, minutes, rule

BAD = measured(5, "D")
SLOW = {"lasts": minutes(15), "clears": minutes(15)}
MARKED = rule("marked", "analyser-fault", FlagIs(test="flag", any_of=("D",)), codes=("so2",), **SLOW)


async def test_clearing_time_is_not_the_suppliers() -> None:
    """Good five minutes before the due time; known ten minutes after it."""
    desk = await new_desk(lot(rules=(MARKED,)), version=71)
    await live(desk, "06:00", "10:10", so2=BAD)
    await live(desk, "10:10", "10:20")
    assert marks(desk, FaultResolvedV1, SlaBreachedV1) == [("SlaBreachedV1", at("10:15"))]
    await live(desk, "10:20", "10:25")
    (resolved,) = desk.told(FaultResolvedV1)
    assert (resolved.at, resolved.posted_at) == (at("10:10"), at("10:25"))
    assert resolved.evidence == (f"{SITE}/minute/20260303T021000Z", f"{SITE}/minute/20260303T022000Z")
    (withdrawn,) = desk.told(SlaBreachWithdrawnV1)
    assert (withdrawn.due, withdrawn.new_due) == (at("10:15"), at("10:15"))
    assert faults(desk)[0].breached == {}


async def test_relapse_begins_the_clearing_anew() -> None:
    desk = await new_desk(lot(rules=(MARKED,)), version=71)
    await live(desk, "06:00", "07:00", so2=BAD)
    await live(desk, "07:00", "07:10")
    await live(desk, "07:10", "07:15", so2=BAD)
    await live(desk, "07:15", "08:00")
    assert [(event.at, event.posted_at) for event in desk.told(FaultResolvedV1)] == [(at("07:15"), at("07:30"))]


async def test_pause_ends_when_the_power_is_back() -> None:
    mains = POWER.model_copy(update={"clears": minutes(30)})
    desk = await new_desk(lot(rules=(MARKED, mains)), version=72)
    await live(desk, "06:00", "07:00", so2=BAD)
    await live(desk, "07:00", "08:00", so2=BAD, volt=0)
    await live(desk, "08:00", "08:25", so2=BAD)
    assert marks(desk, FaultResumedV1) == []
    await live(desk, "08:25", "11:30", so2=BAD)
    (resumed,) = desk.told(FaultResumedV1)
    (restored,) = desk.told(FaultResolvedV1)
    assert (resumed.at, resumed.posted_at) == (at("08:00"), at("08:30"))
    assert (restored.kind, restored.at) == ("power-loss", at("08:00"))
    assert marks(desk, SlaBreachedV1) == [("SlaBreachedV1", at("11:15"))]


async def test_claimed_outage_ends_with_its_fault() -> None:
    """A realtime rule keeps no trail: the life of its fault is the outage."""
    mains = POWER.model_copy(update={"clears": minutes(10), "readings": "realtime"})
    desk = await new_desk(lot(rules=(MARKED, mains)), version=73)
    opened = await call(desk, "analyser-fault", PM, at("05:00"))
    assert opened
    await live(desk, "06:00", "06:30", kind="realtime", volt=0)
    await live(desk, "06:30", "07:00", kind="realtime")
    assert marks(desk, FaultPausedV1, FaultResumedV1) == [
        ("FaultPausedV1", at("06:00")),
        ("FaultResumedV1", at("06:30")),
    ]
    assert marks(desk, FaultResolvedV1) == [("FaultResolvedV1", at("06:30"))]


async def test_silence_ends_with_what_broke_it() -> None:
    silence = SILENCE.model_copy(update={"clears": minutes(20)})
    desk = await new_desk(lot(rules=(silence,)), version=74)
    opened = await call(desk, "analyser-fault", PM, at("05:00"))
    assert opened
    await live(desk, "06:00", "06:10")
    await live(desk, "08:00", "09:00")
    (over,) = desk.told(FaultResolvedV1)
    assert (over.kind, over.at, over.posted_at) == ("line-down", at("08:05"), at("08:25"))
    assert marks(desk, FaultPausedV1, FaultResumedV1) == [
        ("FaultPausedV1", at("06:10")),
        ("FaultResumedV1", at("08:05")),
    ]


async def test_fault_of_two_parameters_ends_with_the_last() -> None:
    """no2 is good from 06:30 on and needs longer to show it; so2 is good from 06:40 on."""
    shared = {"when": FlagIs(test="flag", any_of=("D",)), "lasts": minutes(5)}
    slow = rule("slow", "analyser-fault", codes=("no2",), clears=minutes(60), **shared)
    quick = rule("quick", "analyser-fault", codes=("so2",), clears=minutes(5), **shared)
    for first, then, over in (("no2", "so2", at("06:40")), ("so2", "no2", at("06:40"))):
        desk = await new_desk(lot(rules=(slow, quick)), version=75)
        await live(desk, "06:00", "06:30", no2=BAD, so2=BAD)
        await live(desk, "06:30", "06:40", **{first: measured(5), then: BAD})
        await live(desk, "06:40", "08:00", no2=5)
        (resolved,) = desk.told(FaultResolvedV1)
        assert (resolved.asset, resolved.at) == (GAS, over)


async def test_end_never_lies_before_the_opening() -> None:
    """The hour's value opened it at 07:00; of that hour's minutes the last were good."""
    hot = HOT.model_copy(update={"id": "hourly", "readings": "hour", "codes": ("so2",)})
    quick = HOT.model_copy(update={"lasts": minutes(5), "clears": minutes(10)})
    desk = Desk(ears, at("05:00"))
    desk = await new_desk(lot(rules=(hot, quick)), version=76)
    await live(desk, "06:00", "06:55", temp=35)
    await live(desk, "06:55", "07:30", temp=20)
    for opened, over in zip(desk.told(FaultOpenedV1), desk.told(FaultResolvedV1), strict=True):
        assert opened.at <= over.at
