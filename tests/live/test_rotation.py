"""Secrets that change while everything runs: which count at once, and which from the next start."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.errors import KafkaError
from pymongo.errors import OperationFailure

from infra.runtime.room import Room
from services.assets.app import room_for
from services.assets.register import Passwords
from services.assets.settings import AssetsSettings
from services.inspections.app import room_for as inspections_room
from services.inspections.settings import InspectionsSettings
from tests.live.rooms import opened
from tests.live.secured import change_passwords, reach_kafka, reach_mongo, secured
from watchbill.secrets import Secrets

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@dataclass
class Centre:
    """Assets, which runs through all of it."""

    secrets: Secrets
    client: httpx.AsyncClient

    async def answers(self, **headers: str) -> int:
        return (await self.client.get("/runtime/parked", headers=headers)).status_code


@pytest.fixture
async def centre(platform: Any, tmp_path: Path) -> AsyncIterator[Centre]:
    secrets = Secrets(tmp_path)
    secrets.make()
    where = {"kafka_servers": platform.kafka, "mongo_url": platform.mongo, "secrets": secrets.shared}
    settings = AssetsSettings(**where, database_prefix=f"t{uuid.uuid4().hex[:8]}", instance=tmp_path.name)
    async with opened(room_for(settings)) as client:
        yield Centre(secrets, client)


def bearer(secrets: Secrets) -> str:
    return f"Bearer {secrets.token('li', 'administrator', 'owner')}"


async def test_new_token_key_counts_at_once(centre: Centre) -> None:
    old = bearer(centre.secrets)
    assert await centre.answers(authorization=old) == 200
    (centre.secrets.owner / "token-private.pem").unlink()
    centre.secrets.make()
    assert await centre.answers(authorization=old) == 401
    assert await centre.answers(authorization=bearer(centre.secrets)) == 200


async def test_new_machine_key_counts_at_once(centre: Centre) -> None:
    old = centre.secrets.key_of("conductor", "service")
    assert await centre.answers(**{"x-api-key": old}) == 200
    for folder in (centre.secrets.owner, centre.secrets.shared):
        (folder / "keys.json").unlink()
    new = centre.secrets.key_of("conductor", "service")
    assert await centre.answers(**{"x-api-key": old}) == 401
    assert await centre.answers(**{"x-api-key": new}) == 200


async def test_new_pepper_makes_all_keys_anew(centre: Centre) -> None:
    """`keys.secret` and what was made with it change together; nobody's key from before is known then."""
    old = centre.secrets.key_of("conductor", "service")
    (centre.secrets.shared / "keys.secret").unlink()
    for folder in (centre.secrets.owner, centre.secrets.shared):
        (folder / "keys.json").unlink()
    centre.secrets.make()
    assert await centre.answers(**{"x-api-key": old}) == 401
    assert await centre.answers(**{"x-api-key": centre.secrets.key_of("conductor", "service")}) == 200


async def test_new_logger_password_counts_within_a_look(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path)
    secrets.make()
    old, known = secrets.logger_passwords(["MN1"])["MN1"], Passwords(secrets.shared)
    assert known.fits("MN1", old)
    (secrets.owner / "loggers.json").unlink()
    new = secrets.logger_passwords(["MN1"])["MN1"]
    async with asyncio.timeout(10):
        while known.fits("MN1", old):
            await asyncio.sleep(0.05)
    assert known.fits("MN1", new)


async def test_new_passwords_of_a_service_count_from_its_next_start(tmp_path: Path) -> None:
    """Who is connected stays so; the new ones are read when the service starts again, and the old open nothing."""
    async with secured(tmp_path) as town:
        own = Secrets(tmp_path / "installation")
        own.make()
        old = tmp_path / "old"
        old.write_text(town.password("inspections").read_text())

        def room() -> Room:
            return inspections_room(InspectionsSettings(**town.options("inspections", secrets=own.shared)))

        async with opened(running := room()) as client:
            await change_passwords(town, "inspections", "changed")
            assert (await client.get("/health/ready")).status_code == 200, running.health.report()
        async with opened(room()) as client:
            assert (await client.get("/health/ready")).status_code == 200
        before = town.settings("inspections", kafka_password_file=old, mongo_password_file=old)
        with pytest.raises(KafkaError):
            await reach_kafka(before)
        with pytest.raises(OperationFailure, match="Authentication failed"):
            await reach_mongo(before)
