"""A TCP proxy on the loopback address that can be cut, held up or slowed down."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

Network = Literal["open", "slow", "silent", "mute", "cut"]
LOOPBACK = "127.0.0.1"


class Proxy:
    """From `port` to `target`. slow: each piece takes `slow_seconds`; silent: pieces wait; mute: those that the target
    answers do; cut: no connection. `tells`: what becomes of a piece of its answers."""

    def __init__(
        self, port: int, target: int, slow_seconds: float = 0.1, tells: Callable[[bytes], bytes] = bytes
    ) -> None:
        self.port, self._target, self._slow_seconds, self.tells = port, target, slow_seconds, tells
        self._network: Network = "open"
        self._ends: set[_End] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listens."""
        server = await asyncio.get_running_loop().create_server(self._taken, LOOPBACK, self.port)
        try:
            yield
        finally:
            server.close()
            self._hang_up()

    def becomes(self, network: Network) -> None:
        """From now on it is so."""
        self._network = network
        if network == "cut":
            self._hang_up()
        for end in list(self._ends):
            self.pump(end)

    def _hang_up(self) -> None:
        for end in list(self._ends):
            end.abort()

    def _taken(self) -> _End:
        near = _End(self)
        near.dialling = asyncio.get_running_loop().create_task(self._dial(near))
        return near

    async def _dial(self, near: _End) -> None:
        if self._network == "cut":
            near.abort()
            return
        far = _End(self, answers=True)
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, LOOPBACK, self._target)
        except OSError:
            near.abort()
            return
        near.other, far.other = far, near
        if near.lost:
            far.abort()
        self.pump(near)

    def pump(self, end: _End) -> None:
        """Passes on what came in at this end, as the network is."""
        if self._network == "open" or (self._network == "mute" and not end.answers):
            end.pass_on(len(end.held))
        elif self._network == "slow" and end.held:
            asyncio.get_running_loop().call_later(self._slow_seconds, end.pass_on, 1)

    def met(self, end: _End) -> None:
        self._ends.add(end)

    def left(self, end: _End) -> None:
        self._ends.discard(end)


class _End(asyncio.Protocol):
    """One end of a connection; what came in waits in `held` until it may go on to the other. `answers`: the target's
    end."""

    def __init__(self, proxy: Proxy, answers: bool = False) -> None:
        self._proxy, self.answers = proxy, answers
        self._transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.held: deque[bytes] = deque()
        self.lost = False
        self.dialling: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._proxy.met(self)
        if self.lost:  # before it was made
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self.held.append(self._proxy.tells(data) if self.answers else data)
        self._proxy.pump(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = True
        self._proxy.left(self)
        if self.other and self.other._transport:
            self.pass_on(len(self.held))
            self.other._transport.close()

    def pass_on(self, pieces: int) -> None:
        """The oldest pieces go first, whoever lets them go."""
        if self.other is None or self.other._transport is None or self.other.lost:
            return
        for _ in range(min(pieces, len(self.held))):
            self.other._transport.write(self.held.popleft())

    def abort(self) -> None:
        self.lost = True
        if self._transport:
            self._transport.abort()
