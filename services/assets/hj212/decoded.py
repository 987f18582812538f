"""A stream of bytes as plain dictionaries, for `watchbill hj212 decode` and for notebooks."""

from collections.abc import Iterable, Iterator
from typing import Any

from services.assets.hj212.crc import DIALECTS
from services.assets.hj212.frame import Frame, Reason, Rejected, Splitter
from services.assets.hj212.packet import Packet, packet_of

# A line copied out of a source file or a JSON text ends with these four characters instead of CR LF.
_WRITTEN_LINE_END = rb"\r\n"


def decode_stream(data: Iterable[bytes], strict: bool = True) -> Iterator[dict[str, Any]]:
    """One JSON-able dictionary for each frame or refused piece, in the order of the stream; only blanks are dropped.

    Keys: `ok`; `error` (null, or a `Reason`: garbage, length, crc, truncated, too_long, syntax, encrypted); `detail`;
    `mn`, `st`, `cn`, `qn`; `flag` (int); `time` (ISO 8601, +08:00, of DataTime); `values`
    (`{code: {suffix in lower case: text as written}}`); `dialect`; `offset` of the piece in the stream, in bytes. What
    is not known is null, `values` then empty.

    All three CRC dialects are read, but only "hj212" is `ok`: the gateway refuses the others unless the station has
    the option, so a MODBUS or byte-swapped frame has `ok` false, error "crc", its dialect named and its fields shown.
    A frame may end with CR LF, LF, nothing, or the four written characters `\\r\\n`.
    """
    splitter = Splitter(allowed=DIALECTS)
    for chunk in data:
        yield from _shown(splitter.feed(chunk), strict)
    yield from _shown(splitter.finish(), strict)


def _shown(found: list[Frame | Rejected], strict: bool) -> Iterator[dict[str, Any]]:
    for piece in found:
        if isinstance(piece, Rejected):
            if piece.piece != _WRITTEN_LINE_END:
                yield _refused(piece)
        else:
            packet = packet_of(piece, strict)
            yield _refused(packet) if isinstance(packet, Rejected) else _read(piece, packet)


def _refused(piece: Rejected) -> dict[str, Any]:
    blank = dict.fromkeys(("mn", "st", "cn", "qn", "flag", "time"))
    return {
        "ok": False,
        "error": piece.reason.value,
        "detail": piece.detail,
        **blank,
        "values": {},
        "dialect": piece.dialect,
        "offset": piece.offset,
    }


def _read(frame: Frame, packet: Packet) -> dict[str, Any]:
    ok = frame.dialect == "hj212"
    return {
        "ok": ok,
        "error": None if ok else Reason.CRC.value,
        "detail": None if ok else f"the CRC is of the dialect {frame.dialect}",
        "mn": packet.mn,
        "st": packet.st,
        "cn": packet.cn,
        "qn": packet.qn,
        "flag": packet.flag,
        "time": None if packet.data_time is None else packet.data_time.isoformat(),
        "values": {code: dict(fields) for code, fields in packet.values.items()},
        "dialect": frame.dialect,
        "offset": frame.offset,
    }
