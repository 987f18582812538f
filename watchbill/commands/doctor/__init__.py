"""`watchbill doctor`: what is wrong with this installation, in plain words, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import typer

from infra.local.place import Place
from watchbill.addresses import AWAY, Addresses
from watchbill.commands.doctor import brokers, calendars, databases, machine, processes, traffic, versions
from watchbill.commands.doctor.asking import Asking
from watchbill.commands.doctor.finding import Check, Finding, State, bad, guarded
from watchbill.shown import AsJson, show_json

EXITS = (
    "退出码 / exit codes: 0 没有故障（可能有提醒）nothing is bad, perhaps warnings; 1 有故障 something is bad; "
    "3 系统未运行 nothing runs"
)
RUNS = "running"
_AT_ONCE = 32
MARKS: dict[State, str] = {"ok": "[正常 ok]  ", "warn": "[注意 warn]", "bad": "[故障 bad] "}
RUNNING: tuple[tuple[str, Callable[[Asking], Iterable[Finding]]], ...] = (
    ("service", processes.check_services),
    ("code", versions.check_code),
    ("agreements", versions.check_agreements),
    ("clocks", processes.check_clocks),
    ("hosts", processes.check_hosts),
    ("kafka", brokers.check_kafka),
    ("mongo", databases.check_mongo),
    ("indexes", databases.check_indexes),
    ("lag", traffic.check_lag),
    ("outbox", traffic.check_outbox),
    ("timers", traffic.check_timers),
    ("parked", traffic.check_parked),
    ("rejections", traffic.check_rejections),
    ("stations", traffic.check_stations),
    ("calendar", calendars.check_calendars),
)


def doctor(as_json: AsJson = False) -> None:
    """检查：哪里有问题，怎么办 / what is wrong with this installation, and what to do."""
    place = Place.of()
    asking = _asking(place)
    asked = asking if isinstance(asking, Asking) else None
    findings = _all_of(_checks(place, asked))
    if isinstance(asking, Finding):
        findings.append(asking)
    else:
        asking.close()
    code = exit_code(findings)
    if as_json:
        show_json({"exit_code": code, "running": asked is not None, "findings": [one.model_dump() for one in findings]})
    else:
        for line in lines_of(findings):
            typer.echo(line)
    if code:
        raise typer.Exit(code)


def _all_of(checks: Iterable[tuple[str, Check]]) -> list[Finding]:
    """Their findings, in their order. All are made at once: most of their time is waiting for an answer."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return [finding for found in pool.map(lambda named: guarded(*named), checks) for finding in found]


def _checks(place: Place, asking: Asking | None) -> Iterator[tuple[str, Check]]:
    yield "folder", partial(machine.check_folder, place)
    yield "secrets", partial(machine.check_secrets, place)
    yield "extra", machine.check_extra
    yield "disk", partial(machine.check_disk, place)
    yield "versions", versions.check_versions
    yield "libraries", versions.check_libraries
    yield "jars", machine.check_jars
    yield "mongod", machine.check_mongod
    if asking is not None:
        yield from ((name, partial(check, asking)) for name, check in RUNNING)


def _asking(place: Place) -> Asking | Finding:
    """Whom to ask; or why nobody can be asked."""
    if not (place.root / "addresses.json").exists():
        return _away(place)
    try:
        asking = Asking(Addresses.read())
    except (OSError, ValueError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        found = (f"无法读取地址或密钥：{why}", f"addresses or secrets cannot be read: {why}")
        return bad("asking", found, ("以安装者的身份执行", "run it as the one who installed it"))
    if asking.health:
        return asking
    asking.close()
    return _away(place)


def _away(place: Place) -> Finding:
    found = (f"{place.root} 中没有运行中的系统", f"nothing runs in {place.root}")
    todo = ("执行 watchbill up（或 watchbill demo）启动", "start it by `watchbill up` (or `watchbill demo`)")
    return bad(RUNS, found, todo)


def exit_code(findings: Sequence[Finding]) -> int:
    """3: nothing runs; 1: something is bad; 0 otherwise, warnings included."""
    if any(finding.check == RUNS for finding in findings):
        return AWAY
    return int(any(finding.state == "bad" for finding in findings))


def lines_of(findings: Iterable[Finding]) -> Iterator[str]:
    """For people: the mark and what was found, Chinese first; below it what to do."""
    for finding in findings:
        yield f"{MARKS[finding.state]} {finding.found.zh}"
        if finding.found.en != finding.found.zh:
            yield f"    {finding.found.en}"
        if finding.todo:
            yield f"    → {finding.todo.zh}"
            yield f"    → {finding.todo.en}"
