"""The assets room, wired: register, gateway, readings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from infra.runtime.room import Room
from services.assets.api import router
from services.assets.gateway import Gateway
from services.assets.handlers import ears, registers
from services.assets.register import Register
from services.assets.settings import AssetsSettings
from services.assets.store import INDEXES


async def open_gateway(room: Room) -> Callable[[], Awaitable[None]]:
    """Listens for loggers as soon as Kafka can take what they send."""
    assert isinstance(room.settings, AssetsSettings)
    register = Register(room.ledger.db)
    await register.load()
    registers[:] = [register]
    gateway = Gateway(room.settings, register, room.clock, room.producer, room.relay)
    room.parts[:] = [gateway]
    room.api.state.register, room.api.state.gateway = register, gateway
    server = await gateway.start()
    room.health.supervise("register", register.watch())

    async def close() -> None:
        server.close()
        await gateway.close()

    return close


def room_for(settings: AssetsSettings) -> Room:
    """The room over these settings."""
    return Room("assets", ears, router, INDEXES, settings, (open_gateway,))


room = room_for(AssetsSettings())
