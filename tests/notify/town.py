"""A small agreement, its people and its events, for the tests of notify. Everybody in it is fictional."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from contracts.agreements.agreement import Agreement, Lot, Party
from contracts.agreements.calendar import Calendar, Year
from contracts.agreements.clocks import SlaClause, Within
from contracts.agreements.entry import Source
from contracts.agreements.faults import FaultKind
from contracts.agreements.notices import Group, Notices, Quiet, Route
from contracts.agreements.plans import InspectionPlan, Item
from contracts.agreements.scores import Part, Payment, Proportional, Sheet
from contracts.agreements.sites import Asset, Site
from contracts.events.incidents import (
    FaultOpenedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
    SlaWarnedV1,
)
from contracts.events.inspections import InspectionMissedV1
from contracts.events.scoring import SettlementComputedV1, SitePayment
from contracts.values import Words
from services.notify.domain.directory import Directory, Duty, Person

SOURCE = Source(row="W10", clause="2.4", assumed=True)
NOON = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)  # 12:00 in Beijing, a Thursday


def beijing(text: str) -> datetime:
    """A moment by the clocks of the town, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


def words(zh: str, en: str) -> Words:
    return Words(zh=zh, en=en)


def group(id: str, party: str) -> Group:
    return Group(id=id, title=words(id, id), source=SOURCE, party=party)


def route(id: str, on: str, to: tuple[str, ...], template: str, **more: Any) -> Route:
    channels = more.pop("channels", ("sms", "email"))
    return Route(id=id, title=words(id, id), source=SOURCE, on=on, to=to, channels=channels, template=template, **more)


NO_DATA, POWER_LOST = words("数据中断", "No data"), words("电源中断", "Mains power lost")
MULAN_LAKE = words("木兰湖站", "Mulan Lake")
PM25 = Asset(id="mulan-lake.pm25", title=words("PM2.5 分析仪", "PM2.5 monitor"), source=SOURCE, kind="monitor")
ENGINEERS, MANAGERS, SUPERVISORS, COMMITTEE = (
    ("supplier-engineers",), ("supplier-managers",), ("buyer-supervisors",), ("score-committee",),
)  # fmt: skip
GROUPS = (
    group("supplier-engineers", "keeper"),
    group("supplier-managers", "keeper"),
    group("buyer-supervisors", "city"),
    group("score-committee", "city"),
)
ROUTES = (
    route("opened", "FaultOpened", ENGINEERS, "fault-opened"),
    route("opened-critical", "FaultOpened", ENGINEERS + MANAGERS, "fault-opened", severities=("critical",)),
    route("resolved", "FaultResolved", ENGINEERS, "fault-resolved", channels=("email",)),
    route("warned", "SlaWarned", ENGINEERS, "sla-warned"),
    route("breached", "SlaBreached", MANAGERS + SUPERVISORS, "sla-breached"),
    route("withdrawn", "SlaBreachWithdrawn", SUPERVISORS, "sla-breach-withdrawn"),
    route("missed", "InspectionMissed", MANAGERS, "inspection-missed"),
    route("settled", "SettlementComputed", COMMITTEE + MANAGERS, "settlement-computed", channels=("email",)),
)  # fmt: skip
NOTICES = Notices(groups=GROUPS, routes=ROUTES, quiet=Quiet(starts=time(22), ends=time(7)))


def lot(notices: Notices = NOTICES, **names: Words) -> Lot:
    """The lot of two stations, with these rules of notice."""
    return Lot(
        id="lot-1", title=words("一包 空气站", "Lot 1, stations"), source=SOURCE, supplier="keeper",
        sites=(
            Site(
                id="mulan-lake", title=names.get("site", MULAN_LAKE), source=SOURCE, kind="station",
                since=date(2020, 1, 1),
                assets=(PM25,),
            ),
        ),
        plans=(
            InspectionPlan(
                id="weekly-patrol", title=words("每周巡检", "Weekly patrol"), source=SOURCE, repeats="FREQ=WEEKLY",
                lasts="until_next",
                items=(Item(id="room", title=words("站房", "Room"), source=SOURCE, group="room"),),
            ),
        ),
        fault_kinds=(
            FaultKind(id="no-data", title=NO_DATA, source=SOURCE, family="data", severity="major"),
            FaultKind(id="power-lost", title=POWER_LOST, source=SOURCE, family="power", severity="critical"),
        ),
        sla=(
            SlaClause(
                id="repair-4h", title=words("4小时内修复", "Repair in 4 h"), source=SOURCE, families=("data",),
                limits=(Within(time=timedelta(hours=4)),), until=("resolved",),
            ),
        ),
        sheet=Sheet(
            id="sheet", title=words("评分表", "Sheet"), source=SOURCE,
            parts=(Part(id="room", title=words("站房", "Room"), source=SOURCE, points=Decimal(100)),),
        ),
        payment=Payment(
            id="fee", title=words("服务费", "Fee"), source=SOURCE, annual_fee=Decimal(1200000),
            pricing=Proportional(rule="proportional"), closes=timedelta(days=5),
        ),
        notices=notices,
    )  # fmt: skip


def agreement(of: Lot | None = None) -> Agreement:
    """The agreement of the town."""
    return Agreement(
        id="town-air", title=words("空气站运维合同", "Air station agreement"), source=SOURCE, version=1,
        starts=date(2026, 1, 1), ends=date(2026, 12, 31), buyer="city",
        parties=(Party(id="city", title=words("监测中心", "City")), Party(id="keeper", title=words("运维", "Keeper"))),
        calendar=Calendar(id="cn", years={2026: Year(holidays=(date(2026, 1, 1),))}, hours=()), lots=(of or lot(),),
    )  # fmt: skip


def person(id: str, number: int, organisation: str, *groups: str, duty: Duty | None = None, **more: Any) -> Person:
    """Somebody with the phone 199000000xx."""
    return Person(
        id=id, name=f"张{id}", organisation=organisation, groups=groups, phones=(f"199000000{number:02d}",),
        emails=(f"{id}@example.com",), duty=duty or Duty(), **more,
    )  # fmt: skip


PEOPLE = (
    person("ann", 1, "keeper", "supplier-engineers"),
    person("boss", 2, "keeper", "supplier-managers", "supplier-engineers"),
    person("watch", 3, "city", "buyer-supervisors", "score-committee"),
)
DIRECTORY = Directory(people=PEOPLE)
_FAULT = {
    "fault": "5b0c9c1e-7f7a-5d5e-9a55-0f3a6c9d1234", "agreement": "town-air", "agreement_version": 1, "lot": "lot-1",
    "site": "mulan-lake", "asset": "mulan-lake.pm25", "kind": "no-data",
}  # fmt: skip
_STEP = {"by": "rule:no-data", "posted_at": NOON}
_CLOCK = {"clause": "repair-4h", "title": words("4小时内修复", "Repair in 4 h"), "due": NOON + timedelta(hours=4)}


def opened(**more: Any) -> FaultOpenedV1:
    facts = {
        "at": NOON, "family": "data", "severity": "major", "title": words("数据中断", "No data"), "source": "silence",
        "since": NOON - timedelta(minutes=30),
    }  # fmt: skip
    return FaultOpenedV1.model_validate({**_FAULT, **facts, **more})


def reopened(**more: Any) -> FaultReopenedV1:
    return FaultReopenedV1.model_validate({**_FAULT, **_STEP, "at": NOON, **more})


def resolved(**more: Any) -> FaultResolvedV1:
    return FaultResolvedV1.model_validate({**_FAULT, **_STEP, "at": NOON, **more})


def warned(**more: Any) -> SlaWarnedV1:
    return SlaWarnedV1.model_validate({**_FAULT, **_CLOCK, "at": NOON, "left_seconds": Decimal(5400), **more})


def breached(**more: Any) -> SlaBreachedV1:
    return SlaBreachedV1.model_validate({**_FAULT, **_CLOCK, "at": _CLOCK["due"], "severity": "major", **more})


def withdrawn(**more: Any) -> SlaBreachWithdrawnV1:
    reason = words("停电时段已核实", "The power cut was confirmed")
    return SlaBreachWithdrawnV1.model_validate({**_FAULT, **_CLOCK, "at": NOON, "reason": reason, **more})


def missed(**more: Any) -> InspectionMissedV1:
    task = {
        "task": "mulan-lake/weekly-patrol/20260302", "agreement": "town-air", "lot": "lot-1", "site": "mulan-lake",
        "plan": "weekly-patrol", "opens": beijing("2026-03-02T00:00"), "closes": beijing("2026-03-09T00:00"),
    }  # fmt: skip
    return InspectionMissedV1.model_validate({**task, "at": task["closes"], **more})


def settled(**more: Any) -> SettlementComputedV1:
    site = SitePayment(
        site="mulan-lake", score="s", points=Decimal("92.50"), share=Decimal("100000.00"), payable=Decimal("92500.00")
    )
    facts = {
        "at": NOON, "settlement": "town-air/lot-1/2026-02/r1", "agreement": "town-air", "agreement_version": 1,
        "lot": "lot-1", "month": "2026-02", "revision": 1, "gross": Decimal("100000.00"),
        "deducted": Decimal("7500.00"), "payable": Decimal("92500.00"), "sites": (site,), "closed_at": NOON,
    }  # fmt: skip
    return SettlementComputedV1.model_validate({**facts, **more})
