"""CRC of HJ 212-2017 Annex A, and the two wrong ones met in the field (MODBUS, bytes swapped).

The register of Annex A passes only its high byte on, and that step is linear: `high = H(high ^ byte)`, where H is a
permutation of 256 states with H applied eight times = identity. The high byte is therefore the XOR of eight
independent lanes (bytes 0, 8, 16 ... from the end; 1, 9, 17 ...), each sent through its own power of H. So the whole
segment is folded to one 64-bit word by XOR of big integers, with no loop over bytes.

The same algebra says what the check is worth (see `test_hj212_crc.py`): every change of one byte is found; two changes
by the same bits at a distance of eight bytes never are; a random change passes once in 256.
"""

import re
from collections.abc import Iterable
from typing import Literal

Dialect = Literal["hj212", "modbus", "byteswapped"]

DIALECTS: tuple[Dialect, ...] = ("hj212", "modbus", "byteswapped")

POLYNOMIAL = 0xA001
START = 0xFFFF
WORD_BITS = 64
_FOLDS = 12
"""Folds that are kept: for 32 KiB, more than any frame; each further mask would be as long as all before it."""


def _step(index: int) -> int:
    for _ in range(8):
        index = (index >> 1) ^ POLYNOMIAL if index & 1 else index >> 1
    return index


TABLE = tuple(_step(index) for index in range(256))
HIGH = bytes(entry >> 8 for entry in TABLE)


def _powers() -> tuple[bytes, ...]:
    powers = [bytes(range(256))]
    for _ in range(8):
        powers.append(powers[-1].translate(HIGH))
    return tuple(powers)


_POWERS = _powers()
_P1, _P2, _P3, _P4, _P5, _P6, _P7 = _POWERS[1:8]
_SEED = tuple(power[START >> 8] for power in _POWERS[:8])
_REGISTER = tuple(TABLE[HIGH.index(high)] for high in range(256))


def _folding(folds: int) -> tuple[tuple[int, int], ...]:
    """Shift and mask of so many folds, the longest first: the upper half on the lower one, down to one word."""
    shifts = (WORD_BITS << fold for fold in reversed(range(folds)))
    return tuple((shift, (1 << shift) - 1) for shift in shifts)


_FOLDINGS = tuple(map(_folding, range(_FOLDS + 1)))


def crc16_hj212(data: bytes) -> int:
    """HJ 212-2017 Annex A over the data segment (`QN=` to the last `&&`); `b"123456789"` gives 0x2F80."""
    if not data:
        return START
    size = len(data)
    word = int.from_bytes(data, "big")
    folds = (size - 1 >> 3).bit_length()
    for shift, mask in _FOLDINGS[folds] if folds <= _FOLDS else _folding(folds):
        word = (word >> shift) ^ (word & mask)
    b7, b6, b5, b4, b3, b2, b1, b0 = word.to_bytes(8, "big")
    lanes = _P1[b0] ^ _P2[b1] ^ _P3[b2] ^ _P4[b3] ^ _P5[b4] ^ _P6[b5] ^ _P7[b6] ^ b7
    return _REGISTER[lanes ^ _SEED[size & 7]]


def crc16_modbus(data: bytes) -> int:
    """CRC-16/MODBUS, which several loggers send instead; `b"123456789"` gives 0x4B37."""
    register = START
    for byte in data:
        register = (register >> 8) ^ TABLE[(register ^ byte) & 0xFF]
    return register


def crc16_byteswapped(data: bytes) -> int:
    """The HJ 212 CRC with its two bytes exchanged."""
    register = crc16_hj212(data)
    return (register & 0xFF) << 8 | register >> 8


CHECKS = {"hj212": crc16_hj212, "modbus": crc16_modbus, "byteswapped": crc16_byteswapped}

WRITTEN = re.compile(rb"[0-9A-Fa-f]{4}")
"""A CRC as a frame has it, in either case."""


def fits(dialect: Dialect, segment: bytes, written: bytes) -> bool:
    """Whether the four hexadecimal digits `written` are this dialect's CRC of the segment."""
    return WRITTEN.fullmatch(written) is not None and CHECKS[dialect](segment) == int(written, 16)


def dialect_of(segment: bytes, written: bytes, allowed: Iterable[Dialect] = DIALECTS) -> Dialect | None:
    """The first allowed dialect whose CRC of the segment is the four hexadecimal digits `written`, in either case."""
    for one in DIALECTS:
        if one in allowed and fits(one, segment, written):
            return one
    return None
