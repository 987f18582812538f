"""In whatever order broker, database and services start, the whole comes up, and works."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from contracts.agreements.folder import read_agreement
from infra.local import kafka, mongo
from infra.local.child import Child, http_answers
from infra.local.children import Supervisor
from infra.local.place import Place
from infra.local.ports import LOOPBACK, Ports
from infra.processes import HEALTH_PATH, PROCESSES, READY_PATH
from watchbill.installation import ROOT, Installation

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
PAUSE_SECONDS = 0.7


def order_of(seed: int) -> list[str]:
    """Seed 0: the services first, then the database, the broker last; else any order."""
    services = [process.name for process in PROCESSES]
    if seed == 0:
        return [*services, "mongo", "kafka"]
    return random.Random(seed).sample([*services, "mongo", "kafka"], len(services) + 2)


async def children_of(place: Place) -> tuple[Mapping[str, Child], Installation]:
    """Everything of an installation, with nothing that waits for another; a service counts as started when it lives."""
    place.prepare()
    plan, book = Installation(place, sinks=False), Ports(place.ports)
    ports = {name: book.pick(name) for name in ("kafka", "kafka-controller", "mongo")}
    plan.secrets.make()
    plan.platform.kafka, plan.platform.mongo = f"{LOOPBACK}:{ports['kafka']}", mongo.url(ports["mongo"])
    plan._pick_ports()
    java = await asyncio.to_thread(kafka.java)
    kafka.write_properties(place.kafka, ports["kafka"], ports["kafka-controller"])
    await kafka.format_storage(java, place.kafka, place.log("kafka"))
    servers = [
        kafka.broker(java, place.kafka, place.log("kafka"), ports["kafka"]),
        mongo.database(place.mongo, place.log("mongo"), ports["mongo"]),
    ]
    services = [
        Child(
            name=one.name, command=one.command, log=one.log, env=one.env, cwd=one.cwd,
            ready=http_answers(f"{plan.http[one.name]}{HEALTH_PATH}"),
        )
        for one in plan._services()
    ]  # fmt: skip
    return {child.name: child for child in [*servers, *services]}, plan


@pytest.mark.parametrize("seed", [0, 1, 5])
async def test_start_order_does_not_matter(tmp_path: Path, seed: int) -> None:
    children, plan = await children_of(Place.of(tmp_path))
    async with Supervisor() as town, asyncio.TaskGroup() as starting:
        print("order:", *order_of(seed))
        for name in order_of(seed):
            starting.create_task(town.add(children[name]))
            await asyncio.sleep(PAUSE_SECONDS)
        async with asyncio.timeout(120):
            for url in plan.http.values():
                while not await http_answers(f"{url}{READY_PATH}")():
                    await asyncio.sleep(0.1)
            await _works(plan)
        assert town.restart_count == 0


async def _works(plan: Installation) -> None:
    """What one says, the others hear."""
    agreement = read_agreement(ROOT / "contracts" / "agreements" / "wuhan-air")
    headers = {"authorization": f"Bearer {plan.secrets.token('installer', 'administrator', 'owner')}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        body = agreement.model_dump(mode="json")
        assert (await client.post(f"{plan.http['assets']}/v1/agreements", json=body)).status_code == 201
        while not (await client.get(f"{plan.http['inspections']}/v1/plans")).json():
            await asyncio.sleep(0.1)
