"""Sites for the simulator's tests, and what the gateway's codec makes of the bytes of their loggers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import structs

from contracts.agreements.entry import Source
from contracts.agreements.sites import Asset, Logger, Measure, Site
from contracts.values import Words
from infra.local.simulator.station import Sent
from services.assets.hj212 import DIALECTS, Frame, Packet, Splitter, packet_of

PASSWORD = "secret"
MIDNIGHT = datetime(2026, 4, 1, 16, tzinfo=UTC)
"""The second of April begins in Wuhan."""
GASES = ("a21026", "a21004", "a05024")
ROOM = ("i33101", "i33103")
SOURCE = Source(row="W1", clause="test")


def at(hours: float) -> datetime:
    """So many hours after midnight."""
    return MIDNIGHT + timedelta(hours=hours)


def measure(code: str, **more: Any) -> Measure:
    return Measure(code=code, unit="1", low=Decimal(-10), high=Decimal(1000), **more)


def site(
    codes: Iterable[str] = GASES, room: Iterable[str] = ROOM, aliases: dict[str, str] | None = None, **logger: Any
) -> Site:
    names = {code: (name,) for code, name in (aliases or {}).items()}
    measures = tuple(measure(code, aliases=names.get(code, ())) for code in codes)
    title = Words(zh="站", en="station")
    return Site(
        id="hill",
        title=title,
        source=SOURCE,
        kind="air-station",
        since=date(2018, 1, 1),
        logger=Logger(mn="4201A0D41B7C3E5F90620001", **logger),
        room=tuple(measure(code) for code in room),
        assets=(Asset(id="hill.analyser", title=title, source=SOURCE, kind="analyser", measures=measures),),
    )


def uploads(sent: Iterable[Sent]) -> list[Packet]:
    """The whole uploads in these bytes, joined where they were split; what is broken is left out."""
    splitter = Splitter(allowed=DIALECTS)
    pieces = [piece for one in sent for piece in splitter.feed(one.data)]
    packets = [packet_of(piece) for piece in pieces if isinstance(piece, Frame)]
    return list(whole(packet for packet in packets if isinstance(packet, Packet)))


def whole(packets: Iterable[Packet]) -> Iterator[Packet]:
    """Each upload once its last part is here, with the values of all of its parts."""
    parts: dict[tuple[str, datetime | None], list[Packet]] = defaultdict(list)
    for packet in packets:
        together = parts[packet.cn, packet.data_time]
        together.append(packet)
        if len(together) == (packet.pnum or 1):
            values = {code: fields for part in together for code, fields in part.values.items()}
            yield structs.replace(together[0], plain=(), free=values)
            together.clear()


def of(cn: str, packets: Iterable[Packet]) -> dict[datetime, Packet]:
    """The uploads of one command by the start of their period (UTC)."""
    return {packet.data_time.astimezone(UTC): packet for packet in packets if packet.cn == cn and packet.data_time}
