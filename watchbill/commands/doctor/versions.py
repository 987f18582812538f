"""Versions: the libraries against their lock, the services against this command, the agreements against this code."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import ValidationError

from contracts.agreements.agreement import Agreement
from infra.local import jars
from watchbill.commands.doctor.asking import Asking
from watchbill.commands.doctor.finding import Finding, bad, ok, warn

LOCK = Path(__file__).parents[3] / "requirements.lock"
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s\\;]+)", re.MULTILINE)


def check_versions() -> Iterator[Finding]:
    """Which Python, broker and database this is."""
    jar = next(jar for jar in jars.locked() if jar.artifact.startswith("kafka_"))
    data = {
        "watchbill": version("watchbill"),
        "python": platform.python_version(),
        "kafka": jar.version,
        "lock": jars.lock_digest(),
    }
    text = ", ".join(f"{name} {value}" for name, value in data.items())
    yield ok("versions", text, text, **data)


def check_libraries(lock: Path = LOCK) -> Iterator[Finding]:
    """What is installed is what the lock names; nothing where the code was installed without its lock."""
    if not lock.exists():
        return
    other = differing(dict(_PIN.findall(lock.read_text("utf-8"))))
    if other:
        said = ", ".join(f"{name} {there} ({wanted})" for name, (there, wanted) in other.items())
        todo = ("make .venv/.ready，或 uv pip sync requirements.lock", "`make .venv/.ready`, or uv pip sync the lock")
        found = (f"库版本与锁定不符：{said}", f"libraries differ from the lock: {said}")
        yield bad("libraries", found, todo, differing=sorted(other))
    else:
        yield ok("libraries", "库版本与 requirements.lock 一致", "the libraries are those of requirements.lock")


def differing(pins: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """By library that is installed in another version than pinned: (what is there, what is wanted)."""
    found = {}
    for name, wanted in pins.items():
        try:
            there = version(name)
        except PackageNotFoundError:  # an extra that is not installed: another check names what is needed
            continue
        if there != wanted:
            found[name] = (there, wanted)
    return found


def check_code(asking: Asking) -> Iterator[Finding]:
    """All services run the code that this command is of."""
    ours = version("watchbill")
    other = {name: state["version"] for name, state in asking.states.items() if state["version"] != ours}
    if other:
        said = ", ".join(f"{name} {theirs}" for name, theirs in other.items())
        todo = (
            "升级并重启这些服务，或使用同版本的命令",
            "upgrade and restart them, or use their command",
        )
        found = (f"服务版本不同于本命令 {ours}：{said}", f"services differ from this command, {ours}: {said}")
        yield warn("code", found, todo, versions=other)
    elif asking.states:
        yield ok("code", f"各服务版本均为 {ours}", f"all services run {ours}", version=ours)


def check_agreements(asking: Asking) -> Iterator[Finding]:
    """Every agreement in force is read by this code's schema."""
    ids = sorted({row["agreement"] for row in asking.get("assets", "/v1/agreements")})
    for id in ids:
        try:
            Agreement.model_validate(asking.get("assets", f"/v1/agreements/{id}"))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
            found = (f"协议 {id} 不符合本版本的格式：{where}", f"{id} does not fit this version: {where}")
            todo = ("用 watchbill agreement check 检查，改正后发布新版本", "`watchbill agreement check`, publish anew")
            yield bad("agreements", found, todo, agreement=id)
        else:
            yield ok("agreements", f"协议 {id} 格式正确", f"{id} fits the schema of this version", agreement=id)
