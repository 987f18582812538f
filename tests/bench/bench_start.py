"""How long the whole embedded system takes to be healthy, and what it costs when nothing happens.

The second start is measured: a user's first one also fetches Kafka's jars and trains Java's cache. Each starts the
services, the sinks, Kafka and mongod. Bare are Kafka and mongod alone, both started and idle.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from infra.local.children import Supervisor
from infra.local.embedded import Embedded
from infra.local.place import Place
from tests.bench.figures import Figure
from watchbill.installation import Installation

AIM_SECONDS, AIM_PERCENT = 10, 5
CALM_SECONDS, IDLE_SECONDS = 10, 30


async def idle(children: Supervisor) -> dict[str, float]:
    """Percent of a core by process, over half a minute."""
    await asyncio.sleep(CALM_SECONDS)
    processes = {state.name: psutil.Process(state.pid) for state in children.states() if state.pid}
    before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    await asyncio.sleep(IDLE_SECONDS)
    spent = {name: sum(process.cpu_times()[:2]) - before[name] for name, process in processes.items()}
    return {name: seconds / IDLE_SECONDS * 100 for name, seconds in spent.items()}


async def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        place = Place.of(Path(folder))
        async with Installation(place):
            pass
        started = time.perf_counter()
        async with Embedded(place) as platform:
            plain = time.perf_counter() - started
            alone = await idle(platform.children)
        started = time.perf_counter()
        async with Installation(place) as town:
            took = time.perf_counter() - started
            shares = await idle(town.children)
    most, bare = max(shares.values()), max(alone.values())
    return [
        Figure(
            "(f) start of the embedded system, second time", f"{took:.1f} s", f"{AIM_SECONDS} s",
            f"{plain:.1f} s for Kafka and mongod alone, ratio {took / plain:.1f}", took <= AIM_SECONDS,
        ),
        Figure(
            "(f) idle, of a core", f"at most {most:.1f} % ({_said(shares)})", f"{AIM_PERCENT} % a process",
            f"{_said(alone)} with nobody to serve, ratio {most / bare:.1f}", most <= AIM_PERCENT,
        ),
    ]  # fmt: skip


def _said(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.1f}" for name, share in shares.items())
