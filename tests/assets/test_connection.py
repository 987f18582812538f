"""What a connection tells: all of a known logger, a measure of anybody else, and then it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from aiokafka.errors import KafkaError

from infra.runtime.clock import MovableClock
from services.assets.admission import Admission
from services.assets.connection import Connection
from services.assets.hj212 import Splitter
from services.assets.limits import PerMinute
from services.assets.publisher import Publisher
from services.assets.register import Passwords
from services.assets.said import Taken
from services.assets.settings import AssetsSettings
from tests.assets.stations import KNOWN, held, segment, written

NOW = datetime(2026, 4, 8, 2, 0, tzinfo=UTC)
SETTINGS = AssetsSettings(gateway_rejections_per_minute=30, gateway_refused_in_a_row_max=200)


class Press:
    """A publisher that keeps what it is given; `away`: it cannot."""

    def __init__(self) -> None:
        self.busy, self.away = 0, False
        self.said: list[Taken] = []

    def letters(self, taken: Taken, now: datetime) -> list[Taken]:
        return [taken]

    async def publish(self, batch: Sequence[Taken]) -> None:
        if self.away:
            raise KafkaError
        self.said += batch


class Mouth:
    """A writer that keeps what is answered."""

    def __init__(self) -> None:
        self.answered = b""

    def write(self, data: bytes) -> None:
        self.answered += data

    async def drain(self) -> None:
        pass


class Line:
    """A peer's end of a connection, and what came of it."""

    def __init__(self) -> None:
        self.press, self.mouth, self.minute = Press(), Mouth(), 0
        admission = Admission(held(KNOWN), Passwords(Path("/nonexistent")), timedelta(minutes=5))
        self.connection = Connection(
            admission, cast(Publisher, self.press), MovableClock(NOW), SETTINGS, cast(asyncio.StreamWriter, self.mouth),
            lambda: self.minute * 60.0,
        )  # fmt: skip
        self.reader = asyncio.StreamReader()

    async def sends(self, *frames: bytes) -> None:
        """Everything, then the end of the stream."""
        for data in frames:
            self.reader.feed_data(data)
        self.reader.feed_eof()
        await self.connection.run(self.reader)

    @property
    def told(self) -> tuple[int, int]:
        """How many frames became events, how many were answered."""
        return len(self.press.said), self.mouth.answered.count(b"CN=9014")


def good(minute: int) -> bytes:
    return written(segment(f"DataTime=202604080900{minute % 60:02d};a34004-Avg={minute}"))


def strange(number: int) -> bytes:
    return written(segment("DataTime=20260408095500;a34004-Avg=1", mn=f"X{number}"))


async def test_strangers_are_told_up_to_the_limit() -> None:
    line = Line()
    await line.sends(*map(strange, range(150)))
    assert line.told == (30, 30)
    assert not line.connection.trusted


async def test_limit_is_one_for_noise_and_strangers() -> None:
    line = Line()
    await line.sends(*(b"noise\r\n" + strange(number) for number in range(50)))
    assert line.told == (30, 15)


async def test_next_minute_is_told_again() -> None:
    line = Line()
    await line.connection.take(Splitter().feed(b"".join(map(strange, range(50)))))
    line.minute += 1
    await line.connection.take(Splitter().feed(b"".join(map(strange, range(50)))))
    assert line.told == (60, 60)


async def test_known_logger_is_told_without_limit() -> None:
    line = Line()
    await line.sends(*map(good, range(500)))
    assert line.told == (500, 500) and line.connection.trusted


async def test_nothing_but_strangers_ends_the_connection() -> None:
    line = Line()
    line.reader.feed_data(b"".join(map(strange, range(201))))
    await line.connection.run(line.reader)  # ends, though the peer did not
    assert line.told == (30, 30)


async def test_one_good_frame_begins_the_count_anew() -> None:
    line = Line()
    await line.sends(*map(strange, range(150)), good(1), *map(strange, range(150)), good(2))
    assert line.told == (32, 32)


async def test_what_kafka_did_not_take_is_not_answered() -> None:
    line = Line()
    line.press.away = True
    await line.sends(good(1), strange(1))
    assert line.told == (0, 0) and line.press.busy == 0


def test_so_many_a_minute_and_no_more() -> None:
    limit = PerMinute(2)
    assert [limit.grants(second) for second in (0.0, 1.0, 59.9, 60.0, 61.0, 62.0)] == [
        True, True, False, True, True, False,
    ]  # fmt: skip
