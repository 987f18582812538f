"""What an installation takes: memory and CPU of each process, and disk a station and day.

python -m tests.bench.sizing [stations] [minutes]

All processes on this machine. A day of packets is sent first, as fast as it is taken: what the disk holds more then is
one day's. Then each station sends a packet of eleven parameters a minute, evenly over the minute. CPU is the processes'
own time, in per cent of a core; memory is what is theirs alone (USS).
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
from motor.motor_asyncio import AsyncIOMotorClient

from contracts.agreements.agreement import Agreement
from contracts.agreements.sites import Site
from infra.local.place import Place
from infra.local.simulator.logger import LoggerLine
from tests.bench.bench_gateway import AGREEMENT, SITES, frames
from watchbill.installation import Installation

DAY = 24 * 60
MEGABYTE = 1e6


def with_stations(count: int) -> Agreement:
    """The agreement with so many sites, copies of its own."""
    sites = [_copy(site, number) for site, number in zip(itertools.cycle(SITES), range(count))]
    lot = AGREEMENT.lots[0].model_copy(update={"sites": tuple(sites)})
    return AGREEMENT.model_copy(update={"lots": (lot,)})


def _copy(site: Site, number: int) -> Site:
    assert site.logger is not None
    assets = tuple(asset.model_copy(update={"id": f"{asset.id}-{number}"}) for asset in site.assets)
    logger = site.logger.model_copy(update={"mn": f"{site.logger.mn[:-4]}{number:04}"})
    return site.model_copy(update={"id": f"{site.id}-{number}", "assets": assets, "logger": logger})


async def publish(town: Installation, agreement: Agreement) -> None:
    """Puts it in force, and waits until the gateway knows its sites."""
    headers = {"authorization": f"Bearer {town.secrets.token('installer', 'administrator', 'owner')}"}
    async with httpx.AsyncClient(base_url=town.http["assets"], timeout=60, headers=headers) as client:
        (await client.post("/v1/agreements", json=agreement.model_dump(mode="json"))).raise_for_status()
        while not (await client.get("/v1/sites")).json():
            await asyncio.sleep(0.05)


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


async def live(lines: Mapping[str, LoggerLine], passwords: Mapping[str, str], minutes: int) -> None:
    """Each station once a minute, one after the other."""
    pause = 60 / len(lines)
    started, sent = time.monotonic(), 0
    for _ in range(minutes):
        for mn, line in lines.items():
            await line.send_all(frames(mn, passwords[mn], 1))
            sent += 1
            await asyncio.sleep(max(0.0, started + sent * pause - time.monotonic()))


async def main(stations: int, minutes: int) -> None:
    agreement = with_stations(stations)
    mns = [site.logger.mn for site in agreement.lots[0].sites if site.logger]
    with tempfile.TemporaryDirectory() as folder:
        async with Installation(Place.of(Path(folder))) as town:
            await quiet(town)
            idle = await measured(town, asyncio.sleep(60))
            await publish(town, agreement)
            passwords = town.secrets.logger_passwords(mns)
            lines = {mn: LoggerLine("127.0.0.1", town.gateway_port, window=50) for mn in mns}
            await quiet(town)
            before = await disk(town)
            await day(lines, passwords)
            await quiet(town)
            after = await disk(town)
            busy = await measured(town, live(lines, passwords, minutes))
            memory = {name: child.memory_full_info().uss for name, child in processes(town).items()}
            await asyncio.gather(*(line.close() for line in lines.values()))
    print(f"{stations} stations\nprocess        idle % of a core   at work   MB")
    for name in sorted(busy):
        print(f"{name:16}{idle[name]:>10.1f}{busy[name]:>14.1f}{memory[name] / MEGABYTE:>9.0f}")
    for name in sorted(after):
        print(f"{name}: {(after[name] - before.get(name, 0)) / MEGABYTE / stations:.2f} MB a station and day")


async def day(lines: Mapping[str, LoggerLine], passwords: Mapping[str, str]) -> None:
    """The last day of every station, in order of time as far as that goes, ten stations at once."""
    batches: Sequence[tuple[LoggerLine, str]] = [(line, mn) for mn, line in lines.items()]
    for start in range(0, len(batches), 10):
        some = batches[start : start + 10]
        await asyncio.gather(*(line.send_all(frames(mn, passwords[mn], DAY)) for line, mn in some))


async def measured(town: Installation, work: Any) -> dict[str, float]:
    """Per cent of a core that each process took while the work was done."""
    before, started = processor_seconds(town), datetime.now(UTC)
    await work
    took = (datetime.now(UTC) - started) / timedelta(seconds=1)
    return {name: 100 * (now - before[name]) / took for name, now in processor_seconds(town).items()}


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    asyncio.run(main(*given, *(7, 3)[len(given) :]))
