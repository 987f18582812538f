"""What a logger says it measured, before anything of it is checked. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from contracts.events.assets import Channel, ReadingKind, RejectionReason
from contracts.events.measured import Measured
from services.assets.hj212 import Packet, Plain
from services.assets.hj212.secret import Guarded

KINDS: Mapping[str, ReadingKind] = {"2011": "realtime", "2051": "minute", "2061": "hour", "2031": "day"}
"""Command codes that carry readings (HJ 212-2017 table 9)."""


class Sent(Guarded, frozen=True):
    """One frame's or post's worth. Values are as written: `plain` ones, and `values` that must be looked at closely;
    `raw` is the frame, with PW."""

    kind: ReadingKind
    time: datetime
    values: Mapping[str, Mapping[str, str]]
    digest: str
    raw: bytes = b""
    channel: Channel = "hj212"
    part: int = 1
    parts: int = 1
    plain: Sequence[Plain] = ()

    def __repr__(self) -> str:
        return f"Sent({self.kind!r}, {self.time}, codes={len(self.plain) + len(self.values)}, digest={self.digest!r})"


def sent_of(packet: Packet, raw: bytes) -> Sent | RejectionReason:
    """The readings in a packet; the reason where it holds none."""
    kind = KINDS.get(packet.cn)
    if kind is None:
        return "unsupported"
    if packet.data_time is None:
        return "syntax"
    digest = hashlib.sha256(packet.cp.encode()).hexdigest()
    part, parts = packet.pno or 1, packet.pnum or 1
    time = packet.data_time.astimezone(UTC)
    return Sent(kind, time, packet.free, digest, raw, part=part, parts=parts, plain=packet.plain)


def written_of(measured: Measured) -> dict[str, str]:
    """A value as a frame would write it."""
    fields = (("avg", measured.value), ("min", measured.low), ("max", measured.high))
    return {"flag": measured.flag} | {name: str(value) for name, value in fields if value is not None}
