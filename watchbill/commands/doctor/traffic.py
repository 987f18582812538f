"""Whether what comes in has its effect: lag, outbox, timers, parked letters, refused data, silent stations."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from watchbill.commands.doctor.asking import Asking
from watchbill.commands.doctor.finding import Finding, bad, ok, warn

Where = tuple[str, str, int]
"""Service, topic, partition."""
OLD_SECONDS = 60.0
BEHIND = 1_000
LOOKS, LOOK_SECONDS = 5, 2.0
SILENT = timedelta(hours=2)
REASONS: dict[str, tuple[str, str]] = {
    "garbage": ("线路杂波，可忽略", "noise on the line: read over it"),
    "length": ("检查线路质量", "check the line"),
    "crc": ("检查线路，或数采仪的 CRC 方式（协议 logger.crc）", "check the line, or the logger's CRC (logger.crc)"),
    "truncated": ("检查线路质量", "check the line"),
    "too_long": ("检查线路质量", "check the line"),
    "syntax": ("联系数采仪厂家", "ask the logger's maker"),
    "unsupported": ("可忽略，或联系数采仪厂家", "read over it, or ask the logger's maker"),
    "unknown_mn": ("在协议中登记该数采仪", "put the logger into the agreement"),
    "wrong_password": ("核对数采仪密码", "compare the logger's password"),
    "unknown_code": ("在协议中登记参数或别名", "put the code, or an alias, into the agreement"),
    "out_of_range": ("核实后可放行，或修正量程", "let it count when it is right, or mend the range"),
    "future": ("校准数采仪时钟", "set the logger's clock right"),
    "before_station": ("校准数采仪时钟，或修正启用日期", "set the logger's clock right, or the site's first day"),
    "conflict": ("同一时刻有两种数值，需核实", "two values for one time: find out which is right"),
}


def check_lag(asking: Asking) -> Iterator[Finding]:
    """Every consumer gets on: one that is behind is looked at until it has, some seconds after a start at most."""
    first = last = places(asking.states)
    waited_for = [where for where, (_, lag) in first.items() if lag]
    for _ in range(LOOKS):
        if not waited_for:
            break
        time.sleep(LOOK_SECONDS)
        last = last | places(asking.states_now())
        waited_for = [where for where in waited_for if last[where][1] and last[where][0] == first[where][0]]
    stuck, behind = lags(last, waited_for), lags(last, last)
    said = ", ".join(f"{where} {lag}" for where, lag in (stuck or behind).items())
    if stuck:
        todo = ("查看该服务的 /health/ready 与日志", "look at its /health/ready and its log")
        yield bad("lag", (f"落后且没有前进：{said}", f"behind and getting no further: {said}"), todo, lag=stuck)
    elif any(lag > BEHIND for lag in behind.values()):
        todo = ("稍后再查；持续增长说明处理能力不足", "look again: if it grows, it is too slow")
        yield warn("lag", (f"落后：{said}", f"behind: {said}"), todo, lag=behind)
    else:
        text = said or "0"
        yield ok("lag", f"消费落后条数：{text}", f"records behind: {text}", lag=behind)


def places(states: Mapping[str, Mapping[str, Any]]) -> dict[Where, tuple[int, int]]:
    """How far each consumer has heard each partition, and how many records are behind that."""
    return {
        (service, stream["topic"], stream["partition"]): (stream["heard"], stream["lag"])
        for service, state in states.items()
        for stream in state["streams"] or ()
    }


def lags(places: Mapping[Where, tuple[int, int]], of: Iterable[Where]) -> dict[str, int]:
    """By "service topic": how many records of these are not heard yet; only where there are some."""
    found: Counter[str] = Counter()
    for service, topic, partition in of:
        found[f"{service} {topic}"] += places[service, topic, partition][1]
    return {where: lag for where, lag in found.items() if lag}


def check_outbox(asking: Asking) -> Iterator[Finding]:
    """What is committed is said at once."""
    ages = {name: state["outbox"]["oldest_seconds"] for name, state in asking.states.items()}
    late = {name: seconds for name, seconds in ages.items() if seconds > OLD_SECONDS}
    if late:
        said = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in late.items())
        todo = ("检查 Kafka；恢复后会自动发出", "look at Kafka: they go out by themselves when it is back")
        yield bad("outbox", (f"有事件未发出：{said}", f"events wait to be said: {said}"), todo, seconds=late)
    elif ages:
        yield ok("outbox", "没有积压的事件", "no event waits to be said")


def check_timers(asking: Asking) -> Iterator[Finding]:
    """No timer is overdue, by the clock of its service."""
    timers = {name: state["timers"] for name, state in asking.states.items()}
    late = {name: one["overdue"] for name, one in timers.items() if one["oldest_overdue_seconds"] > OLD_SECONDS}
    if late:
        said = ", ".join(f"{name} {count}" for name, count in late.items())
        todo = ("查看该服务的日志；超时会按真实时刻补记", "see its log: breaches are recorded with their true time")
        yield bad("timers", (f"有定时任务逾期未执行：{said}", f"timers are overdue: {said}"), todo, overdue=late)
    elif timers:
        yield ok("timers", "没有逾期的定时任务", "no timer is overdue")


def check_parked(asking: Asking) -> Iterator[Finding]:
    """Nothing was put aside."""
    found = {name: state["parked"] for name, state in asking.states.items() if state["parked"]}
    if found:
        said = ", ".join(f"{name} {count}" for name, count in found.items())
        todo = ("watchbill parked list 查看，改正后 watchbill parked redrive", "`watchbill parked list`, then redrive")
        yield bad("parked", (f"有搁置的消息：{said}", f"letters are parked: {said}"), todo, counts=found)
    elif asking.states:
        yield ok("parked", "没有搁置的消息", "no letter is parked")


def check_rejections(asking: Asking) -> Iterator[Finding]:
    """What was refused or quarantined, by reason."""
    counts: dict[str, int] = asking.get("assets", "/v1/rejections/counts")
    if not counts:
        yield ok("rejections", "没有被拒绝或隔离的数据", "nothing was refused or quarantined")
        return
    said = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
    hints = [(reason, *REASONS[reason]) for reason in sorted(counts) if reason in REASONS]
    todo = "；".join(f"{reason}：{zh}" for reason, zh, _ in hints), "; ".join(f"{one}: {en}" for one, _, en in hints)
    found = (f"被拒绝或隔离的数据：{said}", f"refused or quarantined: {said}")
    yield warn("rejections", found, (todo[0] or "见 /v1/rejections", todo[1] or "see /v1/rejections"), counts=counts)


def check_stations(asking: Asking) -> Iterator[Finding]:
    """Every station with a logger was heard within two hours."""
    sites = [site["id"] for site in asking.get("assets", "/v1/sites") if site["mn"]]
    latest = {site: asking.find("assets", f"/v1/sites/{site}/latest", kind="minute") for site in sites}
    heard = {site: row and row["received_at"] for site, row in latest.items()}
    since = asking.now("assets") - SILENT
    silent = {site: at for site, at in heard.items() if at is None or datetime.fromisoformat(at) < since}
    if silent:
        said = ", ".join(f"{site} ({at or '—'})" for site, at in silent.items())
        todo = (
            "检查站点的供电和通信；试用时可执行 watchbill simulate",
            "check its power and line; to try out: `watchbill simulate`",
        )
        found = (f"超过 2 小时没有数据：{said}", f"silent for more than 2 h: {said}")
        yield warn("stations", found, todo, silent=silent)
    elif sites:
        yield ok("stations", f"{len(sites)} 个站点都有数据", f"all {len(sites)} stations send data")
    else:
        todo = ("watchbill agreement load 协议文件夹", "`watchbill agreement load FOLDER`")
        yield warn("stations", ("没有登记带数采仪的站点", "no station with a logger is registered"), todo)
