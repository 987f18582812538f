"""The logger's side of the line to the centre: sends frames, and sends again what got no answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic
from types import TracebackType

from infra.local.simulator.passage import Sent
from infra.local.simulator.wire import Answers
from infra.local.trouble import Trouble

READ_BYTES = 1 << 16
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


class LoggerLine:
    """One TCP line of one station.

    `window`: frames that may wait for an answer at a time; 1 is the standard's way (HJ 212-2017 C.48), more is faster.
    `answer_seconds`: without any answer for so long the line is opened anew, and what waits is sent again.
    `patience_seconds`: without any answer for so long `send_all` gives up.
    An answer is told by its QN; frames without one are answered in their order, as TCP keeps it.
    """

    def __init__(
        self, host: str, port: int, *, window: int = 50, answer_seconds: float = 10.0, patience_seconds: float = 120.0
    ) -> None:
        self._host = host
        self._port = port
        self._window = window
        self._answer_seconds = answer_seconds
        self._patience_seconds = patience_seconds
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._answers = Answers()
        self.answered = 0
        self.resent = 0
        self.reconnected = 0

    async def __aenter__(self) -> LoggerLine:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def send_all(self, frames: Sequence[Sent]) -> int:
        """Sends all, in order; returns how many answers came, once every awaited frame has its own. Trouble: patience
        is over."""
        errand = _Errand(frames)
        pause, last_answer = FIRST_PAUSE_SECONDS, monotonic()
        while not errand.is_done:
            before = errand.answered
            try:
                await self._exchange(errand)
            except (OSError, EOFError, TimeoutError) as error:
                await self.close()
                if errand.answered > before:
                    pause, last_answer = FIRST_PAUSE_SECONDS, monotonic()
                elif monotonic() - last_answer > self._patience_seconds:
                    raise self._impatient(errand) from error
                self.resent += errand.put_back()
                self.reconnected += 1
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        self.answered += errand.answered
        return errand.answered

    async def close(self) -> None:
        """Hangs up; the next `send_all` opens the line anew."""
        if self._streams is None:
            return
        _, writer = self._streams
        self._streams = None
        writer.close()
        try:
            async with asyncio.timeout(1):
                await writer.wait_closed()
        except (OSError, TimeoutError):
            return

    async def _exchange(self, errand: _Errand) -> None:
        reader, writer = await self._opened()
        while not errand.is_done:
            writer.writelines(errand.next_pieces(self._window))
            await writer.drain()
            if errand.is_waiting:
                await self._hear(reader, errand)

    async def _hear(self, reader: asyncio.StreamReader, errand: _Errand) -> None:
        """Until one answer at least is among what comes."""
        async with asyncio.timeout(self._answer_seconds):
            heard = False
            while not heard:
                data = await reader.read(READ_BYTES)
                if not data:
                    raise EOFError("the centre hung up")
                for qn in self._answers.feed(data):
                    heard = errand.answer(qn) or heard

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            async with asyncio.timeout(self._answer_seconds):
                self._streams = await asyncio.open_connection(self._host, self._port)
            self._answers = Answers()
        return self._streams

    def _impatient(self, errand: _Errand) -> Trouble:
        left, place, wait = errand.left, f"{self._host}:{self._port}", f"{self._patience_seconds:g}"
        return Trouble(
            f"{place} 在 {wait} 秒内没有应答，还有 {left} 帧未获应答",
            f"{place} gave no answer for {wait} s; {left} frames are still without one",
        )


class _Errand:
    """What one `send_all` has to bring about: which pieces are still to be sent, and which wait for an answer."""

    def __init__(self, frames: Sequence[Sent]) -> None:
        self._frames = frames
        self._to_send = deque(range(len(frames)))
        self._waiting: dict[str, deque[int]] = {}
        self._waiting_count = 0
        self.answered = 0

    @property
    def is_done(self) -> bool:
        return not self._to_send and not self._waiting_count

    @property
    def is_waiting(self) -> bool:
        return self._waiting_count > 0

    @property
    def left(self) -> int:
        return self._waiting_count + sum(self._frames[place].awaited for place in self._to_send)

    def next_pieces(self, window: int) -> list[bytes]:
        """What may be sent now; awaited frames wait from here on."""
        pieces: list[bytes] = []
        while self._to_send and self._waiting_count < window:
            place = self._to_send.popleft()
            frame = self._frames[place]
            pieces.append(frame.data)
            if frame.awaited:
                self._waiting.setdefault(frame.qn, deque()).append(place)
                self._waiting_count += 1
        return pieces

    def answer(self, qn: str) -> bool:
        """Whether a frame waited for this answer. An unknown QN may answer a frame that has none."""
        key = qn if qn in self._waiting else ""
        places = self._waiting.get(key)
        if places is None:
            return False
        places.popleft()
        if not places:
            del self._waiting[key]
        self._waiting_count -= 1
        self.answered += 1
        return True

    def put_back(self) -> int:
        """All that waits is to be sent again, in its order; returns how many frames."""
        again = sorted(place for places in self._waiting.values() for place in places)
        self._to_send.extendleft(reversed(again))
        self._waiting.clear()
        self._waiting_count = 0
        return len(again)
