"""The gateway: loggers speak HJ 212 over TCP. No frame is acknowledged before Kafka has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

import structlog
from aiokafka import AIOKafkaProducer

from infra.runtime import metrics
from infra.runtime.clock import Clock
from infra.runtime.relay import Relay
from services.assets.admission import Admission
from services.assets.connection import CHUNK, Connection
from services.assets.descriptors import allow_connections
from services.assets.limits import PerMinute
from services.assets.publisher import Publisher
from services.assets.register import Passwords, Register
from services.assets.said import Taken
from services.assets.settings import AssetsSettings

log = structlog.get_logger()
BACKLOG = 1024
"""After a cut all loggers call again at once."""


class Gateway:
    """Takes connections, checks frames against the register, hands events to Kafka, answers 9014."""

    def __init__(
        self, settings: AssetsSettings, register: Register, clock: Clock, producer: AIOKafkaProducer, relay: Relay
    ) -> None:
        self.tolerance = timedelta(seconds=settings.future_tolerance_seconds)
        self._settings = settings
        self._clock = clock
        self._publisher = Publisher(settings.streams, producer, relay, settings.gateway_traced_share)
        self._admission = Admission(register, Passwords(settings.secrets), self.tolerance)
        self._open: dict[asyncio.Task[None], Connection] = {}
        self._complaints = PerMinute(1)

    @property
    def idle(self) -> bool:
        """Whether nothing that was read is still on its way to Kafka."""
        return self._publisher.busy == 0

    async def start(self) -> asyncio.Server:
        """Listens."""
        allow_connections(self._settings.gateway_connections_max)
        return await asyncio.start_server(
            self._connected, self._settings.gateway_host, self._settings.gateway_port, limit=CHUNK, backlog=BACKLOG
        )

    async def close(self) -> None:
        """Ends all connections: what was not acknowledged will be sent again."""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def publish(self, batch: Sequence[Taken]) -> None:
        """Hands events to Kafka and returns when all replicas have them."""
        now = self._clock.now()
        await self._publisher.publish([letter for taken in batch for letter in self._publisher.letters(taken, now)])

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= self._settings.gateway_connections_max and not self._made_room():
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        connection = self._open[task] = Connection(
            self._admission, self._publisher, self._clock, self._settings, writer
        )
        metrics.CONNECTIONS.inc()
        try:
            await connection.run(reader)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            metrics.CONNECTIONS.dec()
            self._open.pop(task, None)
            writer.close()

    def _made_room(self) -> bool:
        """Ends the oldest connection on which no known logger has spoken; False where there is none."""
        stranger = next((task for task, connection in self._open.items() if not connection.trusted), None)
        if self._complaints.grants(time.monotonic()):
            ended = "the newest" if stranger is None else "the oldest without a known logger"
            log.warning("too many connections", most=self._settings.gateway_connections_max, ended=ended)
        if stranger is None:
            return False
        del self._open[stranger]
        return stranger.cancel()
