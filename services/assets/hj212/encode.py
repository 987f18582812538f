"""Writes HJ 212 frames: uploads of a station (2011, 2031, 2051, 2061) and the centre's answer 9014.

HJ 212-2017 clause 6.3 (frame), C.16-C.18 (uploads), C.49-C.50 (split: whole items, head and DataTime repeated, a QN of
its own for each packet). The 2005 form leaves out QN and a Flag of 0. The CRC is in upper case: one client resends for
ever after a lower-case one (standards.md 1.12).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.assets.hj212.crc import crc16_hj212
from services.assets.hj212.grammar import BARE_SUFFIX
from services.assets.hj212.packet import Packet, Values
from services.assets.hj212.walltime import digits14, digits17

SEGMENT_LIMIT = 1024
ANSWER_FLAG = 4

_SPELLING = {
    "rtd": "Rtd", "min": "Min", "avg": "Avg", "max": "Max", "cou": "Cou", "flag": "Flag", "eflag": "EFlag",
    "zsrtd": "ZsRtd", "zsmin": "ZsMin", "zsavg": "ZsAvg", "zsmax": "ZsMax", "sampletime": "SampleTime",
    "rs": "RS", "rt": "RT", "info": "Info", "sn": "SN",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Upload:
    """What a station has to say: `time` aware, `values` as in `Packet.values`; `cn` such as 2051 for minutes."""

    mn: str
    pw: str
    cn: str
    time: datetime
    values: Values
    st: str = "22"
    edition: Literal[2005, 2017, 2025] = 2017
    needs_ack: bool = True

    def __repr__(self) -> str:
        return f"Upload(mn={self.mn!r}, cn={self.cn!r}, time={self.time}, codes={len(self.values)})"


def framed(segment: bytes) -> bytes:
    """`##`, length, segment, CRC in upper case, CR LF; ValueError above 9999 bytes."""
    if len(segment) > 9999:
        raise ValueError(f"a segment of {len(segment)} bytes")
    return b"##%04d%b%04X\r\n" % (len(segment), segment, crc16_hj212(segment))


def encode(packet: Packet) -> bytes:
    """One frame of head and CP as they stand, whatever its size."""
    return framed(_segment(packet))


def answer_9014(packet: Packet) -> bytes:
    """The answer to an upload: ST=91, the request's QN, PW and MN, Flag=4, empty CP."""
    qn = f"QN={packet.qn};" if packet.qn is not None else ""
    pw = f"PW={packet.pw};" if packet.pw is not None else ""
    return framed(f"{qn}ST=91;CN=9014;{pw}MN={packet.mn};Flag={ANSWER_FLAG};CP=&&&&".encode())


def upload_frames(upload: Upload, sent: datetime) -> list[bytes]:
    """The frames of an upload: one, or several with PNUM and PNO when the segment would pass 1024 bytes.

    `sent` gives the QN of the first; each next one is a millisecond later. ValueError if one item alone is too long.
    """
    items = tuple(_item(code, fields) for code, fields in upload.values.items())
    whole = _packet(upload, sent, items)
    if len(_segment(whole)) <= SEGMENT_LIMIT:
        return [encode(whole)]
    groups = list(_groups(_packet(upload, sent, (), pnum=9999, pno=9999), items))
    return [
        encode(_packet(upload, sent + timedelta(milliseconds=number - 1), group, pnum=len(groups), pno=number))
        for number, group in enumerate(groups, start=1)
    ]


def _packet(
    upload: Upload, sent: datetime, items: tuple[str, ...], pnum: int | None = None, pno: int | None = None
) -> Packet:
    version = {2005: 0, 2017: 1, 2025: 2}[upload.edition]
    flag = version << 2 | (pnum is not None) << 1 | upload.needs_ack
    return Packet(
        st=upload.st,
        cn=upload.cn,
        mn=upload.mn,
        qn=None if upload.edition == 2005 else digits17(sent),
        pw=upload.pw,
        flag=flag or None,
        pnum=pnum,
        pno=pno,
        cp=";".join((f"DataTime={digits14(upload.time)}", *items)),
    )


def _groups(empty: Packet, items: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    room = SEGMENT_LIMIT - len(_segment(empty))
    group: list[str] = []
    left = room
    for item in items:
        need = len(item.encode()) + 1
        if need > room:
            raise ValueError(f"item {item.partition('=')[0]} does not fit into a packet")
        if need > left:
            yield tuple(group)
            group, left = [], room
        group.append(item)
        left -= need
    yield tuple(group)


def _item(code: str, fields: Mapping[str, str]) -> str:
    return ",".join(f"{_key(code, suffix)}={text}" for suffix, text in fields.items())


def _key(code: str, suffix: str) -> str:
    return code if suffix == BARE_SUFFIX else f"{code}-{_SPELLING.get(suffix, suffix)}"


def _segment(packet: Packet) -> bytes:
    head = (
        ("QN", packet.qn),
        ("ST", packet.st),
        ("CN", packet.cn),
        ("PW", packet.pw),
        ("MN", packet.mn),
        ("Flag", packet.flag),
        ("PNUM", packet.pnum),
        ("PNO", packet.pno),
    )
    fields = "".join(f"{name}={value};" for name, value in head if value is not None)
    return f"{fields}CP=&&{packet.cp}&&".encode()
