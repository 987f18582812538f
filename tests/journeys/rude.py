"""An SMS gateway and a mail server without manners: what they refuse they repeat, with everything they were told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.live.rooms import free_port


class RudeGateway:
    """Refuses our account, then the number, then takes what comes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._refusals = deque([(403, "Authorization failed for"), (400, "Bad number in"), (503, "No route now for")])

    async def sendsms(self, request: Request) -> PlainTextResponse:
        self.asked.append(str(request.url))
        if self._refusals:
            status, words = self._refusals.popleft()
            return PlainTextResponse(f"{words} {request.url.query}", status)
        return PlainTextResponse("0: Accepted for delivery: 1", 202)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Its address."""
        port = free_port()
        app = Starlette(routes=[Route("/cgi-bin/sendsms", self.sendsms)])
        config = uvicorn.Config(app, "127.0.0.1", port, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve())
        yield f"http://127.0.0.1:{port}/cgi-bin/sendsms"
        server.should_exit = True
        await task


class RudeMail:
    """Refuses our password at first, and every mailbox."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, kind: str, data: Any) -> AuthResult:
        self.told.append(data.password.decode())
        text = f"535 5.7.8 {data.login.decode()}: {data.password.decode()} is wrong"
        return (
            AuthResult(success=True) if len(self.told) > 4 else AuthResult(success=False, handled=False, message=text)
        )

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[Any]) -> str:
        self.told.append(address)
        return f"550 5.1.1 <{address}> is nobody here"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Its port."""

        def speak() -> SMTP:
            return SMTP(self, hostname="localhost", authenticator=self.authenticate, auth_require_tls=False)

        server = await asyncio.get_running_loop().create_server(speak, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]
