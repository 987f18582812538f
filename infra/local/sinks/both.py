"""Both sinks in one process: SMS gateway, mail server, and the page."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from infra.local.sinks.mail_server import MailSink
from infra.local.sinks.page import routes_of
from infra.local.sinks.sms_gateway import SmsSink


@dataclass
class Sinks:
    """`async with Sinks(folder) as sinks:` both listen on 127.0.0.1; port 0 picks a free one, told afterwards."""

    folder: Path
    sms_port: int = 0
    smtp_port: int = 0
    web_port: int = 0
    sms: SmsSink = field(init=False)
    mail: MailSink = field(init=False)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.sms, self.mail = SmsSink.at(self.folder), MailSink.at(self.folder)

    async def __aenter__(self) -> Sinks:
        pages = routes_of(self.sms, self.mail)
        self.sms_port = await self._serve([*self.sms.routes, *pages], self.sms_port)
        self.web_port = await self._serve(pages, self.web_port)
        server = await self.mail.listen(self.smtp_port)
        self._stack.callback(server.close)
        self.smtp_port = server.sockets[0].getsockname()[1]
        self._stack.push_async_callback(self.sms.close)
        self.sms.resume()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def sms_url(self) -> str:
        """Where `sendsms` is."""
        return f"http://127.0.0.1:{self.sms_port}/cgi-bin/sendsms"

    @property
    def web_url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.web_port}"

    async def _serve(self, routes: list[Route], port: int) -> int:
        """Serves on a socket bound here, so that a free port is known before anybody asks."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        quiet = uvicorn.Config(
            Starlette(routes=routes), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        server = _Server(quiet)
        task = asyncio.create_task(server.serve(sockets=[listener]))

        async def stop() -> None:
            server.should_exit = True
            await task
            listener.close()

        self._stack.push_async_callback(stop)
        port_taken: int = listener.getsockname()[1]
        return port_taken


class _Server(uvicorn.Server):
    """Leaves the signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
