"""The harness itself: its points are there, its victims die where they are told, its proxy does what networks do."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from infra.processes import PROCESSES
from tests.chaos.audit import differences
from tests.chaos.chance import Chance, Misfortune
from tests.chaos.clock import ASK
from tests.chaos.doom import Kill, Plan
from tests.chaos.points import POINTS, STEPS, Step, method_of
from tests.chaos.proxy import LOOPBACK, Proxy
from tests.live.rooms import free_port
from watchbill.installation import ROOT

VICTIM = """
from pathlib import Path
from tests.chaos.clock import JumpingClock
from tests.chaos.doom import Victim
victim = Victim(Path({folder!r}), "town", JumpingClock())
for _ in range(3):
    victim.passes("before supper")
victim.passes("after supper")
print("lived")
"""
PAIRS = [(process.name, point) for process in PROCESSES for point in POINTS]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_point_names_a_method_that_can_be_watched(step: Step) -> None:
    assert inspect.iscoroutinefunction(method_of(step))
    assert step.only in ("", *(process.name for process in PROCESSES))


def runs(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-c", script.format(folder=str(folder)))
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_victim_dies_once_at_each_of_its_kills(tmp_path: Path) -> None:
    plan = Plan(tmp_path, "town")
    first, second = Kill("1", "town", "before supper", 2), Kill("2", "town", "after supper")
    plan.write([first, second])
    assert runs(VICTIM, tmp_path).returncode == -signal.SIGKILL and plan.deaths() == [first]
    assert runs(VICTIM, tmp_path).returncode == -signal.SIGKILL and plan.deaths() == [first, second]
    assert runs(VICTIM, tmp_path).stdout == "lived\n" and plan.ahead() == []
    assert plan.passed() == {"before supper", "after supper"}


ASKING = """
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from infra.runtime import ledger
from tests.chaos.clock import JumpingClock
from tests.chaos.doom import Victim
clock = JumpingClock()
victim = Victim(Path({folder!r}), "town", clock)
clock.install()
for hours in (7, -7, 0):
    victim.set_clock(timedelta(hours=hours))
    victim.passes("supper")
    said = time.time(), time.time_ns() / 1e9, ledger.datetime.now(UTC).timestamp()
    print(*(round((one - datetime.now(UTC).timestamp()) / 3600) for one in said))
"""


def test_victim_sees_its_clock_jump_and_come_back(tmp_path: Path) -> None:
    assert runs(ASKING, tmp_path).stdout.splitlines() == ["7 7 7", "-7 -7 -7", "0 0 0"]


def test_clock_jumps_wherever_the_runtime_asks_the_machine_for_the_date() -> None:
    """But in its own clock, which a conductor moves in a play."""
    asks = {path.stem for path in (ROOT / "infra/runtime").glob("*.py") if "datetime.now(" in path.read_text()}
    assert {f"infra.runtime.{name}" for name in asks} == {*ASK, "infra.runtime.clock"}


def test_same_seed_brings_the_same() -> None:
    one, same, other = Chance(5, PAIRS), Chance(5, PAIRS), Chance(6, PAIRS)
    steps = range(1, 60)
    assert [(one.kills(n), one.misfortune(n)) for n in steps] == [(same.kills(n), same.misfortune(n)) for n in steps]
    assert [one.kills(n) for n in steps] != [other.kills(n) for n in steps]
    span = ["a", "b", "c", "d"], datetime(2026, 4, 24, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    assert one.feeds(*span) == same.feeds(*span) != other.feeds(*span)


def test_every_misfortune_comes_sooner_or_later() -> None:
    chance = Chance(5, PAIRS)
    assert {type(chance.misfortune(step)) for step in range(200)} == {*get_args(Misfortune), type(None)}


def test_audit_names_what_is_lost_doubled_or_different() -> None:
    peace = {"faults": [("a", "1"), ("b", "1"), ("c", "1")], "mails": [("hello", "")]}
    shaken = {"faults": [("a", "1"), ("c", "2"), ("d", "1")], "mails": [("hello", ""), ("hello", "")]}
    found = [(one.kind, one.subject, one.key) for one in differences(peace, shaken)]
    assert found == [
        ("lost", "faults", "b"),
        ("different", "faults", "c"),
        ("different", "faults", "d"),
        ("doubled", "mails", "hello"),
    ]
    assert differences(peace, peace) == []


@asynccontextmanager
async def echo_behind_a_proxy(
    tells: Callable[[bytes], bytes] = bytes,
) -> AsyncIterator[tuple[Proxy, asyncio.Queue[bytes]]]:
    """And what the echo was asked."""
    asked: asyncio.Queue[bytes] = asyncio.Queue()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(100):
                asked.put_nowait(data)
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, LOOPBACK, 0)
    proxy = Proxy(free_port(), server.sockets[0].getsockname()[1], slow_seconds=0.01, tells=tells)
    async with server, proxy.running():
        yield proxy, asked


async def hears_nothing(reader: asyncio.StreamReader) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await reader.readexactly(1)


async def test_silent_network_keeps_what_is_on_its_way() -> None:
    async with echo_behind_a_proxy() as (proxy, _):
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        for network, word in (("open", b"a"), ("slow", b"b")):
            proxy.becomes(network)
            writer.write(word)
            assert await reader.readexactly(1) == word
        proxy.becomes("silent")
        writer.write(b"c")
        await hears_nothing(reader)
        proxy.becomes("open")
        writer.write(b"d")
        assert await reader.readexactly(2) == b"cd"
        writer.close()


async def test_mute_network_keeps_answers_only() -> None:
    async with echo_behind_a_proxy(lambda piece: piece.upper()) as (proxy, asked):
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        proxy.becomes("mute")
        writer.write(b"a")
        async with asyncio.timeout(10):
            assert await asked.get() == b"a"
        await hears_nothing(reader)
        proxy.becomes("open")
        writer.write(b"b")
        assert await reader.readexactly(2) == b"AB"
        writer.close()


async def test_cut_network_ends_connections_and_takes_none() -> None:
    async with echo_behind_a_proxy() as (proxy, _):
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        proxy.becomes("cut")
        for tried in (reader, None):
            with contextlib.suppress(ConnectionError):
                tried = tried or (await asyncio.open_connection(LOOPBACK, proxy.port))[0]
                async with asyncio.timeout(10):
                    assert await tried.read(1) == b""
        proxy.becomes("open")
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(b"b")
        async with asyncio.timeout(10):
            assert await reader.readexactly(1) == b"b"
        writer.close()
