"""Cuts a byte stream into HJ 212 frames: `##` LLLL segment CCCC CR LF (HJ 212-2017 clause 6.3, tables 2-3).

Nothing is trusted: garbage, glued, cut and over-long frames are named and skipped, and the search goes on at the next
`##`, so a bad frame never costs the good one behind it. What goes beyond the standard is an option, off by default.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from services.assets.hj212.crc import CHECKS, WRITTEN, Dialect, dialect_of, fits
from services.assets.hj212.secret import Guarded, masked

MARK = b"##"
HEADER_BYTES = 6
CRC_BYTES = 4
LENGTH_EXCESS = 6
MAX_SEGMENT = 4096
PIECE_LIMIT = 512

_NEXT_FRAME = re.compile(rb"##[0-9]{4}\s*(?:QN|ST|CN|PW|MN)\s*=")
_MARKS = re.compile(rb"#{3,}")
_BLANK = b" \t\r\n\0"


class Reason(StrEnum):
    """Why a piece of the stream was refused."""

    GARBAGE = "garbage"
    LENGTH = "length"
    CRC = "crc"
    TRUNCATED = "truncated"
    TOO_LONG = "too_long"
    SYNTAX = "syntax"
    ENCRYPTED = "encrypted"


class Frame(Guarded, frozen=True):
    """A frame whose length and CRC hold. `raw` is without the line end; `length_plus_six` tells a tolerated length;
    `offset` is that of its first byte in the stream.

    `dialect` is the first that fits: where the logger is registered for another one, ask `fits`.
    """

    segment: bytes
    dialect: Dialect
    raw: bytes
    length_plus_six: bool = False
    offset: int = 0

    def fits(self, dialect: Dialect) -> bool:
        """Whether the CRC is right in this dialect too: one frame in 128 fits its bytes in either order."""
        return fits(dialect, self.segment, self.raw[-CRC_BYTES:])

    def __repr__(self) -> str:
        return f"Frame({masked(self.raw)!r}, dialect={self.dialect!r})"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A refused piece: its first 512 bytes, its full `size` in bytes, the dialect its CRC would fit, if any, and the
    `offset` of its first byte in the stream."""

    reason: Reason
    piece: bytes = field(repr=False)
    detail: str
    size: int = 0
    dialect: Dialect | None = None
    offset: int = 0

    @property
    def shown(self) -> bytes:
        """The piece without its password, for logs and events."""
        return masked(self.piece)


class Splitter:
    """Feeds on bytes as they come; never holds more than one frame of `max_segment` and one chunk.

    `allowed`: CRC dialects taken as right. `max_segment`: bytes; the standard says 1024, 1045 and 1703 are met.
    `length_plus_six`: also take frames whose length field counts CRC and CRLF.
    """

    def __init__(
        self,
        allowed: Iterable[Dialect] = ("hj212",),
        max_segment: int = MAX_SEGMENT,
        length_plus_six: bool = False,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._max_segment = max_segment
        self._length_plus_six = length_plus_six
        self._buffer = b""
        self._at = 0
        self._passed = 0
        self._waste = Waste(max_segment + HEADER_BYTES + CRC_BYTES)

    def feed(self, data: bytes) -> list[Frame | Rejected]:
        """What the stream has shown with these bytes, in its order."""
        self._buffer = self._buffer + data if self._buffer else bytes(data)
        found: list[Frame | Rejected] = []
        while self._advance(found):
            pass
        self._buffer = self._buffer[self._at :]
        self._passed += self._at
        self._at = 0
        return found

    def finish(self) -> list[Frame | Rejected]:
        """The end of the stream: what is left is truncated. Ready for a new stream afterwards."""
        found: list[Frame | Rejected] = []
        while self._advance(found) or self._give_up(found):
            pass
        self._spill(len(self._buffer), found)
        found += self._waste.flush()
        self._buffer = b""
        self._at = self._passed = 0
        return found

    def _advance(self, found: list[Frame | Rejected]) -> bool:
        """One step along the buffer; False when it needs more bytes."""
        buffer = self._buffer
        start = buffer.find(MARK, self._at)
        if start < 0:
            self._spill(len(buffer) - buffer.endswith(b"#"), found)
            return False
        if start > self._at:
            self._spill(start, found)
        if buffer.startswith(b"###", start) and (run := _MARKS.match(buffer, start)):
            # Only the last two can open a frame: of "###0101" the first mark goes.
            self._spill(run.end() - len(MARK), found)
            return True
        found += self._waste.flush()
        if len(buffer) < start + HEADER_BYTES:
            return False
        length = buffer[start + 2 : start + HEADER_BYTES]
        if not length.isdigit():
            return self._skip(start, Reason.LENGTH, "the length is not four digits")
        if int(length) > self._max_segment + LENGTH_EXCESS * self._length_plus_six:
            return self._skip(start, Reason.TOO_LONG, f"{int(length)} bytes, at most {self._max_segment}")
        return self._read(start, int(length), found)

    def _skip(self, start: int, reason: Reason, detail: str) -> bool:
        self._waste.open(MARK, reason, detail, self._passed + start)
        self._at = start + len(MARK)
        return True

    def _read(self, start: int, length: int, found: list[Frame | Rejected]) -> bool:
        frame = self._frame(start, length)
        if frame is None and self._length_plus_six and length >= LENGTH_EXCESS:
            frame = self._frame(start, length - LENGTH_EXCESS, plus_six=True)
        if frame is not None:
            found.append(frame)
            end = start + len(frame.raw)
            self._at = end + 2 * self._buffer.startswith(b"\r\n", end)
            return True
        end = start + HEADER_BYTES + length + CRC_BYTES
        if len(self._buffer) >= end:
            return self._refuse(start, end, found)
        following = _NEXT_FRAME.search(self._buffer, start + 1)
        return following is not None and self._cut(start, following.start(), found)

    def _frame(self, start: int, length: int, plus_six: bool = False) -> Frame | None:
        body, end = start + HEADER_BYTES, start + HEADER_BYTES + length
        if len(self._buffer) < end + CRC_BYTES:
            return None
        segment = self._buffer[body:end]
        dialect = dialect_of(segment, self._buffer[end : end + CRC_BYTES], self._allowed)
        if dialect is None or (MARK in segment and _NEXT_FRAME.search(segment)):
            return None
        raw = self._buffer[start : end + CRC_BYTES]
        return Frame(segment, dialect, raw, plus_six, self._passed + start)

    def _refuse(self, start: int, end: int, found: list[Frame | Rejected]) -> bool:
        # A mark at the end may open the next frame, when this one was cut inside its CRC.
        end = start + len(self._buffer[start:end].rstrip(b"#"))
        inner = self._buffer.find(MARK, start + 1, end)
        if inner > 0:
            return self._cut(start, inner, found)
        self._waste.open(self._buffer[start:end], Reason.CRC, "the CRC does not fit", self._passed + start)
        self._at = end
        return True

    def _cut(self, start: int, end: int, found: list[Frame | Rejected]) -> bool:
        self._truncate(start, end, "the next frame begins inside this one")
        found += self._waste.flush()
        self._at = end
        return True

    def _truncate(self, start: int, end: int, detail: str) -> None:
        self._waste.open(self._buffer[start:end], Reason.TRUNCATED, detail, self._passed + start)

    def _give_up(self, found: list[Frame | Rejected]) -> bool:
        start = self._buffer.find(MARK, self._at)
        if start < 0:
            return False
        inner = self._buffer.find(MARK, start + 1)
        end = inner if inner > 0 else len(self._buffer)
        self._truncate(start, end, "the stream ends inside the frame")
        found += self._waste.flush()
        self._at = end
        return True

    def _spill(self, end: int, found: list[Frame | Rejected]) -> None:
        """Bytes that belong to no frame, a line at a time."""
        while self._at < end:
            line_end = self._buffer.find(b"\n", self._at, end)
            stop = end if line_end < 0 else line_end + 1
            self._waste.add(self._buffer[self._at : stop], self._passed + self._at)
            if line_end >= 0 or self._waste.full:
                found += self._waste.flush()
            self._at = stop


class Waste:
    """The refused bytes that lie together, with the reason of the first of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._clear()

    def _clear(self) -> None:
        self._kept = bytearray()
        self._size = self._offset = 0
        self._reason = Reason.GARBAGE
        self._detail = "bytes outside a frame"

    @property
    def full(self) -> bool:
        return self._size >= self._limit

    def open(self, piece: bytes, reason: Reason, detail: str, offset: int) -> None:
        if not self._size:
            self._reason, self._detail = reason, detail
        self.add(piece, offset)

    def add(self, piece: bytes, offset: int) -> None:
        if not self._size:
            self._offset = offset
        self._size += len(piece)
        self._kept += piece[: self._limit - len(self._kept)]

    def flush(self) -> list[Rejected]:
        if not self._size:
            return []
        kept, size, reason, detail = bytes(self._kept).rstrip(_BLANK), self._size, self._reason, self._detail
        offset = self._offset
        self._clear()
        return [diagnosed(kept, size, reason, detail, offset)] if kept else []


def diagnosed(piece: bytes, size: int, reason: Reason, detail: str, offset: int) -> Rejected:
    """Tells a wrong length from a wrong CRC: of a whole frame, the CRC fits the bytes that are really there."""
    dialect: Dialect | None = None
    if reason in (Reason.CRC, Reason.TRUNCATED) and len(piece) >= HEADER_BYTES + CRC_BYTES:
        segment, written = piece[HEADER_BYTES:-CRC_BYTES], piece[-CRC_BYTES:]
        declared = int(piece[2:HEADER_BYTES]) if piece[2:HEADER_BYTES].isdigit() else -1
        dialect = dialect_of(segment, written)
        if dialect is not None and len(segment) != declared:
            reason, detail = Reason.LENGTH, f"the length says {declared}, the segment has {len(segment)}"
        elif len(segment) == declared and WRITTEN.fullmatch(written):
            reason, detail = Reason.CRC, f"the CRC is {written.decode()}, {CHECKS['hj212'](segment):04X} expected"
    return Rejected(reason, piece[:PIECE_LIMIT], detail, size, dialect, offset)
