"""Kafka has taken a batch, and its answer is lost on the way: the producer sends it again, and it stands there once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from infra.runtime import bus
from infra.runtime.letters import Outgoing
from infra.runtime.rounds import Rounds
from infra.runtime.settings import RuntimeSettings
from tests.chaos.proxy import LOOPBACK, Proxy
from tests.live.rooms import free_port, letters_on, settings_in

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]
LOSSES, LETTERS, KEYS = 3, 400, 9
"""So many times answers are lost, while so many letters of so many keys are on their way at once."""


@asynccontextmanager
async def far_away(settings: RuntimeSettings) -> AsyncIterator[tuple[Proxy, RuntimeSettings]]:
    """The settings of somebody who reaches the broker through a proxy only; it names the proxy as where it is."""
    broker, mine = int(settings.kafka_servers.rpartition(":")[2]), free_port()
    there, here = (LOOPBACK.encode() + pack(">i", port) for port in (broker, mine))
    proxy = Proxy(mine, broker, tells=lambda piece: piece.replace(there, here))
    async with proxy.running():
        yield proxy, settings.model_copy(update={"kafka_servers": f"{LOOPBACK}:{mine}"})


async def say_unanswered(producer: AIOKafkaProducer, proxy: Proxy, settings: RuntimeSettings) -> None:
    """As a relay does: all letters at once, and again and again what Kafka answers to them is lost."""
    rounds = Rounds(producer, settings.streams, {})
    await producer.partitions_for(f"{settings.streams}inspections")  # asked now, for it would not be answered later
    for loss in range(LOSSES):
        before = await bus.ends(settings)
        proxy.becomes("mute")
        said = asyncio.gather(*(rounds.send([letter(loss * LETTERS + n)]) for n in range(LETTERS)))
        while await bus.ends(settings) == before:
            await asyncio.sleep(0.01)
        proxy.becomes("cut")
        proxy.becomes("open")
        await said


def letter(number: int) -> Outgoing:
    named = str(number).encode()
    return Outgoing(named.decode(), "inspections", b"%d" % (number % KEYS), b"{}", (("ce_id", named),))


async def standing(settings: RuntimeSettings) -> dict[bytes | None, list[int]]:
    """By key the letters that stand in the stream, in its order."""
    found = defaultdict(list)
    for one in await letters_on(settings, "inspections"):
        found[one.key].append(int(one.id))
    return dict(found)


async def test_lost_answer_doubles_no_letter(platform: Any, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, platform)
    await bus.ensure_topics(settings)
    async with far_away(settings) as (proxy, far), bus.new_producer(far, "inspections") as producer:
        await say_unanswered(producer, proxy, settings)
    total = LOSSES * LETTERS
    assert await standing(settings) == {b"%d" % key: list(range(key, total, KEYS)) for key in range(KEYS)}


async def test_plain_producer_would_double_letters(platform: Any, tmp_path: Path) -> None:
    """So it is no chance that the other does not: it is idempotent."""
    settings = settings_in(tmp_path, platform)
    await bus.ensure_topics(settings)
    async with (
        far_away(settings) as (proxy, far),
        AIOKafkaProducer(bootstrap_servers=far.brokers, acks="all", enable_idempotence=False) as producer,
    ):
        await say_unanswered(producer, proxy, settings)
    found = [number for numbers in (await standing(settings)).values() for number in numbers]
    assert set(found) == set(range(LOSSES * LETTERS)) and len(found) > len(set(found))
