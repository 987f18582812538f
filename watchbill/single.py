"""All services in one process, for small machines: `watchbill up --single`."""

from __future__ import annotations

import asyncio
import importlib
import json
import os

from infra.processes import PROCESSES
from infra.runtime.leaving import end_well_when_stopped
from infra.runtime.room import Room
from infra.runtime.telemetry import TRACE_KEY, start_telemetry


def _room(name: str, environment: dict[str, str]) -> Room:
    """A room reads its settings from the environment when it is made."""
    os.environ.update(environment)
    room: Room = importlib.import_module(f"services.{name}.app").room
    return room


async def _serve(rooms: list[Room]) -> None:
    await asyncio.gather(*(room.serve() for room in rooms))


def main() -> None:
    """Runs until it is told to stop."""
    end_well_when_stopped()
    environments = json.loads(os.environ["WATCHBILL_SINGLE"])
    rooms = [_room(process.name, environments[process.name]) for process in PROCESSES]
    start_telemetry("single", rooms[0].settings.log_level, rooms[0].settings.secrets / TRACE_KEY)
    asyncio.run(_serve(rooms))


if __name__ == "__main__":
    main()
