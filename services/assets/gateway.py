"""The gateway: loggers speak HJ 212 over TCP. No frame is acknowledged before Kafka has it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from infra.runtime import metrics
from infra.runtime.clock import Clock
from infra.runtime.letters import seal
from infra.runtime.relay import Relay
from infra.runtime.telemetry import late_span, now_ns
from services.assets.hj212 import Frame, Packet, Rejected, Splitter, answer_9014, packet_of
from services.assets.hj212.crc import DIALECTS
from services.assets.intake import Taken, refusal, sent_of, take
from services.assets.register import Passwords, Register
from services.assets.settings import AssetsSettings

log = structlog.get_logger()
_CHUNK = 65_536
_SAMPLED = 0.01
_PLENTY = frozenset({"ReadingReceivedV1", "ReadingPartReceivedV1"})
"""What comes so often that only a sample of it leaves a span."""
_EVENT_REASONS = frozenset({"garbage", "length", "crc", "truncated", "too_long", "syntax"})


class Gateway:
    """Takes connections, checks frames against the register, hands events to Kafka, answers 9014."""

    def __init__(
        self, settings: AssetsSettings, register: Register, clock: Clock, producer: AIOKafkaProducer, relay: Relay
    ) -> None:
        self._settings, self._register, self._clock = settings, register, clock
        self._producer, self._relay = producer, relay
        self._passwords = Passwords(settings.secrets)
        self._tolerance = timedelta(seconds=settings.future_tolerance_seconds)
        self._busy = 0
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether nothing that was read is still on its way to Kafka."""
        return self._busy == 0

    async def start(self) -> asyncio.Server:
        """Listens."""
        return await asyncio.start_server(
            self._connected, self._settings.gateway_host, self._settings.gateway_port, limit=_CHUNK
        )

    async def close(self) -> None:
        """Ends all connections: what was not acknowledged will be sent again."""
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        metrics.CONNECTIONS.inc()
        try:
            await _Connection(self, writer).run(reader)
        except (ConnectionError, TimeoutError):
            pass
        except asyncio.CancelledError:
            pass
        finally:
            metrics.CONNECTIONS.dec()
            self._connections.discard(task)
            writer.close()

    async def read(self, frame: Frame, times: Times) -> tuple[Taken | None, Packet | None]:
        """What a frame becomes, and the packet to be answered."""
        packet = packet_of(frame)
        if isinstance(packet, Rejected):
            return self.refused(packet), None
        known = await self._register.by_mn(packet.mn)
        now = self._clock.now()
        if known is None:
            return refusal("unknown_mn", f"MN {packet.mn} is not in the register", frame.raw, now, packet.mn), packet
        if frame.dialect != known.crc:
            detail = f"CRC fits {frame.dialect}, {known.site} is registered for {known.crc}"
            return refusal("crc", detail, frame.raw, now, packet.mn), None
        if not self._passwords.fits(packet.mn, packet.pw):
            return refusal("wrong_password", f"password of {known.site}", frame.raw, now, packet.mn), packet
        sent = sent_of(times.timed(packet), frame.raw)
        if isinstance(sent, str):
            return refusal(sent, f"CN {packet.cn} carries no reading", frame.raw, now, packet.mn), packet
        return take(sent, known, now, self._tolerance), packet

    def refused(self, piece: Rejected) -> Taken:
        """What a piece that is no frame becomes."""
        reason = piece.reason.value if piece.reason.value in _EVENT_REASONS else "unsupported"
        return refusal(reason, piece.detail, piece.piece, self._clock.now())  # type: ignore[arg-type]

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
                        self._settings.streams + letter.topic,
                        letter.value,
                        key=letter.key,
                        headers=list(letter.headers),
                    )
                )
        for receipt in await asyncio.gather(*futures):
            where = f"{receipt.topic}/{receipt.partition}"
            self._relay.said[where] = max(self._relay.said.get(where, -1), receipt.offset)

    def working(self, more: int) -> None:
        """Counts chunks under way."""
        self._busy += more


class Times:
    """The DataTime of the split upload under way: some loggers write it in the first packet only."""

    def __init__(self) -> None:
        self._last: tuple[str, str, int, datetime] | None = None

    def timed(self, packet: Packet) -> Packet:
        """The packet with its upload's time."""
        if packet.pnum is None or packet.pnum < 2:
            return packet
        if packet.data_time is not None:
            self._last = (packet.mn, packet.cn, packet.pnum, packet.data_time)
        elif self._last and self._last[:3] == (packet.mn, packet.cn, packet.pnum):
            return replace(packet, data_time=self._last[3])
        return packet


class _Connection:
    """One logger's connection."""

    def __init__(self, gateway: Gateway, writer: asyncio.StreamWriter) -> None:
        self._gateway, self._writer = gateway, writer
        self._settings = gateway._settings
        self._splitter = Splitter(allowed=DIALECTS)
        self._times = Times()
        self._minute = 0
        self._told = 0
        self._refused_in_a_row = 0

    async def run(self, reader: asyncio.StreamReader) -> None:
        while True:
            async with asyncio.timeout(self._settings.gateway_idle_seconds):
                data = await reader.read(_CHUNK)
            if not data:
                break
            await self._take(self._splitter.feed(data))
            if self._refused_in_a_row > self._settings.gateway_refused_in_a_row_max:
                log.warning("logger disconnected", reason="nothing but noise")
                return
        await self._take(self._splitter.finish())

    async def _take(self, pieces: Sequence[Frame | Rejected]) -> None:
        if not pieces:
            return
        self._gateway.working(1)
        try:
            batch, answers = await self._read(pieces)
            await self._gateway.publish(batch)
        except KafkaError as error:
            log.warning("frames not acknowledged", frames=len(pieces), error=f"{type(error).__name__}: {error}")
            return
        finally:
            self._gateway.working(-1)
        if answers:
            self._writer.write(b"".join(answers))
            metrics.ACKNOWLEDGED.inc(len(answers))
            await self._writer.drain()

    async def _read(self, pieces: Sequence[Frame | Rejected]) -> tuple[list[Taken], list[bytes]]:
        batch: list[Taken] = []
        answers: list[bytes] = []
        for piece in pieces:
            taken, packet = (
                (self._gateway.refused(piece), None)
                if isinstance(piece, Rejected)
                else await self._gateway.read(piece, self._times)
            )
            if taken is not None and self._is_told(taken, piece):
                batch.append(taken)
            if packet is not None and packet.needs_ack:
                answers.append(answer_9014(packet))
        return batch, answers

    def _is_told(self, taken: Taken, piece: Frame | Rejected) -> bool:
        """Counts the piece; whether it becomes events. What is no frame is not answered, and noise is counted only."""
        outcome = getattr(taken.events[0], "reason", "taken") if taken.events else "empty"
        metrics.FRAMES.labels(outcome).inc()
        if isinstance(piece, Frame):
            self._refused_in_a_row = 0
            return True
        self._refused_in_a_row += 1
        minute = int(time.monotonic() // 60)
        self._told = self._told + 1 if minute == self._minute else 1
        self._minute = minute
        return self._told <= self._settings.gateway_rejections_per_minute


def _trace_of(taken: Taken) -> dict[str, str]:
    """A trace for each frame. Only a sample of them, and what was refused, leaves a span of its own."""
    new = {"traceparent": f"00-{random.getrandbits(128) or 1:032x}-{random.getrandbits(64) or 1:016x}-01"}
    if random.random() > _SAMPLED and taken.events and taken.events[0].type() in _PLENTY:
        return new
    return late_span("receive frame", {}, now_ns(), None, om__event_id=taken.ids[0] if taken.ids else None)
