"""What 10,000 loggers cost that are connected and silent: memory of the gateway's process above its start.

Each has sent one frame and got its answer. The bare loop is an asyncio server that reads and does nothing.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from infra.local.place import Place
from infra.local.ports import Ports
from tests.bench.figures import Figure
from tests.bench.province import frames, province, put_in_force
from watchbill.installation import Installation

CONNECTIONS, STATIONS, AT_ONCE = 10_000, 200, 100
AIM_MB = 300
MB = 1024 * 1024
_BARE = """
import asyncio, sys, uvloop
async def stay(reader, writer):
    while await reader.read(65536): writer.write(b"ok")
async def main():
    async with await asyncio.start_server(stay, "127.0.0.1", int(sys.argv[1]), limit=65536, backlog=1024):
        await asyncio.Event().wait()
uvloop.run(main())
"""


def connect(port: int, said: Sequence[bytes], lines: ExitStack) -> None:
    """Opens a connection for each frame, sends it, and waits for its answer; the connections stay open."""
    for start in range(0, len(said), AT_ONCE):
        some = said[start : start + AT_ONCE]
        opened = [lines.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in some]
        for line, frame in zip(opened, some, strict=True):
            line.sendall(frame)
        for line in opened:
            assert line.recv(4096)


def above(process: psutil.Process, port: int, said: Sequence[bytes]) -> float:
    """Megabytes that the process has more of when all are connected."""
    with ExitStack() as lines:
        connect(port, said[:AT_ONCE], lines)  # whatever the first ones load
        before = process.memory_info().rss
        connect(port, said, lines)
        assert len(process.net_connections("tcp")) > CONNECTIONS
        return (process.memory_info().rss - before) / MB


async def bare(folder: Path) -> float:
    port = Ports(folder / "ports.json").pick("bare")
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", _BARE, str(port))
    try:
        await asyncio.sleep(2)
        return await asyncio.to_thread(above, psutil.Process(server.pid), port, [b"x"] * CONNECTIONS)
    finally:
        server.terminate()
        await server.wait()


async def figures() -> list[Figure]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CONNECTIONS + 500:
        return [Figure("(c) idle connections", f"not measured: the hard limit of open files is {hard}", "", "")]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ["WATCHBILL_GATEWAY_CONNECTIONS_MAX"] = str(CONNECTIONS + AT_ONCE)
    each = CONNECTIONS // STATIONS
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=each + 1)
    said = [frame for station in range(STATIONS) for frame in frames(station, start, each)]
    with tempfile.TemporaryDirectory() as folder:
        async with Installation(Place.of(Path(folder)), sinks=False, only=("assets",)) as town:
            await put_in_force(town, province(STATIONS))
            process = psutil.Process(town.children.state("assets").pid)
            grown = await asyncio.to_thread(above, process, town.gateway_port, said)
        plain = await bare(Path(folder))
    del os.environ["WATCHBILL_GATEWAY_CONNECTIONS_MAX"]
    what = f"(c) {CONNECTIONS:,} idle loggers in one gateway process"
    told = f"{plain:,.0f} MB for a server that does nothing, ratio {grown / plain:.1f}"
    return [Figure(what, f"{grown:,.0f} MB above start", f"{AIM_MB} MB", told, grown <= AIM_MB)]
