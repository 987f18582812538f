"""A whole installation, in processes of its own, for journeys through all services."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import read_agreement
from contracts.events.catalog import TOPICS
from infra.local.place import Place
from infra.runtime.letters import Letter, open_record
from infra.runtime.security import Role
from watchbill.conductor import Conductor
from watchbill.installation import ROOT, Installation

AGREEMENT = ROOT / "contracts" / "agreements" / "wuhan-air"


@dataclass
class Town:
    """An installation whose clock the test moves."""

    installation: Installation
    conductor: Conductor

    async def at(self, now: datetime) -> None:
        """It is `now`: what was due before fires, and all is quiet."""
        await self.conductor.move(now, now)
        await self.conductor.settle()

    def client(self, service: str, person: str, role: Role, organisation: str) -> httpx.AsyncClient:
        token = self.installation.secrets.token(person, role, organisation)
        headers = {"authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.installation.http[service], headers=headers, timeout=30)

    async def publish(self, agreement: Agreement) -> None:
        async with self.client("assets", "installer", "administrator", "owner") as client:
            answer = await client.post("/v1/agreements", json=agreement.model_dump(mode="json"))
            assert answer.status_code == 201, answer.text
        await self.conductor.settle()

    async def send(self, frames: list[bytes], answers: int | None = None) -> bytes:
        """Sends frames as a logger and returns what the gateway answered: one answer to each, unless told otherwise."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.installation.gateway_port)
        writer.write(b"".join(frames))
        answered = b""
        async with asyncio.timeout(30):
            while answered.count(b"\r\n") < (len(frames) if answers is None else answers):
                answered += await reader.read(4096)
        writer.close()
        await self.conductor.settle({"assets"})
        return answered

    async def letters(self) -> list[Letter]:
        """Everything that was said so far, on all streams."""
        consumer = AIOKafkaConsumer(
            *TOPICS, bootstrap_servers=self.installation.platform.kafka, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[Letter] = []
            while any([await consumer.position(where) < end for where, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += [open_record(record) for record in records]
        finally:
            await consumer.stop()
        return found

    def sink(self, name: str) -> list[dict[str, Any]]:
        """What a sink was given: `sms` or `mail`."""
        path = self.installation.place.root / "sinks" / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    installation = Installation(Place.of(tmp_path), movable=True, contacts=ROOT / "infra/local/demo_contacts.yaml")
    async with installation:
        key = installation.secrets.key_of("conductor", "service")
        async with Conductor(installation.http, key, installation.clock_file) as conductor:
            yield Town(installation, conductor)


@pytest.fixture(scope="session")
def agreement() -> Agreement:
    return read_agreement(AGREEMENT)
