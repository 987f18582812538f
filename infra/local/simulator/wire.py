"""Writes HJ 212 frames and reads the answers to them, for simulated loggers.

Written from the standard alone and apart from the gateway's codec, on purpose: in a demonstration, and in the tests,
two independent implementations meet on the wire. HJ 212-2017 clause 6.3 (frame), Annex A (CRC), C.16-C.18 (uploads),
C.49-C.50 (split packets).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from struct import unpack_from
from typing import NamedTuple

from contracts.agreements.sites import CrcDialect

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
AIR_QUALITY = "22"
LONGEST_SEGMENT = 1024
VERSIONS = {"2005": 0, "2017": 1, "2025": 2}

_ANSWER = re.compile(rb"(?:QN=(\d+);)?ST=\d\d;CN=9014;")


def _shifted(register: int) -> int:
    for _ in range(8):
        register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return register


_SHIFTED = tuple(_shifted(register) for register in range(256))
_HIGH = bytes(register >> 8 for register in _SHIFTED)
# Two steps at once: what the high byte is after the two bytes of a little-endian word, XORed with the high byte before.
_TWICE = bytes(_HIGH[_HIGH[low] ^ high] for high in range(256) for low in range(256))


def crc16(segment: bytes) -> int:
    """Annex A: the high byte of the register and the next byte, XORed, then shifted eight times.

    The low byte takes no part in the next step, so only the high one is carried along. `b"123456789"` gives 0x2F80.
    """
    if not segment:
        return 0xFFFF
    steps, words = _TWICE, len(segment) - 1 >> 1
    high = 0xFF
    for word in unpack_from(f"<{words}H", segment):
        high = steps[high ^ word]
    for byte in segment[2 * words : -1]:
        high = _HIGH[high ^ byte]
    return _SHIFTED[high ^ segment[-1]]


def modbus16(segment: bytes) -> int:
    """CRC-16/MODBUS, as several loggers write it; `b"123456789"` gives 0x4B37."""
    register = 0xFFFF
    for byte in segment:
        register = (register >> 8) ^ _SHIFTED[(register ^ byte) & 0xFF]
    return register


def swapped16(segment: bytes) -> int:
    """The CRC of Annex A with its bytes exchanged."""
    register = crc16(segment)
    return (register >> 8) | (register & 0xFF) << 8


_CHECKS = {"hj212": crc16, "modbus": modbus16, "byteswapped": swapped16}


class Page(NamedTuple):
    """One frame, and the QN its answer will name; empty where the frame has none (2005)."""

    data: bytes
    qn: str = ""


@dataclass(frozen=True, slots=True)
class Pen:
    """How one logger writes. `edition` 2005 has no QN, and its Flag no version."""

    mn: str
    password: str = field(repr=False)
    edition: str = "2017"
    crc: CrcDialect = "hj212"

    def upload(self, cn: str, sent: datetime, period: datetime, items: Sequence[str]) -> list[Page]:
        """The frames that ask for an answer: one, or several of whole items when one would pass 1024 bytes.

        `sent` makes the QN, a millisecond more for each further frame; `period`: the start of the values' period.
        """
        body = f"DataTime={digits14(period)}"
        whole = self._segment(cn, sent, ";".join((body, *items)))
        if len(whole) <= LONGEST_SEGMENT:
            return [self._page(whole, sent)]
        room = LONGEST_SEGMENT - len(self._segment(cn, sent, body, "PNUM=99;PNO=99;"))
        groups = list(_groups(items, room))
        pages = []
        for count, group in enumerate(groups):
            moment = sent + timedelta(milliseconds=count)
            split = f"PNUM={len(groups)};PNO={count + 1};"
            pages.append(self._page(self._segment(cn, moment, ";".join((body, *group)), split), moment))
        return pages

    def framed(self, segment: bytes) -> bytes:
        """Mark, length, segment, CRC, line end."""
        return b"##%04d%b%04X\r\n" % (len(segment), segment, _CHECKS[self.crc](segment))

    def _page(self, segment: bytes, sent: datetime) -> Page:
        return Page(self.framed(segment), digits17(sent) if self._has_qn else "")

    def _segment(self, cn: str, sent: datetime, body: str, split: str = "") -> bytes:
        flag = VERSIONS[self.edition] << 2 | (2 if split else 0) | 1
        qn = f"QN={digits17(sent)};" if self._has_qn else ""
        head = f"{qn}ST={AIR_QUALITY};CN={cn};PW={self.password};MN={self.mn};Flag={flag};{split}"
        return f"{head}CP=&&{body}&&".encode()

    @property
    def _has_qn(self) -> bool:
        return self.edition != "2005"


def _groups(items: Sequence[str], room: int) -> Iterator[list[str]]:
    group: list[str] = []
    left = room
    for item in items:
        if group and len(item) + 1 > left:
            yield group
            group, left = [], room
        group.append(item)
        left -= len(item) + 1
    yield group


def digits14(moment: datetime) -> str:
    """`YYYYMMDDhhmmss`, Beijing time."""
    return digits17(moment)[:14]


@lru_cache(maxsize=4096)
def digits17(moment: datetime) -> str:
    """`YYYYMMDDhhmmsszzz`, Beijing time."""
    text = moment.astimezone(SHANGHAI).isoformat(timespec="milliseconds")
    return f"{text[:4]}{text[5:7]}{text[8:10]}{text[11:13]}{text[14:16]}{text[17:19]}{text[20:23]}"


class Answers:
    """Finds the data answers (9014) in what the centre sends, whatever else it sends."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[str]:
        """The QN of each answer that is whole and right, in order; empty for an answer without one."""
        self._buffer += data
        found: list[str] = []
        while (segment := self._next()) is not None:
            answer = _ANSWER.match(segment)
            if answer:
                found.append((answer[1] or b"").decode())
        return found

    def _next(self) -> bytes | None:
        """The next segment, empty where the bytes are no frame; None: more bytes are needed."""
        start = self._buffer.find(b"##")
        if start < 0 or len(self._buffer) < start + 6:
            return None
        length = self._buffer[start + 2 : start + 6]
        end = start + 6 + (int(length) if length.isdigit() else 0)
        if len(self._buffer) < end + 4:
            return None
        segment, written = self._buffer[start + 6 : end], self._buffer[end : end + 4]
        right = length.isdigit() and written == b"%04X" % crc16(segment)
        self._buffer = self._buffer[end + 4 if right else start + 2 :]
        return segment if right else b""
