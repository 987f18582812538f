"""Rooms on the real broker and database, opened in the test's own process, and moved as a conductor moves them."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from joserfc.jwk import OKPKey

from infra.local.ports import is_free, walk
from infra.runtime.letters import Letter, open_record
from infra.runtime.room import Room
from infra.runtime.security import Role, hash_of_key, issue_token
from infra.runtime.settings import RuntimeSettings

KEY = "service1-secret"
CONDUCTOR = {"x-api-key": KEY}
_RANGE = range(10_000, 20_000)
"""Below those that the machine gives to connections and those of installations."""
_PORTS = walk(_RANGE, os.getpid())


@asynccontextmanager
async def opened(room: Room) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the room, once it is ready."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(room.api), base_url="http://room", trust_env=False)
    async with room.api.router.lifespan_context(room.api), client:
        async with asyncio.timeout(60):
            while (await client.get("/health/ready")).status_code != 200:
                await asyncio.sleep(0.02)
        yield client


def settings_in(folder: Path, platform: Any, **more: Any) -> RuntimeSettings:
    """Settings of a town of its own, whose secrets know the conductor's key and `token`'s signature."""
    pair = OKPKey.generate_key("Ed25519")
    (folder / "token-public.pem").write_bytes(pair.as_pem(private=False))
    (folder / "token-private.pem").write_bytes(pair.as_pem(private=True))
    (folder / "keys.secret").write_bytes(b"s")
    known = {"hash": hash_of_key(KEY, b"s"), "role": "service", "name": "conductor"}
    (folder / "keys.json").write_text(json.dumps({KEY[:8]: known}))
    prefix = f"t{uuid.uuid4().hex[:8]}"
    return RuntimeSettings(
        kafka_servers=platform.kafka, mongo_url=platform.mongo, database_prefix=prefix, clock="movable", secrets=folder,
        instance=prefix, **more,
    )  # fmt: skip


def token(settings: RuntimeSettings, role: Role, organisation: str) -> dict[str, str]:
    """The header of a person of this town."""
    private = (settings.secrets / "token-private.pem").read_bytes()
    issued = issue_token(private, "li", role, organisation, datetime.now(UTC), timedelta(minutes=5))
    return {"authorization": f"Bearer {issued}"}


async def move(rooms: Iterable[httpx.AsyncClient], now: datetime) -> None:
    """It is `now`, for all of them."""
    body = {"now": now.isoformat(), "horizon": now.isoformat()}
    for room in rooms:
        assert (await room.post("/runtime/clock", json=body, headers=CONDUCTOR)).status_code == 200


async def settle(rooms: Iterable[httpx.AsyncClient]) -> None:
    """Until all of them are quiet and nobody has said anything new."""
    asked, said = list(rooms), dict[str, int]()
    while True:
        known = [(await room.post("/runtime/settle", json={"said": said}, headers=CONDUCTOR)).json() for room in asked]
        now = {where: max(one["said"].get(where, -1) for one in known) for one in known for where in one["said"]}
        if now == said and all(one["quiet"] for one in known):
            return
        said = now


def free_port() -> int:
    """One that nothing listens on now, and that this process has not given before."""
    return next(port for port in islice(_PORTS, len(_RANGE)) if is_free(port))


async def letters_on(settings: RuntimeSettings, *streams: str) -> list[Letter]:
    """All that was said on these streams, in the order of each partition."""
    topics = [f"{settings.streams}{stream}" for stream in streams]
    everywhere = [TopicPartition(topic, part) for topic in topics for part in range(settings.kafka_partitions)]
    letters: list[Letter] = []
    async with AIOKafkaConsumer(bootstrap_servers=settings.brokers, enable_auto_commit=False) as consumer:
        consumer.assign(everywhere)
        await consumer.seek_to_beginning(*everywhere)
        ends = await consumer.end_offsets(everywhere)
        while any([await consumer.position(where) < ends[where] for where in everywhere]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                letters += [open_record(record) for record in records]
    return letters
