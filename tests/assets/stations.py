"""Loggers and frames for the tests of assets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from contracts.agreements.folder import read_agreement
from services.assets.hj212 import DIALECTS, Dialect, Frame, Splitter
from services.assets.hj212.crc import CHECKS
from services.assets.register import Known, Register, loggers_of

AGREEMENT = read_agreement(Path(__file__).parents[2] / "contracts" / "agreements" / "wuhan-air")
ZONE = ZoneInfo(AGREEMENT.calendar.timezone)
KNOWN = next(known for known in loggers_of([AGREEMENT]) if known.site == "caidian-suo-river")


class Held:
    """A register in memory."""

    def __init__(self, *known: Known) -> None:
        self._known: Mapping[str, Known] = {one.mn: one for one in known}

    async def by_mn(self, mn: str) -> Known | None:
        return self._known.get(mn)


def held(*known: Known) -> Register:
    """The register of these loggers."""
    return cast(Register, Held(*known))


def written(segment: str, dialect: Dialect = "hj212") -> bytes:
    """The bytes of a frame with a CRC of this dialect."""
    data = segment.encode()
    return b"##%04d%b%04X\r\n" % (len(data), data, CHECKS[dialect](data))


def frame(segment: str, dialect: Dialect = "hj212") -> Frame:
    """The same as it is read: all dialects are allowed, as in the gateway."""
    (found,) = Splitter(allowed=DIALECTS).feed(written(segment, dialect))
    assert isinstance(found, Frame)
    return found


def segment(cp: str, *, mn: str = KNOWN.mn, pw: str = "123456", qn: str = "20260408095600001", flag: str = "5") -> str:
    """A data segment of one-minute values."""
    return f"QN={qn};ST=22;CN=2051;PW={pw};MN={mn};Flag={flag};CP=&&{cp}&&"
