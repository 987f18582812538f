"""Whether everything answers: the services, their clocks, the broker, the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient

from contracts.events.catalog import TOPICS
from watchbill.commands.doctor.asking import SECONDS, Asking
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


def check_kafka(asking: Asking) -> Iterator[Finding]:
    """The broker answers and has every stream."""
    servers, log = asking.addresses.kafka, asking.addresses.place.log("kafka")
    try:
        there = asyncio.run(_topics(servers))
    except Exception as error:
        found = (f"Kafka（{servers}）没有应答", f"Kafka ({servers}) does not answer: {type(error).__name__}")
        yield bad("kafka", found, (f"查看日志 {log}", f"see {log}"))
        return
    missing = sorted(set(TOPICS) - there)
    if missing:
        named = ", ".join(missing)
        todo = ("服务启动时会创建；请查看服务日志", "the services make them when they start: see their logs")
        yield bad("kafka", (f"Kafka 缺少主题：{named}", f"Kafka lacks the topics {named}"), todo, missing=missing)
    else:
        yield ok("kafka", f"Kafka 正常，{len(TOPICS)} 个主题齐全", f"Kafka answers, with all {len(TOPICS)} topics")


async def _topics(servers: str) -> set[str]:
    async with asyncio.timeout(2 * SECONDS):
        admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=int(SECONDS * 1000))
        try:
            await admin.start()
            return set(await admin.list_topics())
        finally:
            await admin.close()


def check_mongo(asking: Asking) -> Iterator[Finding]:
    """The database is the primary of its replica set: without one there are no transactions."""
    log, hello = asking.addresses.place.log("mongo"), asking.primary
    todo = (f"查看日志 {log}", f"see {log}")
    if hello is None:
        found = ("MongoDB 没有应答，或没有主节点", "MongoDB does not answer, or its set has no primary")
        yield bad("mongo", found, todo)
    elif hello.get("setName") and hello.get("isWritablePrimary"):
        named = f"{hello['setName']}, {hello['version']}"
        yield ok(
            "mongo", f"MongoDB 正常，主节点（{named}）", f"MongoDB answers as primary ({named})", set=hello["setName"]
        )
    else:
        yield bad("mongo", ("MongoDB 不是副本集主节点", "MongoDB is no primary of a replica set"), todo)
