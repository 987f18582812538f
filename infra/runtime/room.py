"""A room: one service, wired. Each is dull in the same way, so that its domain is the only interesting thing in it."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType
from typing import Protocol

import structlog
import uvicorn
import uvloop
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from pymongo import IndexModel

from infra.runtime import bus, problems
from infra.runtime.clock import Clock, MovableClock, SystemClock
from infra.runtime.connections import mongo_client
from infra.runtime.ears import Ears
from infra.runtime.feed import Feed
from infra.runtime.health import Health
from infra.runtime.leaving import Leaving, end_well_when_stopped
from infra.runtime.ledger import Ledger
from infra.runtime.line import Line
from infra.runtime.lookout import Lookout
from infra.runtime.members import Members
from infra.runtime.ops import router as ops_router
from infra.runtime.relay import Relay
from infra.runtime.security import Doorkeeper, check_closed
from infra.runtime.settings import RuntimeSettings
from infra.runtime.standing import router as standing_router
from infra.runtime.telemetry import TRACE_KEY, flush_traces, start_telemetry
from infra.runtime.timers import Timers
from infra.runtime.told import told
from infra.runtime.watchdog import Watchdog

log = structlog.get_logger()
_SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own telemetry holds addresses with their queries, keys of delivery reports among them."""
_NEW_OBJECTS = 20_000
_TURN_SECONDS, _LOOK_SECONDS = 0.05, 1.0
_SWITCH_SECONDS = 0.0005
"""The driver asks the database in threads: each answer waits for the interpreter, several times, Python's 5 ms each."""
Indexes = Mapping[str, Sequence[IndexModel]]


class Part(Protocol):
    """A part of a room that works by itself."""

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do."""
        ...


@dataclass
class Room:
    """One service. `starts` are run, in order, when ledger, relay and producer are there, before anything is heard;
    each may return a coroutine function to be called at the end. `measures` bring gauges of its own up to date."""

    name: str
    ears: Ears
    router: APIRouter
    indexes: Indexes = field(default_factory=dict)
    settings: RuntimeSettings = field(default_factory=RuntimeSettings)
    starts: Sequence[Callable[[Room], Awaitable[Callable[[], Awaitable[None]] | None]]] = ()
    measures: Sequence[Callable[[Room], Awaitable[None]]] = ()

    def __post_init__(self) -> None:
        self.clock: Clock = MovableClock.at_last(self.settings.clock_file) if self.settings.movable else SystemClock()
        self.health = Health(self.settings.stuck_after_seconds)
        self.leaving = Leaving(self.name, self.settings.stop_seconds)
        self.ledger: Ledger
        self.relay: Relay
        self.timers: Timers
        self.members: Members
        self._server: _Server
        self.lines: list[Line] = []
        self.feeds: list[Feed] = []
        self.parts: list[Part] = []
        """Further parts that a quiet room waits for."""
        self.api = self._api()

    def _api(self) -> FastAPI:
        app = FastAPI(
            title=f"Watchbill {self.name}", lifespan=self._lifespan, docs_url=None, redoc_url=None, telemetry=_SILENT
        )
        problems.install(app)
        app.include_router(self.router)
        app.include_router(ops_router)
        app.include_router(standing_router)
        app.state.room = self
        app.state.door = Doorkeeper(self.settings.secrets)
        check_closed(app)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """HTTP answers at once; the rest opens as soon as broker and database are there."""
        stack = AsyncExitStack()
        opening = self.health.supervise("opening", self._open(stack))
        try:
            yield
        finally:
            self.leaving.begin()
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            self.health.opened = False
            await stack.aclose()
            await self.leaving.close("traces", lambda: asyncio.to_thread(flush_traces))

    async def _open(self, stack: AsyncExitStack) -> None:
        """Opens patiently: broker and database may come later."""
        pause = 0.2
        while True:
            attempt = AsyncExitStack()
            try:
                await self._open_once(attempt)
                stack.push_async_callback(attempt.aclose)
                break
            except asyncio.CancelledError:
                await attempt.aclose()
                raise
            except Exception as error:
                await attempt.aclose()
                self.health.bad("opening", told(error), restart=False)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
        self.health.good("opening")
        self.health.opened = True
        log.info("service open", service=self.name)
        await asyncio.Event().wait()

    async def _open_once(self, stack: AsyncExitStack) -> None:
        settings = self.settings
        client = mongo_client(settings, self.name)
        stack.callback(client.close)
        self.ledger = Ledger(
            client, f"{settings.database_prefix}_{self.name}", self.clock, f"{self.name}-{settings.instance}"
        )
        await self.ledger.prepare({"agreements", "places", "lots", "acts", *self.indexes}, settings.inbox_keep_days)
        for collection, indexes in self.indexes.items():
            if indexes:
                await self.ledger.db[collection].create_indexes(list(indexes))
        await bus.ensure_topics(settings)
        producer = bus.new_producer(settings, self.name)
        await producer.start()
        close = self.leaving.close
        stack.push_async_callback(close, "producer", producer.stop)
        stack.push_async_callback(close, "tasks", lambda: self.health.close(except_for="opening"))
        self.producer = producer
        self.relay = Relay(self.name, self.ledger, producer, self.health, settings)
        self.relay.said.update(backlog := await bus.ends(settings))
        self.timers = Timers(self.ears, self.ledger, self.relay, self.clock, self.health, settings)
        self.members = Members(self.ledger, self.relay, self.timers, self.health)
        self.health.supervise("relay", self.relay.run())
        stack.push_async_callback(close, "relay", self.relay.finish)
        for start in self.starts:
            if end := await start(self):
                stack.push_async_callback(close, start.__name__, end)
        stack.push_async_callback(close, "timers", self.timers.finish)
        await self._listen(stack)
        self.health.supervise("timers", self._fire_in_turn(backlog))
        self.health.supervise("members", self.members.watch())

    async def _listen(self, stack: AsyncExitStack) -> None:
        self.lines = [
            Line(self.ears, self.ledger, self.relay, self.health, self.settings, topics, heard)
            for topics in bus.lines_of(self.ears.topics)
            for heard in [await bus.committed(self.settings, self.name, topics)]
        ]
        subscribers = bus.Bus(self.settings, self.ears, self.lines, self.health, self.members)
        self.feeds = subscribers.feeds
        stack.push_async_callback(self.leaving.close, "consumers", subscribers.stop)
        await subscribers.start()
        self.health.supervise("lookout", Lookout(self.settings, self.name, self.feeds, self.health).run())

    @property
    def leads(self) -> bool:
        """Whether this member fires the timers: it has the first part of its service's first stream, which the group
        gives to one of them (0023). One that hears nothing is by itself."""
        if not self.feeds:
            return True
        first = self.feeds[0]
        return first.holds(TopicPartition(f"{self.settings.streams}{first.line.topics[0]}", 0))

    async def _fire_in_turn(self, backlog: Mapping[str, int]) -> None:
        """For ever. `backlog`: all that there was when this process started."""
        for feed in self.feeds[:1]:
            await feed.taken_over()
        while True:
            await self._caught_up(backlog)
            await self.timers.run(lambda: self.leads)
            while not self.leads:
                await asyncio.sleep(_TURN_SECONDS)
            backlog = await self._all_there_is()

    async def _all_there_is(self) -> Mapping[str, int]:
        while True:
            with suppress(TimeoutError, KafkaError, OSError):
                return await bus.ends(self.settings)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _caught_up(self, backlog: Mapping[str, int]) -> None:
        """After a stop, what was said meanwhile is heard before an overdue timer decides without it: by this process,
        or by another of its service, which has a share of the streams."""
        looked_at = monotonic()
        while not self.has_heard(backlog):
            await asyncio.sleep(0.05)
            if monotonic() - looked_at >= _LOOK_SECONDS:
                with suppress(KafkaError, OSError):
                    backlog = await self._not_heard_by_others(backlog)
                looked_at = monotonic()

    async def _not_heard_by_others(self, said: Mapping[str, int]) -> Mapping[str, int]:
        """What is left of it behind what this service's processes have heard together."""
        heard = await self.heard_together()
        return {where: offset for where, offset in said.items() if heard.get(where, -1) < offset}

    async def heard_together(self) -> dict[str, int]:
        """The highest offset, by `topic/partition`, that had its effect here or was committed by another process of
        this service."""
        positions = [await bus.committed(self.settings, self.name, line.topics) for line in self.lines]
        return bus.furthest(self.heard, *positions)

    def has_heard(self, said: Mapping[str, int]) -> bool:
        """Whether all that was said on this room's streams up to these offsets has had its effect."""
        mine, heard = self.streams, self.heard
        return all(heard.get(where, -1) >= offset for where, offset in said.items() if where.rpartition("/")[0] in mine)

    @property
    def streams(self) -> frozenset[str]:
        """The topics this room hears, as this installation names them."""
        return frozenset(f"{self.settings.streams}{topic}" for topic in self.ears.topics)

    @property
    def heard(self) -> dict[str, int]:
        """The highest offset that had its effect, by `topic/partition`."""
        return {where: offset for line in self.lines for where, offset in line.heard.items()}

    async def serve(self) -> None:
        """Runs the service until it is told to stop (SIGTERM): takes no more, finishes, commits, by `stop_seconds`."""
        structlog.contextvars.bind_contextvars(service=self.name)
        config = uvicorn.Config(
            self.api,
            self.settings.http_host,
            self.settings.http_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=self.leaving.http_seconds,
            lifespan="on",
        )
        self._server = _Server(config)
        self._server.leaving = self.leaving
        Watchdog(self.name, self.health, self.leaving, self.stop).start()
        await self._server.serve()

    def stop(self) -> None:
        """Tells it to stop, as SIGTERM does; from its own loop."""
        self.leaving.watch()
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Tells when it is told to stop."""

    leaving: Leaving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.leaving.watch()
        super().handle_exit(sig, frame)


def run(room: Room) -> None:
    """The main function of a service process."""
    end_well_when_stopped()
    start_telemetry(room.name, room.settings.log_level, room.settings.secrets / TRACE_KEY)
    _leave_garbage_for_a_while()
    sys.setswitchinterval(_SWITCH_SECONDS)
    uvloop.run(room.serve())


def _leave_garbage_for_a_while() -> None:
    """Python looks for cycles after each 700 new objects, which a batch of readings makes by the hundred thousand, none
    of them in a cycle: it took a third of the time. What the imports made is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)
