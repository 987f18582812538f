"""The publisher: events go to Kafka, and count as handed over when all replicas have them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from infra.runtime.letters import Outgoing, seal
from infra.runtime.relay import Relay
from infra.runtime.rounds import Rounds
from infra.runtime.telemetry import FRAME, late_span, now_ns, subjects_of, unsampled
from services.assets.said import Taken

_SAMPLED = 0.01


class Publisher:
    """Says what was taken in. `busy`: chunks of loggers that are still on their way."""

    def __init__(self, streams: str, producer: AIOKafkaProducer, relay: Relay) -> None:
        self._relay = relay
        self._rounds = Rounds(producer, streams, relay.said)
        self.busy = 0

    def letters(self, taken: Taken, now: datetime) -> list[Outgoing]:
        """What is to be said of it. Sealed at once, a frame's objects are gone before the next frame makes its own."""
        trace = _trace_of(taken)
        return [
            seal(event, id=event_id, said_at=now, correlation=event_id, causation=event_id, trace=trace)
            for event, event_id in zip(taken.events, taken.ids, strict=True)
        ]

    async def publish(self, letters: Sequence[Outgoing]) -> None:
        """Hands letters to Kafka and returns when all replicas have them."""
        try:
            await self._rounds.send(letters)
        except KafkaError as error:
            self._relay.notice(error)
            raise


def _trace_of(taken: Taken) -> dict[str, str]:
    """A trace for each frame. Only a sample of them, and each of which something was refused, leaves a span at once;
    another does so when it turns out to matter (`late_root`)."""
    rejections = taken.refused
    if not rejections and random.random() > _SAMPLED:
        return unsampled()
    refused = ", ".join(sorted({rejection.reason for rejection in rejections}))
    subjects = subjects_of(taken.events)
    return late_span(FRAME, {}, now_ns(), refused or None, om__event_id=taken.ids[0] if taken.ids else None, **subjects)
