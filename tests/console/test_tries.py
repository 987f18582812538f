"""Tries to sign in: guessing costs, and nobody is shut out by a stranger from elsewhere."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from services.console.people import PEOPLE, People, hash_of_password
from services.console.sessions import Guard
from services.console.tries import PAUSE_SECONDS, TRIES_FROM_ADDRESS, TRIES_OF_NAME, TRIES_UNHURRIED, TooMany, Tries
from tests.console.book import BookInMemory

HERE, THERE = "192.0.2.1", "198.51.100.7"
PASSWORD = "a good password"


class Rests:
    """Waits no longer than it takes the others to come, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.at_once = self.most_at_once = 0

    async def __call__(self, seconds: float) -> None:
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.seconds.append(seconds)
        for _ in range(20):
            await asyncio.sleep(0)
        self.at_once -= 1


@pytest.fixture
def rests() -> Rests:
    return Rests()


@pytest.fixture
def guard(tmp_path: Path, rests: Rests) -> Guard:
    entry = {"hash": hash_of_password(PASSWORD), "role": "buyer", "organisation": "wuhan-emc"}
    (tmp_path / PEOPLE).write_text(json.dumps({"wu-fang": entry}))
    book = BookInMemory()
    return Guard(People(tmp_path), book, Tries(book, rests), timedelta(hours=1))


async def exhaust(tries: Tries, name: str, address: str, most: int) -> None:
    """Until it is refused. The window may turn while they are counted; then it takes as many once more."""
    with pytest.raises(TooMany):
        for _ in range(2 * most + 1):
            async with tries.turn(name, address):
                pass


async def test_stranger_shuts_nobody_out(guard: Guard) -> None:
    await exhaust(guard.tries, "wu-fang", THERE, TRIES_OF_NAME)
    with pytest.raises(TooMany):
        await guard.admit("wu-fang", PASSWORD, THERE)
    assert await guard.admit("wu-fang", PASSWORD, HERE)


async def test_refused_tries_use_up_nothing(guard: Guard) -> None:
    """An address that has tried too much is refused before a name is counted."""
    with pytest.raises(TooMany):
        for n in range(2 * TRIES_FROM_ADDRESS + 1):
            async with guard.tries.turn(f"somebody {n}", THERE):
                pass
    with pytest.raises(TooMany):
        await guard.admit("wu-fang", PASSWORD, THERE)
    assert isinstance(guard.book, BookInMemory)
    assert not any("wu-fang" in key for key in guard.book.tries)


async def test_neighbours_of_a_line_are_one(guard: Guard) -> None:
    """A stranger has 2^64 addresses of IPv6, but one line; IPv4 within IPv6 is a line of its own."""
    await exhaust(guard.tries, "wu-fang", "2001:db8::1", TRIES_OF_NAME)
    with pytest.raises(TooMany):
        await guard.admit("wu-fang", PASSWORD, "2001:db8::ffff:2")
    assert await guard.admit("wu-fang", PASSWORD, "2001:db8:0:1::1")
    await exhaust(guard.tries, "wu-fang", f"::ffff:{THERE}", TRIES_OF_NAME)
    assert await guard.admit("wu-fang", PASSWORD, f"::ffff:{HERE}")


async def test_guesses_from_everywhere_are_slow(rests: Rests) -> None:
    """One at a time, and a pause for each after the first few; of another name nothing waits."""
    tries, looked_at = Tries(BookInMemory(), rests), list[str]()

    async def guess(name: str, address: str) -> None:
        async with tries.turn(name, address):
            looked_at.append(address)

    many = [f"203.0.113.{n}" for n in range(3 * TRIES_UNHURRIED)]
    await asyncio.gather(*(guess("wu-fang", address) for address in many))
    assert len(rests.seconds) >= TRIES_UNHURRIED  # the window may have turned
    assert (set(rests.seconds), rests.most_at_once) == ({PAUSE_SECONDS}, 1)
    rests.seconds.clear()
    await guess("somebody else", HERE)
    assert (rests.seconds, looked_at) == ([], [*many, HERE])


async def test_person_waits_once_for_each_address(rests: Rests) -> None:
    """However many tries a stranger makes at once, one of them is before the person's."""
    tries, looked_at = Tries(BookInMemory(), rests), list[str]()

    async def guess(address: str) -> None:
        async with tries.turn("wu-fang", address):
            await asyncio.sleep(0)
            looked_at.append(address)

    await asyncio.gather(*(guess(THERE) for _ in range(TRIES_OF_NAME)), guess(HERE))
    assert looked_at.index(HERE) <= 2


async def test_unknown_address_waits_for_nobody(guard: Guard) -> None:
    """One that has gone again by now has none."""
    async with asyncio.timeout(30):
        assert await guard.admit("wu-fang", PASSWORD, "")
