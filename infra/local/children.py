"""Child processes under supervision: started in order, brought back when they crash, stopped in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Iterable
from signal import SIGKILL, SIGTERM, Signals
from typing import Any, Self

import structlog

from .child import (
    BackOff,
    Child,
    ChildState,
    Probe,
    State,
    ended,
    http_answers,
    open_log,
    port_answers,
    tail_of,
    too_slow,
)
from .leash import leashed
from .trouble import Trouble

__all__ = [
    "BackOff",
    "Child",
    "ChildState",
    "Probe",
    "State",
    "Supervisor",
    "Trouble",
    "all_or_none",
    "http_answers",
    "port_answers",
]

PROBE_PAUSE_SECONDS = (0.05, 0.5)
PROBE_LIMIT_SECONDS = 10.0
log = structlog.get_logger(__name__)


class _Member:
    """A child and its present life."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.state: State = "stopped"
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self.born = 0.0
        self.log_start = 0
        self.restart_count = 0
        self.deaths_in_a_row = 0
        self.last_exit: int | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    def seen(self) -> ChildState:
        pid = self.process.pid if self.process and self.alive else None
        return ChildState(self.child.name, self.state, pid, self.restart_count, self.last_exit)

    def signal(self, sign: Signals) -> None:
        if self.process and self.alive:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(sign)

    def dies(self, code: int, now: float, back_off: BackOff) -> float:
        """Note a death; return the seconds to wait before the next life."""
        calm = now - self.born >= back_off.calm_seconds
        self.deaths_in_a_row = 1 if calm else self.deaths_in_a_row + 1
        self.last_exit, self.state = code, "waiting"
        self.ready.clear()
        return back_off.pause(self.deaths_in_a_row)

    def tail(self) -> str:
        return tail_of(self.child.log, self.log_start)


class Supervisor:
    """A family of child processes; `async with Supervisor([...])` starts and stops them.

    Every child runs in a session of its own, so that Ctrl-C reaches only this process, and on a leash, so that it
    never outlives it. One that dies after it was ready comes back, with pauses that grow, and is counted.
    """

    def __init__(self, children: Iterable[Child] = (), *, back_off: BackOff | None = None) -> None:
        self._members = {child.name: _Member(child) for child in children}
        self._tiers()
        self._back_off = back_off or BackOff()
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def restart_count(self) -> int:
        """How many times a child had to be brought back, all together."""
        return sum(member.restart_count for member in self._members.values())

    def states(self) -> list[ChildState]:
        return [member.seen() for member in self._members.values()]

    def state(self, name: str) -> ChildState:
        return self._members[name].seen()

    async def start(self) -> None:
        """Start all, each after those it names. If one fails, all are stopped and its Trouble is raised."""
        self._stopping.clear()
        try:
            await all_or_none(self._first_life(member) for member in self._members.values())
        except BaseException:
            await self.stop()
            raise

    async def add(self, *children: Child) -> None:
        """Start more children and wait until they are ready. If one fails, these stop and its Trouble is raised."""
        fresh = {child.name: _Member(child) for child in children}
        self._members |= fresh
        self._tiers()
        try:
            await all_or_none(self._first_life(member) for member in fresh.values())
        except BaseException:
            await self._forget(fresh)
            raise

    def kill(self, name: str, sign: Signals = SIGKILL) -> None:
        """Send a child a signal, as a fault in a test; a deadly one makes `until_ready` wait for the next life."""
        member = self._members[name]
        if sign in (SIGKILL, SIGTERM):
            member.ready.clear()
        member.signal(sign)

    async def until_ready(self, name: str, seconds: float = 60.0) -> None:
        """Wait until a child is ready (again). Raises Trouble when it takes longer than `seconds`."""
        member = self._members[name]
        try:
            await asyncio.wait_for(member.ready.wait(), seconds)
        except TimeoutError as error:
            raise too_slow(member.child, member.tail()) from error

    async def stop(self) -> None:
        """Stop all in the reverse order: SIGTERM, `stop_seconds`, SIGKILL. No process is left; may be called twice."""
        self._stopping.set()
        for tier in reversed(self._tiers()):
            await asyncio.gather(*(_end(self._members[name]) for name in tier))
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        self._keepers.clear()
        for member in self._members.values():
            member.state = "stopped"
            member.ready.clear()

    def _tiers(self) -> list[list[str]]:
        """Names in layers: each needs only the layers before it. Raises ValueError if a child waits for ever."""
        left, done, tiers = dict(self._members), set[str](), list[list[str]]()
        while left:
            tier = [name for name, member in left.items() if done.issuperset(member.child.after)]
            if not tier:
                raise ValueError(f"these children wait for each other or for nobody: {sorted(left)}")
            tiers.append(tier)
            done.update(tier)
            left = {name: member for name, member in left.items() if name not in done}
        return tiers

    async def _forget(self, members: dict[str, _Member]) -> None:
        for name, member in members.items():
            if keeper := self._keepers.pop(name, None):
                keeper.cancel()
            await _end(member)
            del self._members[name]

    async def _first_life(self, member: _Member) -> None:
        for name in member.child.after:
            await self._members[name].ready.wait()
        await self._spawn(member)
        await self._come_up(member)
        self._keepers[member.child.name] = asyncio.create_task(self._keep(member))

    async def _keep(self, member: _Member) -> None:
        """Bring the child back as often as it dies."""
        while member.process and not self._stopping.is_set():
            code = await member.process.wait()
            if self._stopping.is_set():
                return
            pause = member.dies(code, asyncio.get_running_loop().time(), self._back_off)
            log.warning("child died", child=member.child.name, exit_code=code, again_in_seconds=pause)
            await self._rest(pause)
            await self._next_life(member)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _next_life(self, member: _Member) -> None:
        if self._stopping.is_set():
            return
        member.restart_count += 1
        try:
            await self._spawn(member)
            await self._come_up(member)
            log.info("child is back", child=member.child.name, restart_count=member.restart_count)
        except (Trouble, OSError) as trouble:  # an OSError: no file handle, no process, no disk; these pass too
            log.error("child does not come back", child=member.child.name, trouble=str(trouble))
            await _end(member)

    async def _spawn(self, member: _Member) -> None:
        child = member.child
        member.state = "starting"
        with open_log(child.log) as out:
            member.log_start = out.tell()
            member.process = await asyncio.create_subprocess_exec(
                *leashed(child.command), stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=child.cwd, env={**os.environ, **child.env}, start_new_session=True,
            )  # fmt: skip
        member.born = asyncio.get_running_loop().time()
        if self._stopping.is_set():
            await _end(member)

    async def _come_up(self, member: _Member) -> None:
        while not await _answers(member.child.ready):
            if self._stopping.is_set():
                return
            if not member.alive:
                raise ended(member.child, _code(member), member.tail())
            age = asyncio.get_running_loop().time() - member.born
            if age > member.child.ready_seconds:
                raise too_slow(member.child, member.tail())
            shortest, longest = PROBE_PAUSE_SECONDS
            await self._rest(min(longest, max(shortest, age / 20)))
        if not member.alive:  # a stranger answered on its port
            raise ended(member.child, _code(member), member.tail())
        member.state = "ready"
        member.ready.set()


def _code(member: _Member) -> int | None:
    return member.process.returncode if member.process else None


async def _answers(ready: Probe) -> bool:
    try:
        return await asyncio.wait_for(ready(), PROBE_LIMIT_SECONDS)
    except TimeoutError:
        return False


async def _end(member: _Member) -> None:
    """SIGTERM, patience, SIGKILL; returns when the process is gone."""
    if member.process is None or not member.alive:
        return
    member.signal(SIGTERM)
    try:
        await asyncio.wait_for(member.process.wait(), member.child.stop_seconds)
    except TimeoutError:
        log.warning("child had to be killed", child=member.child.name, waited_seconds=member.child.stop_seconds)
        member.signal(SIGKILL)
        await member.process.wait()


async def all_or_none(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all at once; at the first failure end the others, then raise it."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
