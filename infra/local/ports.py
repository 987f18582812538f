"""Ports on the loopback address, remembered in the data folder so that a second start uses the same ones."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from .trouble import Trouble

LOOPBACK = "127.0.0.1"
# Below the ephemeral range (32768 up on Linux): there, a client that retries a closed port may connect to itself
# and so keep the restarted server from its own port.
RANGE = range(20_000, 30_000)
_GOLDEN = 0.6180339887498949


def walk(ports: range, process: int) -> Iterator[int]:
    """All of them, again and again, from this process's own place: of two that start at the same moment one would else
    choose what the other has chosen and not opened yet. Neighbouring numbers lie far apart (golden section)."""
    start = int(process * _GOLDEN * len(ports)) % len(ports)
    return cycle([*ports[start:], *ports[:start]])


_WALK = walk(RANGE, os.getpid())


class Ports:
    """The port book of a data folder: `{"kafka": 21092, ...}`."""

    def __init__(self, book: Path) -> None:
        self._book = book

    def known(self) -> dict[str, int]:
        """What the book says. An unreadable book counts as empty: ports can be chosen anew at no loss."""
        try:
            return {str(name): int(port) for name, port in json.loads(self._book.read_text()).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def pick(self, name: str, wanted: int | None = None) -> int:
        """The port for `name`: the wanted one, else the remembered one if it is free, else a free one.

        Raises Trouble when the wanted port is taken.
        """
        port = _insisted(name, wanted) if wanted else self._remembered(name) or self._new()
        self._remember(name, port)
        return port

    def _remembered(self, name: str) -> int | None:
        port = self.known().get(name)
        return port if port and is_free(port) else None

    def _new(self) -> int:
        taken = set(self.known().values())
        free = (port for port in islice(_WALK, len(RANGE)) if port not in taken and is_free(port))
        found = next(free, None)
        if found is None:
            raise Trouble(
                f"在 {RANGE.start}–{RANGE.stop - 1} 内找不到空闲端口。请关闭不用的程序后重试",
                f"No free port found in {RANGE.start}-{RANGE.stop - 1}. Close unused programs and try again",
            )
        return found

    def _remember(self, name: str, port: int) -> None:
        text = json.dumps(self.known() | {name: port}, indent=1, sort_keys=True)
        fresh = self._book.with_suffix(".new")
        fresh.write_text(text + "\n")
        os.replace(fresh, self._book)


def is_free(port: int) -> bool:
    """True if a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError, OverflowError):
            probe.bind((LOOPBACK, port))
            return True
    return False


def port_taken(name: str, port: int) -> Trouble:
    """The words for a port that `name` wants and somebody else holds."""
    zh, en = _owner(port)
    return Trouble(
        f"{name} 需要的端口 {port} 已被占用{zh}。请停止占用它的程序，或为 {name} 指定其他端口",
        f"Port {port}, wanted for {name}, is taken{en}. Stop the program that holds it, or give {name} another port",
    )


def _insisted(name: str, port: int) -> int:
    if not is_free(port):
        raise port_taken(name, port)
    return port


def _owner(port: int) -> tuple[str, str]:
    """Who listens there, if this user may see it; psutil belongs to the optional extra."""
    try:
        import psutil

        pids = {c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.pid}
        names = ", ".join(f"{psutil.Process(pid).name()} (pid {pid})" for pid in sorted(pids))
    except Exception:  # an explanation must not fail in place of what it explains
        names = ""
    return (f"（{names}）", f" by {names}") if names else ("", "")
