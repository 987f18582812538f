"""A site with its lot, rules and readings, as the tests of rules and faults tell them; local times, Asia/Shanghai."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

from contracts.agreements.agreement import Agreement, Lot, Party
from contracts.agreements.clocks import SlaClause, Within
from contracts.agreements.faults import (
    Condition,
    FaultKind,
    FaultRule,
    FlagIs,
    Jump,
    Outside,
    Silent,
    Stuck,
    Swing,
)
from contracts.agreements.notices import Notices
from contracts.agreements.plans import InspectionPlan, Item
from contracts.agreements.scores import Part, Payment, Proportional, Sheet
from contracts.agreements.sites import Asset, Measure, Site
from contracts.events.assets import ReadingReceivedV1
from contracts.events.measured import Measured
from services.incidents.rules import Plan, Sign, Watch, observe, plan_of
from tests.incidents.clock_stories import CALENDAR, SOURCE, at, words

__all__ = ["at", "words"]

SITE, PM, GAS = "mulan-lake", "mulan-lake.pm25", "mulan-lake.gas"
STEP = timedelta(minutes=5)
PERIODS = {"minute": STEP, "hour": timedelta(hours=1), "realtime": timedelta(0)}
CONDITIONS = get_args(get_args(Condition)[0])


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def _entry(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "title": words(name), "source": SOURCE, **fields}


def kind(name: str, family: str = "instrument", **fields: Any) -> FaultKind:
    return FaultKind(**_entry(name, family=family, severity="major", **fields))


def rule(name: str, of: str, when: Condition, **fields: Any) -> FaultRule:
    return FaultRule(**_entry(name, kind=of, when=when, **fields))


KINDS = (
    kind("analyser-fault", reportable=True),
    kind("data-stuck", "data"),
    kind("room-hot", "environment"),
    kind("power-loss", "power", pauses="power", reportable=True),
    kind("line-down", "communication", pauses="communication"),
    kind("inlet-dirty", "inspection"),
)
POWER = rule("mains", "power-loss", Outside(test="outside", low=Decimal(180), margin=Decimal(10)), codes=("volt",))
FLAG = rule("marked", "analyser-fault", FlagIs(test="flag", any_of=("D", "F")), codes=("pm", "so2"))
HOT = rule("hot", "room-hot", Outside(test="outside", high=Decimal(30), margin=Decimal(2)), codes=("temp",))
SILENCE = rule(
    "silent", "line-down", Silent(test="silence"), lasts=timedelta(minutes=30), suppressed_by=("power-loss",)
)
STUCK = rule("stuck", "data-stuck", Stuck(test="stuck"), codes=("pm",), lasts=timedelta(minutes=30))
LEAP = rule("leap", "data-stuck", Jump(test="jump", by=Decimal(50), within=timedelta(hours=1)), codes=("pm",))
RANGE = rule("range", "room-hot", Swing(test="swing", more_than=Decimal(8)), codes=("temp",))
RULES = (FLAG, HOT, STUCK, LEAP, RANGE, SILENCE, POWER)

PLAN = InspectionPlan(
    **_entry("weekly", repeats="FREQ=WEEKLY", lasts="until_next"),
    items=(
        Item(**_entry("inlet", group="sampling", opens="inlet-dirty")),
        Item(**_entry("desk", group="room")),
    ),
)


def _measure(code: str) -> Measure:
    return Measure(code=code, unit="1", low=Decimal(-100), high=Decimal(1000))


TOWN = Site(
    **_entry(SITE, kind="station", since=date(2020, 1, 1)),
    room=(_measure("temp"), _measure("volt")),
    assets=(
        Asset(**_entry(PM, kind="analyser"), measures=(_measure("pm"),)),
        Asset(**_entry(GAS, kind="analyser"), measures=(_measure("so2"), _measure("no2"))),
    ),
)
SOLVE = SlaClause(
    **_entry("solve", families=("instrument", "inspection", "call")),
    limits=(Within(time=timedelta(hours=4)),),
    until=("resolved",),
    excludes=("power", "communication"),
    warns=(timedelta(hours=1),),
)


def lot(rules: Sequence[FaultRule] = RULES, sla: Sequence[SlaClause] = (SOLVE,)) -> Lot:
    return Lot(
        **_entry("lot-1", supplier="blue-sky"),
        sites=(TOWN,),
        plans=(PLAN,),
        fault_kinds=KINDS,
        fault_rules=tuple(rules),
        sla=tuple(sla),
        sheet=Sheet(**_entry("sheet"), parts=(Part(**_entry("all"), points=Decimal(100)),)),
        payment=Payment(
            **_entry("pay"),
            annual_fee=Decimal(100),
            pricing=Proportional(rule="proportional"),
            closes=timedelta(days=5),
        ),
        notices=Notices(groups=(), routes=()),
    )


def agreement(of: Lot, version: int = 1) -> Agreement:
    return Agreement(
        **_entry("wuhan-air", version=version, starts=date(2026, 1, 1), ends=date(2026, 12, 31), buyer="city"),
        parties=(Party(id="city", title=words("city")), Party(id="blue-sky", title=words("blue sky"))),
        calendar=CALENDAR,
        lots=(of,),
    )


def plan(rules: Sequence[FaultRule] = RULES) -> Plan:
    made = lot(rules)
    return plan_of("wuhan-air", made, made.sites[0])


def measured(value: float | str | None, flag: str = "N") -> Measured:
    return Measured(value=None if value is None else Decimal(str(value)), flag=flag)


def reading(
    time: datetime, kind: str = "minute", received: datetime | None = None, **values: Measured | float | int
) -> ReadingReceivedV1:
    """A reading of the period that starts then; plain numbers are normal values."""
    starts = time.astimezone(UTC)
    ends = starts + PERIODS[kind]
    return ReadingReceivedV1(
        at=ends,
        reading=f"{SITE}/{kind}/{starts:%Y%m%dT%H%M%SZ}",
        site=SITE,
        kind=kind,
        time=starts,
        values={code: one if isinstance(one, Measured) else measured(one) for code, one in values.items()},
        received_at=received or ends,
    )


def watched(readings: Iterable[ReadingReceivedV1], by: Plan, watch: Watch | None = None) -> tuple[Watch, list[Sign]]:
    """All readings in order of arrival, and every sign."""
    signs: list[Sign] = []
    watch = watch or Watch(SITE)
    for one in readings:
        watch, more = observe(watch, one, by)
        signs += more
    return watch, signs
