"""Stands in for an installation on the system's clock: an assets service that answers a little, and a gateway."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from contracts.agreements.agreement import Agreement
from infra.processes import PROCESSES
from services.assets.hj212 import Frame, Packet, Splitter, answer_9014, packet_of
from watchbill.secrets import Secrets

NAMES = tuple(process.name for process in PROCESSES)


class StandIn:
    """`packets`: what the gateway was given. `moved_to`: the time a conductor has set; None: the system's clock.

    `faults`: what each service says is wrong with it; `answers`: what further paths answer;
    `states`: what `/runtime/state` answers, one after the other.
    """

    def __init__(self, agreements: list[Agreement], moved_to: str | None = None) -> None:
        self.agreements = {one.id: one for one in agreements}
        self.moved_to = moved_to
        self.packets: list[Packet] = []
        self.faults: dict[str, str] = {}
        self.answers: dict[str, Any] = {}
        self.states: list[dict[str, Any]] = []

    @contextmanager
    def running(self, data: Path) -> Iterator[None]:
        """Listens, with its addresses in the data folder."""
        Secrets(data).make()
        http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        gateway = ThreadingTCPServer(("127.0.0.1", 0), self._logger_line())
        for server in (http, gateway):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{http.server_address[1]}"
        where = {"kafka": "127.0.0.1:1", "mongo": "mongodb://127.0.0.1:1", "sinks": url}
        where["gateway"] = f"127.0.0.1:{gateway.server_address[1]}"
        (data / "addresses.json").write_text(json.dumps({**where, "http": dict.fromkeys(NAMES, url)}))
        try:
            yield
        finally:
            for server in (http, gateway):
                server.shutdown()
                server.server_close()

    def answer(self, path: str) -> tuple[int, Any]:
        if path == "/v1/agreements":
            return 200, [{"agreement": one.id, "version": 1, "digest": ""} for one in self.agreements.values()]
        if path == "/runtime/clock":
            return (200, {"now": self.moved_to, "horizon": self.moved_to}) if self.moved_to else (409, {})
        if path.startswith("/health/"):
            return (503, {"ok": False, "faults": self.faults}) if self.faults else (200, {"ok": True, "faults": {}})
        if path == "/runtime/state" and self.states:
            return 200, self.states.pop(0)
        if path in self.answers:
            return 200, self.answers[path]
        found = self.agreements.get(path.removeprefix("/v1/agreements/"))
        return (200, found.model_dump(mode="json")) if found else (404, {"title": "没有找到"})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        town = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply(*town.answer(self.path))

            def reply(self, status: int, body: Any) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                status, body = town.answer(self.path)
                self.reply(status, body[-1] if isinstance(body, list) else body)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        return Handler

    def _logger_line(self) -> type[StreamRequestHandler]:
        town = self

        class LoggerLine(StreamRequestHandler):
            def handle(self) -> None:
                splitter = Splitter()
                while data := self.request.recv(65_536):
                    for piece in splitter.feed(data):
                        packet = packet_of(piece) if isinstance(piece, Frame) else None
                        if isinstance(packet, Packet):
                            town.packets.append(packet)
                            self.request.sendall(answer_9014(packet))

        return LoggerLine
