"""The logger's line against a small centre on the loopback address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from infra.local.simulator.logger import LoggerLine
from infra.local.simulator.station import Sent, Station
from infra.local.simulator.troubles import Damage, Repeat
from infra.local.trouble import Trouble
from services.assets.hj212 import Frame, Packet, Splitter, answer_9014, packet_of
from tests.infra.stations import PASSWORD, at, site

Answering = Callable[["Centre", Packet], bytes]


def answered(_: Centre, packet: Packet) -> bytes:
    return answer_9014(packet)


class Centre:
    """Hears frames and answers them; `most_waiting`: the largest number of frames heard before one was answered."""

    def __init__(self, answer: Answering = answered) -> None:
        self.port = 0
        self.heard: list[bytes] = []
        self.lines = 0
        self._answer = answer
        self.most_at_once = 0

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines += 1
        splitter = Splitter()
        while data := await reader.read(1 << 16):
            frames = [piece for piece in splitter.feed(data) if isinstance(piece, Frame)]
            self.most_at_once = max(self.most_at_once, len(frames))
            answers = [self._answers(frame) for frame in frames]
            if None in answers:
                break
            writer.write(b"".join(answer for answer in answers if answer))
            await writer.drain()
        writer.close()

    def _answers(self, frame: Frame) -> bytes | None:
        packet = packet_of(frame)
        assert isinstance(packet, Packet)
        self.heard.append(frame.raw)
        return self._answer(self, packet) or None


@asynccontextmanager
async def open_centre(centre: Centre, port: int = 0) -> AsyncIterator[Centre]:
    server = await asyncio.start_server(centre.listen, "127.0.0.1", port)
    centre.port = server.sockets[0].getsockname()[1]
    async with server:
        yield centre


def line(centre: Centre, **options: float) -> LoggerLine:
    return LoggerLine("127.0.0.1", centre.port, **options)  # type: ignore[arg-type]


def day(edition: str = "2017") -> list[Sent]:
    return Station(site(edition=edition), PASSWORD, 7).frames(at(0), at(24))


@pytest.mark.parametrize("edition", ["2005", "2017"])
@pytest.mark.parametrize("window", [1, 50])
async def test_every_frame_gets_its_answer(edition: str, window: int) -> None:
    frames = day(edition)
    async with open_centre(Centre()) as centre, line(centre, window=window) as logger:
        assert await logger.send_all(frames) == len(frames)
    assert centre.heard == [one.data.rstrip() for one in frames]
    assert centre.most_at_once <= window
    assert logger.resent == 0


async def test_one_line_serves_many_calls() -> None:
    frames = day()
    async with open_centre(Centre()) as centre, line(centre) as logger:
        for start in range(0, len(frames), 50):
            await logger.send_all(frames[start : start + 50])
    assert (centre.lines, logger.answered) == (1, len(frames))


@pytest.mark.parametrize("edition", ["2005", "2017"])
async def test_lost_line_sends_the_rest_again(edition: str) -> None:
    frames = day(edition)

    def hang_up_sometimes(centre: Centre, packet: Packet) -> bytes:
        return b"" if len(centre.heard) in (3, 40, 60, 90) else answer_9014(packet)

    async with open_centre(Centre(hang_up_sometimes)) as centre, line(centre, window=10) as logger:
        assert await logger.send_all(frames) == len(frames)
    assert {*centre.heard} == {one.data.rstrip() for one in frames}
    assert centre.lines == 5
    assert 0 < logger.resent <= 40


async def test_lost_answer_sends_frame_again() -> None:
    frames = day()[:5]

    def deaf_once(centre: Centre, packet: Packet) -> bytes:
        return b" " if len(centre.heard) == 3 else answer_9014(packet)

    async with open_centre(Centre(deaf_once)) as centre, line(centre, answer_seconds=1.0) as logger:
        assert await logger.send_all(frames) == 5
    heard = [one.data.rstrip() for one in frames]
    assert centre.heard == [*heard, heard[2]]


@pytest.mark.parametrize("edition", ["2005", "2017"])
async def test_broken_pieces_are_not_awaited(edition: str) -> None:
    spell = ("hill", at(0), at(24))
    troubles = (Damage(*spell, share=0.5), Repeat(*spell, share=0.5))
    frames = Station(site(edition=edition), PASSWORD, 7, troubles).frames(at(0), at(24))
    good = [one for one in frames if one.awaited]
    async with open_centre(Centre()) as centre, line(centre) as logger:
        assert await logger.send_all(frames) == len(good)
    assert centre.heard == [one.data.rstrip() for one in good]
    assert len(good) < len(frames)


async def test_line_waits_for_the_centre() -> None:
    async with open_centre(Centre()) as gone:
        port = gone.port
    logger = LoggerLine("127.0.0.1", port)
    sending = asyncio.create_task(logger.send_all(day()[:5]))
    while not logger.reconnected:
        await asyncio.sleep(0.01)
    async with open_centre(Centre(), port):
        assert await sending == 5
        await logger.close()
    assert logger.reconnected > 0


async def test_patience_with_silence_ends() -> None:
    def silent(centre: Centre, packet: Packet) -> bytes:
        return b" "

    async with open_centre(Centre(silent)) as centre:
        logger = line(centre, answer_seconds=0.05, patience_seconds=0.2)
        with pytest.raises(Trouble, match="5 frames"):
            await logger.send_all(day()[:5])


async def test_nothing_to_send_opens_no_line() -> None:
    async with open_centre(Centre()) as centre, line(centre) as logger:
        assert await logger.send_all([]) == 0
    assert centre.lines == 0


async def test_seven_lines_send_at_once() -> None:
    frames = day()

    async def send(centre: Centre) -> int:
        async with line(centre) as logger:
            return await logger.send_all(frames)

    async with open_centre(Centre()) as centre:
        errands: list[Awaitable[int]] = [send(centre) for _ in range(7)]
        assert await asyncio.gather(*errands) == [len(frames)] * 7
    assert len(centre.heard) == 7 * len(frames)
