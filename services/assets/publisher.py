"""The publisher: events go to Kafka, and count as handed over when all replicas have them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from infra.runtime.letters import Outgoing, seal
from infra.runtime.relay import Relay
from infra.runtime.rounds import Rounds
from infra.runtime.telemetry import FRAME, late_root, late_span, now_ns, subjects_of, trace_id_of, unsampled
from services.assets.said import Taken

_IDS = 1 << 56


class Publisher:
    """Says what was taken in. `busy`: chunks of loggers that are still on their way. `traced`: the share of frames that
    leave a span at once."""

    def __init__(self, streams: str, producer: AIOKafkaProducer, relay: Relay, traced: float) -> None:
        self._traced = traced
        self._relay = relay
        self._rounds = Rounds(producer, streams, relay.said)
        self.busy = 0

    def letters(self, taken: Taken, now: datetime) -> list[Outgoing]:
        """What is to be said of it. Sealed at once, a frame's objects are gone before the next frame makes its own."""
        trace = _trace_of(taken, self._traced)
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


def is_sampled(trace_id: str, share: float) -> bool:
    """Whether this trace is in the sample. By its id alone, of which the last seven bytes are chance (W3C)."""
    return int(trace_id[-14:], 16) < share * _IDS


def _trace_of(taken: Taken, share: float) -> dict[str, str]:
    """A trace for each frame. Only a sample of them, and each of which something was refused, leaves a span at once;
    another does so when it turns out to matter (`late_root`)."""
    if rejections := taken.refused:
        refused = ", ".join(sorted({rejection.reason for rejection in rejections}))
        return late_span(FRAME, {}, now_ns(), refused, **_named(taken))
    trace = unsampled()
    if not is_sampled(trace_id_of(trace) or "", share):
        return trace
    late_root(trace, now_ns() // 1_000_000, **_named(taken))
    return {"traceparent": f"{trace['traceparent'][:-2]}01"}


def _named(taken: Taken) -> dict[str, Any]:
    return {"om__event_id": taken.ids[0] if taken.ids else None, **subjects_of(taken.events)}
