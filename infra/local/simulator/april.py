"""The month of the demonstration: what goes wrong in April 2026 at the seven stations of wuhan-air, lot 1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.values import Words
from infra.local.simulator.air import value
from infra.local.simulator.troubles import (
    AnyTrouble,
    Damage,
    Drift,
    Flagged,
    LineCut,
    PowerCut,
    Reorder,
    Repeat,
    RoomHot,
    Stuck,
)
from infra.local.simulator.wire import SHANGHAI

AGREEMENT = "wuhan-air"
LOT = "lot-1"
O3, PM25, PM10, NO2 = "a05024", "a34004", "a34002", "a21004"
IMPLAUSIBLE_O3 = 500.0
"""µg/m³: above it the rule `o3-implausible` of the agreement sees a fault."""


def april(day: int, clock: str) -> datetime:
    """A local time of April 2026, such as `april(4, "09:30")`."""
    return datetime.fromisoformat(f"2026-04-{day:02d}T{clock}").replace(tzinfo=SHANGHAI)


STARTS, ENDS = april(1, "00:00"), april(30, "00:00") + timedelta(days=1)


@dataclass(frozen=True)
class Chapter:
    """One thing that happens, as it is told to people."""

    starts: datetime
    ends: datetime
    site: str
    words: Words


STORY: tuple[Chapter, ...] = (
    Chapter(
        april(3, "20:00"),
        april(4, "12:30"),
        "mulan-lake",
        Words(
            zh="木兰湖臭氧分析仪缓慢上漂，清明节 9:30 前后越出可信区间，12:00 起检修，12:30 修复",
            en="Mulan Lake: the O3 analyser drifts up, leaves the credible range about 09:30 on the Qingming holiday, "
            "is worked on from 12:00 and right again at 12:30",
        ),
    ),
    Chapter(
        april(8, "05:00"),
        april(8, "13:30"),
        "caidian-suo-river",
        Words(
            zh="蔡甸索河 PM2.5 数值恒定不变，5:00 至 13:30",
            en="Suo River, Caidian: PM2.5 does not move from 05:00 to 13:30",
        ),
    ),
    Chapter(
        april(10, "14:00"),
        april(10, "17:45"),
        "xinzhou-changgang-hill",
        Words(
            zh="新洲长岗山 NO2 分析仪故障标记 D，14:00 至 17:45",
            en="Changgang Hill, Xinzhou: the NO2 analyser is marked faulty (D) from 14:00 to 17:45",
        ),
    ),
    Chapter(
        april(14, "09:00"),
        april(14, "15:45"),
        "jiangxia-xin-river",
        Words(
            zh="江夏新河 PM10 故障标记 D，9:00 至 15:45；其间 11:30 至 14:30 市电中断，跨过原定时限，UPS 支撑数采仪",
            en="Xin River, Jiangxia: PM10 is marked faulty (D) from 09:00 to 15:45; from 11:30 to 14:30 the mains are "
            "out, across the deadline, while the UPS carries the logger",
        ),
    ),
    Chapter(
        april(17, "10:00"),
        april(18, "10:00"),
        "huangpi-yunwu-hill",
        Words(
            zh="黄陂云雾山通讯中断一昼夜，恢复后补传全部数据",
            en="Yunwu Hill, Huangpi: the line is cut for a day; all data are sent afterwards",
        ),
    ),
    Chapter(
        april(20, "08:00"),
        april(20, "14:00"),
        "roadside",
        Words(
            zh="交通路边站报文重复、乱序、损坏，8:00 至 14:00",
            en="Roadside: frames come twice, out of order and damaged from 08:00 to 14:00",
        ),
    ),
    Chapter(
        april(25, "13:00"),
        april(25, "15:00"),
        "mobile",
        Words(
            zh="移动站站房升温 8 ℃，13:00 至 15:00",
            en="Mobile station: the room is 8 °C warmer from 13:00 to 15:00",
        ),
    ),
)


def troubles(seed: int) -> tuple[AnyTrouble, ...]:
    """The month's troubles; the drift is such that O3 is at its bound at 09:30, whatever the air of this seed."""
    disturbed = ("roadside", april(20, "08:00"), april(20, "14:00"))
    return (
        Drift("mulan-lake", O3, april(3, "20:00"), april(4, "12:30"), _drift_per_hour(seed)),
        # The technician marks the work: without it the repair would look like a jump of the hour values.
        Flagged("mulan-lake", O3, "M", april(4, "12:00"), april(4, "12:30")),
        Stuck("caidian-suo-river", PM25, april(8, "05:00"), april(8, "13:30")),
        Flagged("xinzhou-changgang-hill", NO2, "D", april(10, "14:00"), april(10, "17:45")),
        Flagged("jiangxia-xin-river", PM10, "D", april(14, "09:00"), april(14, "15:45")),
        PowerCut("jiangxia-xin-river", april(14, "11:30"), april(14, "14:30"), ups=timedelta(hours=4)),
        LineCut("huangpi-yunwu-hill", april(17, "10:00"), april(18, "10:00")),
        Repeat(*disturbed, share=0.2),
        Reorder(*disturbed),
        Damage(*disturbed, share=0.15),
        RoomHot("mobile", april(25, "13:00"), april(25, "15:00"), degrees=8.0),
    )


def _drift_per_hour(seed: int) -> float:
    starts, implausible = april(3, "20:00"), april(4, "09:30")
    hours = (implausible - starts).total_seconds() / 3600
    return (IMPLAUSIBLE_O3 - value(seed, "mulan-lake", O3, implausible)) / hours
