"""A producer that Kafka will never again believe ends its process; what passes does not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from infra.runtime.bundles import Bundle
from infra.runtime.health import Health
from infra.runtime.letters import Outgoing
from infra.runtime.relay import Relay
from infra.runtime.settings import RuntimeSettings

BUNDLE = Bundle("1", (Outgoing("1", "notices", b"key", b"value", ()),))


class Outbox:
    """Holds nothing that waits."""

    def find(self, query: Any) -> Outbox:
        return self

    def sort(self, *by: Any) -> Outbox:
        return self

    def limit(self, most: int) -> Outbox:
        return self

    async def to_list(self, most: None) -> list[Any]:
        return []

    async def find_one(self, *query: Any) -> None:
        return None


class Refusing:
    """A producer that answers with one error, each time."""

    def __init__(self, error: KafkaError) -> None:
        self.error, self.asked = error, asyncio.Event()

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(100_000, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> None:
        self.asked.set()
        raise self.error


def relay_of(error: KafkaError) -> tuple[Relay, Refusing, Health]:
    ledger: Any = SimpleNamespace(db=SimpleNamespace(outbox=Outbox()), owner="notify-0")
    producer, health = Refusing(error), Health(60.0)
    return Relay("notify", ledger, producer, health, RuntimeSettings()), producer, health  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [OutOfOrderSequenceNumber(), ProducerFenced(), KafkaError("its sender has ended")])
async def test_producer_at_its_end_is_lost(error: KafkaError) -> None:
    relay, _, health = relay_of(error)
    health.supervise("relay", relay.run())
    await relay.finish()  # nothing waited from the start
    relay.post([BUNDLE])
    async with asyncio.timeout(30):
        while not health.lost():
            await asyncio.sleep(0.01)
    assert health.lost().keys() == {"relay"} and not health.waits("relay")


async def test_end_that_another_met_counts_too() -> None:
    relay, _, health = relay_of(OutOfOrderSequenceNumber())
    health.supervise("relay", relay.run())
    await relay.finish()
    relay.notice(OutOfOrderSequenceNumber())
    async with asyncio.timeout(30):
        while not health.lost():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", [KafkaTimeoutError(), KafkaConnectionError("cut"), LeaderNotAvailableError()])
async def test_what_passes_is_waited_for(error: KafkaError) -> None:
    relay, producer, health = relay_of(error)
    health.supervise("relay", relay.run())
    await relay.finish()
    relay.post([BUNDLE])
    await producer.asked.wait()
    async with asyncio.timeout(30):
        await relay.finish()  # it looked into the database again, and found that nothing waits
    assert health.lost() == {}
    await health.close()
