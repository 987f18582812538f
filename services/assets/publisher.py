"""The publisher: events go to Kafka, and count as handed over when all replicas have them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime

from aiokafka import AIOKafkaProducer

from infra.runtime.clock import Clock
from infra.runtime.letters import Outgoing, seal
from infra.runtime.relay import Relay
from infra.runtime.telemetry import FRAME, late_span, now_ns, subjects_of, unsampled
from services.assets.rounds import Rounds
from services.assets.said import Taken

_SAMPLED = 0.01


class Publisher:
    """Says what was taken in. `busy`: chunks of loggers that are still on their way."""

    def __init__(self, streams: str, clock: Clock, producer: AIOKafkaProducer, relay: Relay) -> None:
        self._clock, self._rounds = clock, Rounds(producer, streams, relay.said)
        self.busy = 0

    async def publish(self, batch: Sequence[Taken]) -> None:
        """Hands events to Kafka and returns when all replicas have them."""
        now = self._clock.now()
        await self._rounds.send([letter for taken in batch for letter in _letters(taken, now)])


def _letters(taken: Taken, now: datetime) -> Iterator[Outgoing]:
    trace = _trace_of(taken)
    for event, event_id in zip(taken.events, taken.ids, strict=True):
        yield seal(event, id=event_id, said_at=now, correlation=event_id, causation=event_id, trace=trace)


def _trace_of(taken: Taken) -> dict[str, str]:
    """A trace for each frame. Only a sample of them, and each of which something was refused, leaves a span at once;
    another does so when it turns out to matter (`late_root`)."""
    rejections = taken.refused
    if not rejections and random.random() > _SAMPLED:
        return unsampled()
    refused = ", ".join(sorted({rejection.reason for rejection in rejections}))
    subjects = subjects_of(taken.events)
    return late_span(FRAME, {}, now_ns(), refused or None, om__event_id=taken.ids[0] if taken.ids else None, **subjects)
