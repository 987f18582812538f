"""Puts split packets together again (HJ 212-2017 C.49-C.50; standards.md 1.6 and 1.12).

The parts of one upload share (MN, CN, DataTime, PNUM); the QN says nothing, some give one to all parts. A part without
DataTime joins the newest upload of its station and command that still lacks its number, and never begins one.
"""

import re
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime

from services.assets.hj212.packet import Packet

OPEN_LIMIT = 256
PARTS_LIMIT = 99

_DATA_TIME = re.compile(r"^\s*DataTime=[0-9]*[;,]?")

Key = tuple[str, str, datetime | None, int]


class Joiner:
    """Holds at most `limit` unfinished uploads; the oldest gives way. `dropped` counts the parts lost that way."""

    def __init__(self, limit: int = OPEN_LIMIT) -> None:
        self._limit = limit
        self._open: OrderedDict[Key, dict[int, Packet]] = OrderedDict()
        self.dropped = 0

    def add(self, packet: Packet) -> Packet | None:
        """The whole packet once its last part is there; at once if it is not split; None while parts are missing."""
        if packet.pnum is None or packet.pno is None or packet.pnum <= 1:
            return packet
        key = self._key(packet, packet.pnum)
        if key is None or packet.pnum > PARTS_LIMIT or not 1 <= packet.pno <= packet.pnum:
            self.dropped += 1
            return None
        parts = self._open.setdefault(key, {})
        parts.setdefault(packet.pno, packet)
        if len(parts) < packet.pnum:
            self._make_room()
            return None
        return joined(tuple(part for _, part in sorted(self._open.pop(key).items())))

    def _key(self, packet: Packet, pnum: int) -> Key | None:
        if packet.data_time is not None:
            return packet.mn, packet.cn, packet.data_time, pnum
        for key, parts in reversed(self._open.items()):
            if (key[0], key[1], key[3]) == (packet.mn, packet.cn, pnum):
                return key if packet.pno not in parts else None
        return None

    def _make_room(self) -> None:
        while len(self._open) > self._limit:
            _, parts = self._open.popitem(last=False)
            self.dropped += len(parts)


def joined(parts: tuple[Packet, ...]) -> Packet:
    """One packet of the parts in order: head and time of the first, all of CP, no PNUM and PNO.

    A value that stands in two parts keeps the text of the earlier one; an honest split repeats nothing but DataTime.
    """
    values: dict[str, dict[str, str]] = {}
    for part in parts:
        for code, fields in part.values.items():
            values[code] = {**fields, **values.get(code, {})}
    cp = ";".join(_DATA_TIME.sub("", part.cp) if number else part.cp for number, part in enumerate(parts))
    return replace(parts[0], pnum=None, pno=None, cp=cp, values=values)
