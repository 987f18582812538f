"""All services in one process: it answers for all of them, and all of them stop together."""

from __future__ import annotations

import json
from pathlib import Path
from signal import SIGTERM
from typing import Any

import httpx
import pytest

from infra.local.place import Place
from infra.processes import PROCESSES, READY_PATH
from watchbill.installation import Installation

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
NAMES = sorted(process.name for process in PROCESSES)


async def test_all_services_of_one_process_stop_together(tmp_path: Path) -> None:
    """None waits for another to have stopped; each is done by the one deadline, or the process would not end with 0."""
    async with Installation(Place.of(tmp_path), sinks=False, single=True) as town:
        async with httpx.AsyncClient(trust_env=False) as client:
            answers = [await client.get(f"{url}{READY_PATH}") for url in town.http.values()]
        assert [answer.status_code for answer in answers] == [200] * len(NAMES)
        town.children.kill("services", SIGTERM)
        await town.children.until_ready("services")  # a child that ends is started again
        assert town.children.state("services").last_exit == 0
        log = log_of(town)
    told = {at: line["service"] for at, line in enumerate(log) if line["event"] == "service stops"}
    done = {at: line["service"] for at, line in enumerate(log) if is_last_part(line)}
    assert sorted(told.values()) == sorted(done.values()) == NAMES
    assert max(told) < min(done)
    assert not [line for line in log if line["event"] == "part given up"]


def is_last_part(line: dict[str, Any]) -> bool:
    return line["event"] == "part closed" and line["part"] == "traces"


def log_of(town: Installation) -> list[dict[str, Any]]:
    return [json.loads(line) for line in town.place.log("services").read_text("utf-8").splitlines()]
