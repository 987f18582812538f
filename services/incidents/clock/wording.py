"""The words of a clock, Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from contracts.agreements.calendar import Calendar, DayKind
from contracts.agreements.clocks import Step, Within, Workdays
from contracts.agreements.days import hours_named, zone_of
from contracts.agreements.faults import Family, PauseReason
from contracts.events.incidents import FaultOpenedV1
from contracts.values import Words

KINDS: dict[DayKind, Words] = {
    "workday": Words(zh="工作日", en="workday"),
    "weekend": Words(zh="周末", en="weekend"),
    "holiday": Words(zh="法定节假日", en="public holiday"),
}
FAMILIES: dict[Family, Words] = {
    "instrument": Words(zh="仪器", en="instrument"),
    "data": Words(zh="数据", en="data"),
    "environment": Words(zh="环境", en="environment"),
    "power": Words(zh="供电", en="power"),
    "communication": Words(zh="通信", en="communication"),
    "inspection": Words(zh="巡检", en="inspection"),
    "call": Words(zh="报修", en="call"),
}
REASONS: dict[PauseReason, Words] = {
    "power": Words(zh="停电", en="power outage"),
    "communication": Words(zh="通信线路中断", en="communication line down"),
    "weather": Words(zh="恶劣天气", en="severe weather"),
    "access": Words(zh="无法进场", en="no access to the site"),
    "buyer": Words(zh="采购方原因", en="cause on the buyer's side"),
}
STEPS: dict[Step, Words] = {
    "acknowledged": Words(zh="响应", en="acknowledged"),
    "arrived": Words(zh="到场", en="arrived on site"),
    "spare_installed": Words(zh="备机投用", en="spare installed"),
    "analysed": Words(zh="原因上报", en="cause reported"),
    "resolved": Words(zh="解决", en="resolved"),
}
COUNTED = Words(zh="计时", en="counted")
OPENING_DAY = Words(zh="发生当日不计，自次日零时起", en="the opening day does not count: from the next midnight")
DAY_OFF = Words(zh="非工作日，不计时", en="not a workday, not counted")


def moment(at: datetime, timezone: str) -> str:
    """A local time, with milliseconds only where there are any."""
    local = at.astimezone(zone_of(timezone))
    text = local.replace(tzinfo=None).isoformat(" ", "seconds")
    return f"{text}.{local.microsecond // 1000:03}" if local.microsecond else text


@lru_cache(maxsize=1024)
def lasting(time: timedelta) -> Words:
    """A duration in hours, minutes and seconds; whole days as days from two days on."""
    if time >= timedelta(days=2) and not time % timedelta(days=1):
        return Words(zh=f"{time.days} 天", en=f"{time.days} d")
    minutes, seconds = divmod(time, timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    rest = f"{seconds / timedelta(seconds=1):g}"
    parts = [(str(hours), "小时", "h"), (str(minutes), "分", "min"), (rest, "秒", "s")]
    said = [part for part in parts if part[0] != "0"] or [("0", "秒", "s")]
    return Words(zh=" ".join(f"{n} {zh}" for n, zh, _ in said), en=" ".join(f"{n} {en}" for n, _, en in said))


def listed(names: Sequence[Words]) -> Words:
    """Several names as one."""
    return Words(zh="、".join(name.zh for name in names), en=", ".join(name.en for name in names))


def limit(limit: Within | Workdays, hours: str | None, calendar: Calendar) -> Words:
    """How long the clause allows."""
    if isinstance(limit, Workdays):
        n = limit.workdays
        return Words(zh=f"发生次日起 {n} 个工作日", en=f"{n} workday{'s' * (n > 1)} after the opening day")
    length = lasting(limit.time)
    if hours is None:
        return length
    title = hours_named(calendar, hours).title
    return Words(zh=f"{length.zh}（只计“{title.zh}”）", en=f"{length.en} (only '{title.en}' counts)")


def not_named(opened: FaultOpenedV1) -> Words:
    """Why a clause does not cover a fault it does not name."""
    family = FAMILIES[opened.family]
    return Words(
        zh=f"条款不涉及此类故障（{family.zh}类，{opened.title.zh}）",
        en=f"the clause does not name this kind of fault (family '{family.en}', {opened.title.en})",
    )


def opened_outside(opened: FaultOpenedV1, hours: str, calendar: Calendar) -> Words:
    """Why a clause does not cover a fault that opened outside its hours."""
    title, at = hours_named(calendar, hours).title, moment(opened.at, calendar.timezone)
    return Words(zh=f"故障发生于 {at}，不在“{title.zh}”内", en=f"opened at {at}, outside '{title.en}'")


def no_limit(kind: DayKind) -> Words:
    """Why a clause does not cover a fault that opened on a day it has no limit for."""
    return Words(zh=f"条款未规定{KINDS[kind].zh}的时限", en=f"the clause has no limit for a {KINDS[kind].en}")


def covered(opened: FaultOpenedV1, hours: str | None, kind: DayKind | None, calendar: Calendar) -> Words:
    """Why a clause covers a fault."""
    family, at = FAMILIES[opened.family], moment(opened.at, calendar.timezone)
    zh, en = f"{family.zh}类故障，发生于 {at}", f"a fault of family '{family.en}', opened at {at}"
    if hours is not None:
        title = hours_named(calendar, hours).title
        zh, en = f"{zh}，在“{title.zh}”内", f"{en}, inside '{title.en}'"
    if kind is not None:
        zh, en = f"{zh}，当日为{KINDS[kind].zh}", f"{en}, on a {KINDS[kind].en}"
    return Words(zh=zh, en=en)


@lru_cache(maxsize=1024)
def counting(pauses: tuple[PauseReason, ...]) -> Words:
    """Why time counts, although something may be paused."""
    if not pauses:
        return COUNTED
    reasons = listed([REASONS[reason] for reason in pauses])
    return Words(zh=f"计时（{reasons.zh}不扣除）", en=f"counted ({reasons.en}: not excluded by this clause)")


@lru_cache(maxsize=1024)
def paused(pauses: tuple[PauseReason, ...]) -> Words:
    """Why time does not count: an excluded reason is open."""
    reasons = listed([REASONS[reason] for reason in pauses])
    return Words(zh=f"{reasons.zh}，扣除", en=f"{reasons.en}, excluded")


def opening_day() -> Words:
    """Why the rest of the opening day does not count for a limit in workdays."""
    return OPENING_DAY


def voided(at: str, reopened_at: str) -> Words:
    """That a resolution did not end a clock."""
    return Words(
        zh=f"解决不成立：{at} 之后故障仍在，{reopened_at} 重新打开",
        en=f"resolution does not count: the fault was still there after {at}, open again at {reopened_at}",
    )


def outside(hours: str | None, calendar: Calendar) -> Words:
    """Why time does not count: it is outside the hours, or (None) not on a workday."""
    if hours is None:
        return DAY_OFF
    title = hours_named(calendar, hours).title
    return Words(zh=f"“{title.zh}”以外，不计时", en=f"outside '{title.en}', not counted")
