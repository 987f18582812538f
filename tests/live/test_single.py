"""All services in one process: it answers for all of them, and all of them stop together."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from signal import SIGTERM
from typing import Any

import httpx
import pytest

from infra.local.child import Child
from infra.local.place import Place
from infra.processes import PROCESSES, READY_PATH
from watchbill.installation import Installation

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
NAMES = {process.name for process in PROCESSES}
TOGETHER_SECONDS = 0.5


async def test_all_services_of_one_process_stop_together(tmp_path: Path) -> None:
    async with Installation(Place.of(tmp_path), sinks=False, single=True) as town:
        async with httpx.AsyncClient(trust_env=False) as client:
            answers = [await client.get(f"{url}{READY_PATH}") for url in town.http.values()]
        assert [answer.status_code for answer in answers] == [200] * len(NAMES)
        town.children.kill("services", SIGTERM)
        await town.children.until_ready("services")  # a child that ends is started again
        assert town.children.state("services").last_exit == 0
        told = [line for line in log_of(town) if line["event"] == "service stops"]
        assert {line["service"] for line in told} == NAMES and len(told) == len(NAMES)
        first, *_, last = sorted(at(line) for line in told)
        assert (last - first).total_seconds() < TOGETHER_SECONDS
        closed = [line for line in log_of(town) if line["event"] in ("part closed", "part given up")]
        assert {line["service"] for line in closed} == NAMES
        assert {line["event"] for line in closed} == {"part closed"}
        assert (max(at(line) for line in closed) - first).total_seconds() < Child.stop_seconds


def log_of(town: Installation) -> list[dict[str, Any]]:
    return [json.loads(line) for line in town.place.log("services").read_text("utf-8").splitlines()]


def at(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["timestamp"])
