"""The publisher: events go to Kafka, and count as handed over when all replicas have them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from infra.runtime.clock import Clock
from infra.runtime.letters import seal
from infra.runtime.relay import Relay
from infra.runtime.telemetry import FRAME, late_span, now_ns, subjects_of, unsampled
from services.assets.said import Taken

_SAMPLED = 0.01


class Publisher:
    """Says what was taken in. `busy`: chunks of loggers that are still on their way."""

    def __init__(self, streams: str, clock: Clock, producer: AIOKafkaProducer, relay: Relay) -> None:
        self._streams, self._clock, self._producer, self._relay = streams, clock, producer, relay
        self.busy = 0

    async def publish(self, batch: Sequence[Taken]) -> None:
        """Hands events to Kafka and returns when all replicas have them."""
        futures = []
        now = self._clock.now()
        for taken in batch:
            trace = _trace_of(taken)
            for event, event_id in zip(taken.events, taken.ids, strict=True):
                letter = seal(event, id=event_id, said_at=now, correlation=event_id, causation=event_id, trace=trace)
                futures.append(
                    await self._producer.send(
                        self._streams + letter.topic,
                        letter.value,
                        key=letter.key,
                        headers=list(letter.headers),
                    )
                )
        for receipt in await asyncio.gather(*futures):
            where = f"{receipt.topic}/{receipt.partition}"
            self._relay.said[where] = max(self._relay.said.get(where, -1), receipt.offset)


def _trace_of(taken: Taken) -> dict[str, str]:
    """A trace for each frame. Only a sample of them, and each of which something was refused, leaves a span at once;
    another does so when it turns out to matter (`late_root`)."""
    refused = ", ".join(sorted({rejection.reason for rejection in taken.refused}))
    if not refused and random.random() > _SAMPLED:
        return unsampled()
    subjects = subjects_of(taken.events)
    return late_span(FRAME, {}, now_ns(), refused or None, om__event_id=taken.ids[0] if taken.ids else None, **subjects)
