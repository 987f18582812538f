"""HJ 212 codec: bytes of a logger to packets and back. Pure; knows no station, no range and no clock.

    splitter = Splitter()
    for piece in splitter.feed(chunk):                                  # Frame | Rejected
        packet = packet_of(piece) if isinstance(piece, Frame) else piece  # Packet | Rejected

What a `Packet` from `packet_of` guarantees: its length field, its CRC and the grammar of `grammar.py` hold, so one
changed, lost or added byte, a cut frame or two frames run together never give a wrong one. What it does not: the CRC
has 256 states, so damage of several bytes passes it once in 256, and two equal changes eight bytes apart always. The
grammar refuses most of that, but not digits that became digits (figures: `tests/assets/test_hj212_damage.py`).
The rest is for
the gateway: known MN, right PW, known codes, ranges, a plausible time, and a quarantine when one (station, kind, time)
comes twice with different values.
"""

from services.assets.hj212.crc import (
    DIALECTS,
    Dialect,
    crc16_byteswapped,
    crc16_hj212,
    crc16_modbus,
)
from services.assets.hj212.decoded import decode_stream
from services.assets.hj212.encode import Upload, answer_9014, encode, framed, upload_frames
from services.assets.hj212.frame import MAX_SEGMENT, Frame, Reason, Rejected, Splitter
from services.assets.hj212.grammar import Malformed
from services.assets.hj212.packet import Item, Packet, Values, packet_of, parse, sender_of
from services.assets.hj212.secret import masked
from services.assets.hj212.standard import Plain, fields_in

__all__ = [
    "DIALECTS",
    "MAX_SEGMENT",
    "Dialect",
    "Frame",
    "Item",
    "Malformed",
    "Packet",
    "Plain",
    "Reason",
    "Rejected",
    "Splitter",
    "Upload",
    "Values",
    "answer_9014",
    "crc16_byteswapped",
    "crc16_hj212",
    "crc16_modbus",
    "decode_stream",
    "encode",
    "fields_in",
    "framed",
    "masked",
    "packet_of",
    "parse",
    "sender_of",
    "upload_frames",
]
