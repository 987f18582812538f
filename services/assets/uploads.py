"""Uploads: readings that a logger split into packets, put together once all parts are there. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import ClassVar

from msgspec import structs

from contracts.events.assets import ReadingPartReceivedV1, ReadingReceivedV1
from contracts.events.measured import Measured
from contracts.values import Frozen, Moment
from infra.runtime.states import State
from services.assets.hj212 import Packet

LASTS = {"realtime": timedelta(0), "hour": timedelta(hours=1), "day": timedelta(days=1)}


class Part(Frozen):
    """One packet's worth."""

    values: dict[str, Measured]
    digest: str
    received_at: Moment


class Upload(State):
    """The parts of one reading that are here so far; `id` is `reading/parts`, `parts` are by their number."""

    COLLECTION: ClassVar[str] = "uploads"
    parts: dict[str, Part] = {}

    def with_part(self, said: ReadingPartReceivedV1) -> Upload:
        """With one more part; a part that is there already stays as it came first."""
        part = Part(values=said.values, digest=said.digest, received_at=said.received_at)
        return self.model_copy(update={"parts": {str(said.part): part} | self.parts})


def upload_id(said: ReadingPartReceivedV1) -> str:
    """Which upload a part belongs to."""
    return f"{said.reading}/{said.parts}"


def whole_of(upload: Upload, last: ReadingPartReceivedV1, minute: timedelta) -> ReadingReceivedV1 | None:
    """The reading, once no part is missing. `minute`: how long the logger's minute periods are."""
    if len(upload.parts) < last.parts:
        return None
    parts = [upload.parts[number] for number in sorted(upload.parts, key=int)]
    digests = "".join(part.digest for part in parts)
    return ReadingReceivedV1(
        at=last.time + LASTS.get(last.kind, minute),
        reading=last.reading,
        site=last.site,
        kind=last.kind,
        time=last.time,
        values={code: value for part in reversed(parts) for code, value in part.values.items()},
        received_at=max(part.received_at for part in parts),
        digest=hashlib.sha256(digests.encode()).hexdigest(),
    )


class Times:
    """The DataTime of the split upload under way: some loggers write it in the first packet only."""

    def __init__(self) -> None:
        self._last: tuple[str, str, int, datetime] | None = None

    def timed(self, packet: Packet) -> Packet:
        """The packet with its upload's time."""
        if packet.pnum is None or packet.pnum < 2:
            return packet
        if packet.data_time is not None:
            self._last = (packet.mn, packet.cn, packet.pnum, packet.data_time)
        elif self._last and self._last[:3] == (packet.mn, packet.cn, packet.pnum):
            return structs.replace(packet, data_time=self._last[3])
        return packet
