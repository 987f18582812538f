"""What a child process is: how to start it, how to know that it is ready, and how it is doing."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

import httpx

from .ports import LOOPBACK
from .trouble import Trouble

Probe = Callable[[], Awaitable[bool]]
State = Literal["starting", "ready", "waiting", "stopped"]
ROLL_BYTES = 10_000_000
TAIL_BYTES = 4_000
TAIL_LINES = 15
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: a probe speaks plain HTTP. To read the authorities anew for each costs 30 ms of a core."""


def _nothing_special(_tail: str) -> Trouble | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Child:
    """One process to run beside this one.

    `ready` is asked again and again and answers False for "not yet". `env` comes on top of this process's own.
    `after` names children that must be ready first. `explain` may turn the end of the log into a better message.
    """

    name: str
    command: Sequence[str]
    log: Path
    ready: Probe
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    after: tuple[str, ...] = ()
    ready_seconds: float = 60.0
    stop_seconds: float = 10.0
    explain: Callable[[str], Trouble | None] = _nothing_special


@dataclass(frozen=True)
class ChildState:
    """How a child is doing. `last_exit` is the code of its last death, negative for a signal."""

    name: str
    state: State
    pid: int | None
    restart_count: int
    last_exit: int | None


@dataclass(frozen=True)
class BackOff:
    """Pauses before a restart: the first, doubled each time up to the longest.

    A child that was up for `calm_seconds` begins with the first again.
    """

    first_seconds: float = 0.2
    longest_seconds: float = 10.0
    calm_seconds: float = 30.0

    def pause(self, deaths_in_a_row: int) -> float:
        """Seconds to wait after the n-th death in a row, n from 1."""
        return min(self.longest_seconds, self.first_seconds * 2.0 ** min(deaths_in_a_row - 1, 30))


def port_answers(port: int) -> Probe:
    """Ready when something accepts on this port of the loopback address."""

    async def probe() -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    return probe


def http_answers(url: str) -> Probe:
    """Ready when GET answers 2xx."""

    async def probe() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=5.0, verify=_NO_TLS) as client:
                return (await client.get(url)).is_success
        except httpx.HTTPError:
            return False

    return probe


def open_log(path: Path) -> IO[bytes]:
    """The log for appending; a large one is put aside as `.1` first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > ROLL_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def tail_of(path: Path, since: int = 0) -> str:
    """The last lines of a log, from the byte `since` at the earliest; empty if there is none."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(since if since <= size else 0, size - TAIL_BYTES))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-TAIL_LINES:])
    except OSError:
        return ""


def ended(child: Child, code: int | None, tail: str) -> Trouble:
    """The words for a child that died before it was ready."""
    return child.explain(tail) or Trouble(
        f"{child.name} 启动失败（退出码 {code}）。请看日志 {child.log}，其末尾为：",
        f"{child.name} ended before it was ready (exit code {code}). See its log {child.log}, which ends:",
        tail=tail,
    )


def too_slow(child: Child, tail: str) -> Trouble:
    """The words for a child that runs but does not get ready in its time."""
    return child.explain(tail) or Trouble(
        f"{child.name} 在 {child.ready_seconds:g} 秒内未就绪。机器可能太忙或磁盘已满；请看日志 {child.log}，其末尾为：",
        f"{child.name} was not ready within {child.ready_seconds:g} s. The machine may be too busy or the disk full; "
        f"see its log {child.log}, which ends:",
        tail=tail,
    )
