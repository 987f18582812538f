"""What an installation takes: memory and CPU of each process, and disk a station and day.

python -m tests.bench.sizing [stations] [minutes]

All processes on this machine. A day of packets is sent first, as fast as it is taken: what the disk holds more then is
one day's. Then each station sends a packet of eleven parameters a minute, evenly over the minute. CPU is the processes'
own time, in per cent of a core; memory is what is theirs alone (USS).
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from motor.motor_asyncio import AsyncIOMotorClient

from contracts.agreements.agreement import Agreement
from infra.local.place import Place
from infra.local.simulator.logger import LoggerLine
from infra.local.simulator.passage import Sent
from tests.bench.province import AGREEMENT, frames, province, put_in_force
from watchbill.installation import Installation

DAY = 24 * 60
MEGABYTE = 1e6


def with_stations(count: int) -> Agreement:
    """The agreement as it is, with so many copies of one of its sites."""
    lot = AGREEMENT.lots[0].model_copy(update={"sites": province(count).lots[0].sites})
    return AGREEMENT.model_copy(update={"lots": (lot,)})


async def quiet(town: Installation) -> None:
    """Until no process has much to do any more."""
    calm = 0
    while calm < 3:
        before = processor_seconds(town)
        await asyncio.sleep(2)
        after = processor_seconds(town)
        calm = calm + 1 if sum(after[name] - before[name] for name in after) < 1.0 else 0


def processes(town: Installation) -> dict[str, psutil.Process]:
    """Every child by its name."""
    return {state.name: psutil.Process(state.pid) for state in town.children.states() if state.pid}


def processor_seconds(town: Installation) -> dict[str, float]:
    """CPU time so far."""
    return {name: sum(child.cpu_times()[:2]) for name, child in processes(town).items()}


async def disk(town: Installation) -> dict[str, float]:
    """Bytes: what Kafka holds of our streams, and each database with its indexes."""
    held = {"kafka": float(sum(file.stat().st_size for file in town.place.kafka.rglob("*.log")))}
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(town.platform.mongo)
    for name in await client.list_database_names():
        if name.startswith("watchbill_"):
            await client.admin.command("fsync")
            stats = await client[name].command("dbStats")
            held[name] = stats["storageSize"] + stats["indexSize"]
    client.close()
    return held


async def live(lines: Sequence[LoggerLine], minutes: int) -> None:
    """Each station once a minute, one after the other."""
    pause = 60 / len(lines)
    started, sent = time.monotonic(), 0
    for _ in range(minutes):
        for station, line in enumerate(lines):
            await line.send_all(packets(station, 1))
            sent += 1
            await asyncio.sleep(max(0.0, started + sent * pause - time.monotonic()))


async def main(stations: int, minutes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Installation(Place.of(Path(folder))) as town:
            await quiet(town)
            idle = await measured(town, asyncio.sleep(60))
            await put_in_force(town, with_stations(stations))
            lines = [LoggerLine("127.0.0.1", town.gateway_port, window=50) for _ in range(stations)]
            await quiet(town)
            before = await disk(town)
            await day(lines)
            await quiet(town)
            after = await disk(town)
            busy = await measured(town, live(lines, minutes))
            memory = {name: child.memory_full_info().uss for name, child in processes(town).items()}
            await asyncio.gather(*(line.close() for line in lines))
    print(f"{stations} stations\nprocess        idle % of a core   at work   MB")
    for name in sorted(busy):
        print(f"{name:16}{idle[name]:>10.1f}{busy[name]:>14.1f}{memory[name] / MEGABYTE:>9.0f}")
    for name in sorted(after):
        print(f"{name}: {(after[name] - before.get(name, 0)) / MEGABYTE / stations:.2f} MB a station and day")


async def day(lines: Sequence[LoggerLine]) -> None:
    """The last day of every station, ten stations at once."""
    for first in range(0, len(lines), 10):
        some = range(first, min(first + 10, len(lines)))
        await asyncio.gather(*(lines[station].send_all(packets(station, DAY)) for station in some))


def packets(station: int, minutes: int) -> list[Sent]:
    """A station's last minutes."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    made = frames(station, now - timedelta(minutes=minutes), minutes)
    return [Sent(now, data, qn) for data in made for qn in re.findall(r"QN=([0-9]+)", data.decode())]


async def measured(town: Installation, work: Any) -> dict[str, float]:
    """Per cent of a core that each process took while the work was done."""
    before, started = processor_seconds(town), datetime.now(UTC)
    await work
    took = (datetime.now(UTC) - started) / timedelta(seconds=1)
    return {name: 100 * (now - before[name]) / took for name, now in processor_seconds(town).items()}


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    asyncio.run(main(*given, *(7, 3)[len(given) :]))
