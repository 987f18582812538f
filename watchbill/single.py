"""All services in one process, for small machines: `watchbill up --single`."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
from signal import SIGINT, SIGTERM

from infra.processes import PROCESSES
from infra.runtime.leaving import end, end_well_when_stopped
from infra.runtime.room import Room
from infra.runtime.telemetry import TRACE_KEY, start_telemetry


def _room(name: str, environment: dict[str, str]) -> Room:
    """A room reads its settings from the environment when it is made."""
    os.environ.update(environment)
    room: Room = importlib.import_module(f"services.{name}.app").room
    return room


async def _serve(rooms: list[Room]) -> None:
    """All stop at the same time: by itself each server would pass the signal on when it has stopped."""

    def stop() -> None:
        for room in rooms:
            room.stop()

    serving = [asyncio.create_task(room.serve()) for room in rooms]
    await asyncio.sleep(0)  # each of them has taken the signals for itself by then
    for told in (SIGTERM, SIGINT):
        asyncio.get_running_loop().add_signal_handler(told, stop)
    await asyncio.gather(*serving)
    end()


def main() -> None:
    """Runs until it is told to stop."""
    end_well_when_stopped()
    environments = json.loads(os.environ["WATCHBILL_SINGLE"])
    rooms = [_room(process.name, environments[process.name]) for process in PROCESSES]
    start_telemetry("single", rooms[0].settings.log_level, rooms[0].settings.secrets / TRACE_KEY)
    asyncio.run(_serve(rooms))


if __name__ == "__main__":
    main()
