"""One logger's connection: pieces in, answers out, each only when Kafka has what the frame became."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

import structlog
from aiokafka.errors import KafkaError

from infra.runtime import metrics
from infra.runtime.clock import Clock
from infra.runtime.letters import Outgoing
from infra.runtime.told import told
from services.assets.admission import Admission, Heard
from services.assets.hj212 import DIALECTS, Frame, Rejected, Splitter, answer_9014
from services.assets.limits import PerMinute
from services.assets.publisher import Publisher
from services.assets.settings import AssetsSettings
from services.assets.uploads import Times

log = structlog.get_logger()
CHUNK = 65_536


class Connection:
    """`trusted`: whether a logger of the register has spoken on it, with its password."""

    def __init__(
        self, admission: Admission, publisher: Publisher, clock: Clock, settings: AssetsSettings,
        writer: asyncio.StreamWriter,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._admission, self._publisher, self._clock = admission, publisher, clock
        self._settings, self._writer, self._ticks = settings, writer, ticks
        self._splitter = Splitter(allowed=DIALECTS)
        self._times = Times()
        self._telling = PerMinute(settings.gateway_rejections_per_minute)
        self._strange_in_a_row = 0
        self.trusted = False

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Until the peer ends it, says nothing for too long, or nothing that is a known logger's."""
        while data := await self._read(reader):
            await self.take(self._splitter.feed(data))
            if self._strange_in_a_row > self._settings.gateway_refused_in_a_row_max:
                log.warning("peer disconnected", reason="nothing of a known logger", pieces=self._strange_in_a_row)
                return
        await self.take(self._splitter.finish())

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        async with asyncio.timeout(self._settings.gateway_idle_seconds):
            return await reader.read(CHUNK)

    async def take(self, pieces: Sequence[Frame | Rejected]) -> None:
        """Hands on what they become, then answers."""
        if not pieces:
            return
        self._publisher.busy += 1
        try:
            letters, answers = await self._hear(pieces)
            await self._publisher.publish(letters)
        except KafkaError as error:
            log.warning("frames not acknowledged", frames=len(pieces), error=told(error))
            return
        finally:
            self._publisher.busy -= 1
        if answers:
            await self._answer(answers)

    async def _hear(self, pieces: Sequence[Frame | Rejected]) -> tuple[list[Outgoing], list[bytes]]:
        letters: list[Outgoing] = []
        answers: list[bytes] = []
        outcomes: Counter[str] = Counter()
        now = self._clock.now()  # they came together
        for piece in pieces:
            heard = await self._admission.hear(piece, self._times, now)
            if self._is_told(heard, outcomes):
                letters += self._publisher.letters(heard.taken, now)
                if heard.answer is not None and heard.answer.needs_ack:
                    answers.append(answer_9014(heard.answer))
        for outcome, count in outcomes.items():
            metrics.FRAMES.labels(outcome).inc(count)
        return letters, answers

    def _is_told(self, heard: Heard, outcomes: Counter[str]) -> bool:
        """Counts the piece; whether it becomes events. Above the limit what is not trusted is counted only."""
        outcomes[heard.taken.outcome] += 1
        if heard.trusted:
            self.trusted, self._strange_in_a_row = True, 0
            return True
        self._strange_in_a_row += 1
        return self._telling.grants(self._ticks())

    async def _answer(self, answers: Sequence[bytes]) -> None:
        self._writer.write(b"".join(answers))
        metrics.ACKNOWLEDGED.inc(len(answers))
        async with asyncio.timeout(self._settings.gateway_idle_seconds):
            await self._writer.drain()
