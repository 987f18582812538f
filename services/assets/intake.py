"""Intake: what a packet or a posted reading becomes, good values and quarantined ones apart. Pure."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from contracts.events.assets import (
    Channel,
    Measured,
    ReadingKind,
    ReadingPartReceivedV1,
    ReadingReceivedV1,
    ReadingRejectedV1,
    RejectionReason,
)
from contracts.events.event import Event
from services.assets.hj212 import Packet, masked
from services.assets.register import Known

KINDS: Mapping[str, ReadingKind] = {"2011": "realtime", "2051": "minute", "2061": "hour", "2031": "day"}
"""Command codes that carry readings (HJ 212-2017 table 9)."""
_FLAGS = {
    "0": "C", "1": "N", "2": "D", "3": "N", "P": "F", "BB": "B",
    "PZ": "C", "PS": "C", "AS": "C", "CZ": "C", "CS": "C", "TSL": "C", "PA": "C",
    "PF": "M", "PME": "M", "PT": "M", "PCS": "M",
}  # fmt: skip
"""Marks of the 2005 edition and of vendors, as marks of HJ 212-2017 table 8. An unknown mark stands as it is: not N."""
_IDS = uuid.UUID("0d9d4a0a-50c4-4b0c-8f3a-3d5f1f6e7a10")


@dataclass(frozen=True, slots=True)
class Taken:
    """One frame's or post's worth: at most one reading, and what was refused of it. `ids` run along with `events`."""

    events: tuple[Event, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """What a logger says it measured, before it is checked. `values` are as written; `raw` is its frame, with PW."""

    kind: ReadingKind
    time: datetime
    values: Mapping[str, Mapping[str, str]]
    digest: str
    raw: bytes = field(default=b"", repr=False)
    channel: Channel = "hj212"
    part: int = 1
    parts: int = 1


def sent_of(packet: Packet, raw: bytes) -> Sent | RejectionReason:
    """The readings in a packet; the reason where it holds none."""
    kind = KINDS.get(packet.cn)
    if kind is None:
        return "unsupported"
    if packet.data_time is None:
        return "syntax"
    digest = hashlib.sha256(packet.cp.encode()).hexdigest()
    part, parts = packet.pno or 1, packet.pnum or 1
    return Sent(kind, packet.data_time.astimezone(UTC), packet.values, digest, raw, part=part, parts=parts)


def reading_id(site: str, kind: str, time: datetime) -> str:
    """The natural key of a reading."""
    return f"{site}/{kind}/{time.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def take(
    sent: Sent, known: Known, received_at: datetime, tolerance: timedelta, released_from: str | None = None
) -> Taken:
    """Checks what a known logger sent, value by value.

    A frame from the future or from before the station is refused whole; a code that the register does not know and a
    value outside the instrument's range are refused by themselves. A release by people passes over the range.
    """
    if refused := _refused_whole(sent, known, received_at, tolerance):
        return _taken([_rejection(known, sent, received_at, *refused, values=_readable(sent))])
    good: dict[str, Measured] = {}
    bad: list[ReadingRejectedV1] = []
    for code, fields in sent.values.items():
        judged = _judge(code, fields, known, released_from is not None)
        if isinstance(judged, Refused):
            bad.append(_rejection(known, sent, received_at, judged.reason, judged.detail, code, judged.values))
        else:
            good[known.measures[code].code] = judged
    events: list[Event] = list(bad)
    if sent.parts > 1:
        events.insert(0, _part(sent, known, good, received_at))
    elif good:
        events.insert(0, _reading(sent, known, good, received_at, released_from))
    return _taken(events)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why one value was not taken."""

    reason: RejectionReason
    detail: str
    values: dict[str, Measured] | None = None


def _judge(code: str, fields: Mapping[str, str], known: Known, any_range: bool) -> Measured | Refused:
    measure = known.measures.get(code)
    if measure is None:
        return Refused("unknown_code", f"no {code} at {known.site}")
    try:
        measured = _measured(fields, known.factors.get(measure.code))
    except InvalidOperation:
        return Refused("syntax", f"{code} is not a finite number: {str(dict(fields))[:80]}")
    value = measured.value
    if value is None or any_range or measure.low <= value <= measure.high:
        return measured
    detail = f"{code}: {value} {measure.unit} is outside {measure.low} to {measure.high}"
    return Refused("out_of_range", detail, {measure.code: measured})


def _readable(sent: Sent) -> dict[str, Measured]:
    """The values of a frame that is refused whole, as written."""
    values: dict[str, Measured] = {}
    for code, fields in sent.values.items():
        with suppress(InvalidOperation):
            values[code] = _measured(fields, None)
    return values


def _refused_whole(sent: Sent, known: Known, at: datetime, tolerance: timedelta) -> tuple[RejectionReason, str] | None:
    if sent.time > at + tolerance:
        return "future", f"{sent.time.isoformat()} is later than {at.isoformat()}"
    if sent.time < known.since:
        return "before_station", f"{sent.time.isoformat()} is earlier than the station, {known.since.isoformat()}"
    return None


def _measured(fields: Mapping[str, str], factor: Decimal | None) -> Measured:
    """In the register's unit. Raises InvalidOperation for what is not a finite number."""
    value = fields.get("avg") or fields.get("rtd") or fields.get("value")
    low, high = fields.get("min"), fields.get("max")
    return Measured(
        _number(value, factor) if value else None,
        _number(low, factor) if low else None,
        _number(high, factor) if high else None,
        flag_of(fields.get("flag", "")),
    )


def _number(text: str, factor: Decimal | None) -> Decimal | None:
    if text.isspace():
        return None
    number = Decimal(text)
    if not number.is_finite():
        raise InvalidOperation
    return number if factor is None else number * factor


def flag_of(written: str) -> str:
    """The mark as HJ 212-2017 table 8 has it. No mark counts as normal."""
    if written == "N":
        return written
    mark = written.strip().upper() or "N"
    return _FLAGS.get(mark, mark)


def _ends(sent: Sent, known: Known) -> datetime:
    lasts = {"realtime": timedelta(0), "minute": known.minute, "hour": timedelta(hours=1), "day": timedelta(days=1)}
    return sent.time + lasts[sent.kind]


def _reading(
    sent: Sent, known: Known, values: dict[str, Measured], received_at: datetime, released_from: str | None
) -> ReadingReceivedV1:
    return ReadingReceivedV1.model_construct(
        at=_ends(sent, known), reading=reading_id(known.site, sent.kind, sent.time), site=known.site, kind=sent.kind,
        time=sent.time, values=values, received_at=received_at, channel="release" if released_from else sent.channel,
        digest=sent.digest, released_from=released_from,
    )  # fmt: skip


def _part(sent: Sent, known: Known, values: dict[str, Measured], received_at: datetime) -> ReadingPartReceivedV1:
    """A part counts even when all of its values were refused: the others wait for it."""
    return ReadingPartReceivedV1.model_construct(
        at=received_at, reading=reading_id(known.site, sent.kind, sent.time), site=known.site, kind=sent.kind,
        time=sent.time, part=sent.part, parts=sent.parts, values=values, received_at=received_at, digest=sent.digest,
    )  # fmt: skip


def _rejection(
    known: Known, sent: Sent, at: datetime, reason: RejectionReason, detail: str, code: str | None = None,
    values: dict[str, Measured] | None = None,
) -> ReadingRejectedV1:  # fmt: skip
    name = f"{reading_id(known.site, sent.kind, sent.time)}/{reason}/{code or 'all'}/{sent.digest[:16]}"
    return ReadingRejectedV1(
        at=at, rejection=str(uuid.uuid5(_IDS, name)), reason=reason, detail=detail, site=known.site, mn=known.mn,
        code=code, time=sent.time, kind=sent.kind, values=values or {}, piece=_shown(sent.raw), received_at=at,
        channel=sent.channel,
    )  # fmt: skip


def refusal(reason: RejectionReason, detail: str, raw: bytes, at: datetime, mn: str | None = None) -> Taken:
    """A piece of the stream that became no reading of a known logger."""
    piece = _shown(raw)
    name = f"{reason}/{mn}/{piece}/{at.isoformat()}"
    return _taken(
        [
            ReadingRejectedV1(
                at=at,
                rejection=str(uuid.uuid5(_IDS, name)),
                reason=reason,
                detail=detail,
                mn=mn,
                piece=piece,
                received_at=at,
            )
        ]
    )


def _shown(raw: bytes) -> str:
    """At most 2,000 characters, the password masked."""
    return masked(raw).decode(errors="replace")[:2000]


def _taken(events: Iterable[Event]) -> Taken:
    listed = tuple(events)
    return Taken(listed, tuple(_event_id(event) for event in listed))


def _event_id(event: Event) -> str:
    """The same reading has the same event id however often it is sent: hearers drop the repeats."""
    if isinstance(event, ReadingReceivedV1):
        return str(uuid.uuid5(_IDS, f"{event.reading}|{event.channel}|{event.digest}"))
    if isinstance(event, ReadingPartReceivedV1):
        return str(uuid.uuid5(_IDS, f"{event.reading}|{event.part}/{event.parts}|{event.digest}"))
    assert isinstance(event, ReadingRejectedV1)
    return event.rejection
