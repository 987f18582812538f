"""Tries to sign in: how many there may be, and how slow they are, so that guessing costs and nobody is shut out.

A name has few tries from one address: whoever comes from elsewhere cannot use up another's. Guesses from many addresses
wait for each other instead: of one name one at a time is looked at, and slowly once there were many.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Protocol
from weakref import WeakValueDictionary

WINDOW = timedelta(minutes=15)
TRIES_OF_NAME, TRIES_FROM_ADDRESS = 10, 50
"""So many in a `WINDOW` from one address; then nobody is let in from there until it ends, under this name or any."""
TRIES_UNHURRIED = 10
"""So many of a name in a `WINDOW`, from everywhere; each further one takes `PAUSE_SECONDS`."""
PAUSE_SECONDS = 1.0


class Tally(Protocol):
    """Where tries are counted."""

    async def tried(self, what: str, until: datetime) -> int:
        """Counts one more try of this; returns how many there were. Forgotten after `until`."""
        ...


class TooMany(Exception):
    """More tries than a person makes."""


class Tries:
    """The tries of this process. `rest`: how it waits, for so many seconds."""

    def __init__(self, tally: Tally, rest: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._tally, self._rest = tally, rest
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, name: str, address: str) -> AsyncIterator[None]:
        """The time in which one try is looked at. Raises `TooMany`.

        An address has one place in the queue of a name, however often it tries at once: a person waits for at most as
        many others as there are addresses that guess.
        """
        network = _network_of(address)
        await self._count(f"from|{network}", TRIES_FROM_ADDRESS)
        await self._count(f"from|{network}|{name}", TRIES_OF_NAME)
        async with self._turn(f"from|{network}|{name}"), self._turn(f"name|{name}"):
            if await self._tried(f"name|{name}") > TRIES_UNHURRIED:
                await self._rest(PAUSE_SECONDS)
            yield

    async def _count(self, key: str, most: int) -> None:
        if await self._tried(key) > most:
            raise TooMany(key)

    async def _tried(self, key: str) -> int:
        """By the quarter of an hour."""
        now = datetime.now(UTC)
        return await self._tally.tried(f"{key}|{int(now.timestamp() // WINDOW.total_seconds())}", now + WINDOW)

    def _turn(self, key: str) -> asyncio.Lock:
        return self._turns.setdefault(key, asyncio.Lock())


def _network_of(address: str) -> str:
    """A line to the Internet has one address of IPv4, and all of a /64 of IPv6."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
        return str(IPv6Address(int(known) >> 64 << 64))
    return str(known)
