"""Whether the services answer, and whether all clocks agree."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta

from watchbill.commands.doctor.asking import Asking
from watchbill.commands.doctor.brokers import clock_ahead
from watchbill.commands.doctor.finding import Finding, bad, ok, warn

TOLERATED = timedelta(seconds=5)


def check_services(asking: Asking) -> Iterator[Finding]:
    """Every service is ready, or says what is wrong with it."""
    for name in asking.services:
        faults = asking.health.get(name)
        log = asking.addresses.place.log(name)
        todo = (f"查看日志 {log}；必要时重启 watchbill up", f"see {log}; if need be start `watchbill up` again")
        if faults is None:
            yield bad("service", (f"服务 {name} 没有应答", f"{name} does not answer"), todo, service=name)
        elif faults:
            said = "; ".join(f"{part}: {why}" for part, why in faults.items())
            yield bad("service", (f"服务 {name} 异常：{said}", f"{name} is not well: {said}"), todo, service=name)
    if all(asking.health.get(name) == {} for name in asking.services):
        number = len(asking.services)
        yield ok("service", f"{number} 个服务全部就绪", f"all {number} services are ready")


def check_clocks(asking: Asking) -> Iterator[Finding]:
    """The services agree on the time, and with this machine."""
    clocks = asking.clocks
    moved = {name: clock.moved_to for name, clock in clocks.items() if clock.moved_to}
    data = {name: clock.now().isoformat() for name, clock in clocks.items()}
    off = {name: clock.ahead for name, clock in clocks.items() if abs(clock.ahead) > TOLERATED}
    if off:
        said = ", ".join(f"{name} {ahead.total_seconds():+.0f} s" for name, ahead in off.items())
        todo = ("检查各机器的时间同步（NTP）", "check that the machines' clocks are kept right (NTP)")
        yield bad("clocks", (f"时钟与本机不一致：{said}", f"clocks differ from this machine's: {said}"), todo, **data)
    elif moved and (len(moved) < len(clocks) or len(set(moved.values())) > 1):
        said = ", ".join(f"{name} {when}" for name, when in data.items())
        todo = ("演示移动时钟时会短暂如此，请稍后再查", "so for a moment while a demo moves them: look again")
        yield warn("clocks", (f"各服务的时钟不同：{said}", f"the services' clocks differ: {said}"), todo, **data)
    elif moved:
        now = next(iter(moved.values()))
        said = f"{now.isoformat()}"
        yield ok("clocks", f"时钟由演示或测试移动，现为 {said}", f"a demo or test moves the clock, now {said}", **data)
    elif clocks:
        yield ok("clocks", "各服务使用系统时钟，相差不超过 5 秒", "all on the system's clock, within 5 s", **data)


def check_hosts(asking: Asking) -> Iterator[Finding]:
    """The clocks of the broker's and the database's machines against ours. Nothing of what does not answer."""
    seen: dict[str, float] = {}
    if asking.primary is not None:
        seen["MongoDB"] = asking.primary["ahead"].total_seconds()
    try:
        seen["Kafka"] = asyncio.run(clock_ahead(asking.settings)).total_seconds()
    except PermissionError as error:
        todo = ("以有权创建主题的用户执行", "run it as a user who may make topics")
        yield warn("hosts", ("无法得知 Kafka 的时钟", f"Kafka's clock cannot be known: {error}"), todo)
    except Exception:  # that it is away is told by another check
        pass
    yield from clocks_of(seen)


def clocks_of(seen: Mapping[str, float]) -> Iterator[Finding]:
    """By host, how many seconds its clock is before ours: those that are too far off, else all. Pure."""
    off = {name: ahead for name, ahead in seen.items() if abs(ahead) > TOLERATED.total_seconds()}
    said = ", ".join(f"{name} {ahead:+.1f} s" for name, ahead in (off or seen).items())
    if off:
        todo = ("检查各机器的时间同步（NTP）", "check that the machines' clocks are kept right (NTP)")
        yield bad("hosts", (f"主机时钟与本机不一致：{said}", f"hosts' clocks differ from ours: {said}"), todo, **off)
    elif seen:
        yield ok("hosts", f"主机时钟与本机之差：{said}", f"hosts' clocks against ours: {said}", **seen)
