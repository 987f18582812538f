"""Loggers that cost nearly nothing: frames made beforehand, raw sockets, answers counted and not read."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

_ANSWER = b"CN=9014"


@dataclass
class Logger:
    """One connection; at most `window` frames wait for their answer."""

    port: int
    frames: Sequence[bytes]
    window: int
    at: int = 0
    waiting: int = 0
    line: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.line = socket.create_connection(("127.0.0.1", self.port))
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self) -> None:
        """As many as may wait."""
        until = min(self.at + self.window - self.waiting, len(self.frames))
        if until > self.at:
            self.line.sendall(b"".join(self.frames[self.at : until]))
            self.waiting += until - self.at
            self.at = until

    def hear(self) -> int:
        """How many answers came."""
        heard = self.line.recv(1 << 16)
        if not heard:
            raise EOFError("the gateway hung up")
        answers = heard.count(_ANSWER)
        self.waiting -= answers
        return answers


def send_all(ports: Sequence[int], frames: Sequence[Sequence[bytes]], window: int) -> None:
    """Each sequence over a connection of its own, until every frame has its answer; the gateways in turn."""
    left = sum(map(len, frames))
    with selectors.DefaultSelector() as selector:
        loggers = [Logger(ports[n % len(ports)], own, window) for n, own in enumerate(frames)]
        for logger in loggers:
            selector.register(logger.line, selectors.EVENT_READ, logger)
            logger.send()
        while left:
            for key, _ in selector.select(30):
                logger = key.data
                left -= logger.hear()
                if logger.waiting <= window // 2:
                    logger.send()
        for logger in loggers:
            logger.line.close()
