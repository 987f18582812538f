"""What assets says of what it was sent: readings, parts of readings, rejections, and their ids. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from contracts import masks
from contracts.events.assets import ReadingPartReceivedV1, ReadingReceivedV1, ReadingRejectedV1, RejectionReason
from contracts.events.event import Event
from contracts.events.measured import Measured
from contracts.ids import id_of
from services.assets.hj212 import masked
from services.assets.register import Known
from services.assets.sent import Sent
from services.assets.uploads import LASTS

_IDS = uuid.UUID("0d9d4a0a-50c4-4b0c-8f3a-3d5f1f6e7a10")


class Taken(Struct, frozen=True):
    """One frame's or post's worth: at most one reading, and what was refused of it. `ids` run along with `events`."""

    events: tuple[Event, ...]
    ids: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """For counting: `taken`, `empty`, or the reason of the first refusal."""
        if not self.events:
            return "empty"
        first = self.events[0]
        return first.reason if isinstance(first, ReadingRejectedV1) else "taken"

    @property
    def refused(self) -> tuple[ReadingRejectedV1, ...]:
        """What was not taken of it."""
        return tuple([event for event in self.events if isinstance(event, ReadingRejectedV1)])


def reading_id(site: str, kind: str, time: datetime) -> str:
    """The natural key of a reading."""
    at = time.astimezone(UTC)
    clock = at.year, at.month, at.day, at.hour, at.minute, at.second
    return f"{site}/{kind}/" + "%04d%02d%02dT%02d%02d%02dZ" % clock  # noqa: UP031 - in half the time of an f-string


def _ends(sent: Sent, known: Known) -> datetime:
    return sent.time + LASTS.get(sent.kind, known.minute)


def reading_of(
    sent: Sent, known: Known, values: dict[str, Measured], received_at: datetime, released_from: str | None
) -> ReadingReceivedV1:
    """The reading that a known logger's good values are."""
    return ReadingReceivedV1.made({
        "at": _ends(sent, known), "reading": reading_id(known.site, sent.kind, sent.time), "site": known.site,
        "kind": sent.kind, "time": sent.time, "values": values, "received_at": received_at, "digest": sent.digest,
        "channel": "release" if released_from else sent.channel, "released_from": released_from,
    })  # fmt: skip


def part_of(sent: Sent, known: Known, values: dict[str, Measured], received_at: datetime) -> ReadingPartReceivedV1:
    """A part counts even when all of its values were refused: the others wait for it."""
    return ReadingPartReceivedV1.made({
        "at": received_at, "reading": reading_id(known.site, sent.kind, sent.time), "site": known.site,
        "kind": sent.kind, "time": sent.time, "part": sent.part, "parts": sent.parts, "values": values,
        "received_at": received_at, "digest": sent.digest,
    })  # fmt: skip


def rejection_of(
    known: Known, sent: Sent, at: datetime, reason: RejectionReason, detail: str, code: str | None = None,
    values: dict[str, Measured] | None = None,
) -> ReadingRejectedV1:  # fmt: skip
    """What was refused of a known logger's frame: one value (`code`), or the whole."""
    name = f"{reading_id(known.site, sent.kind, sent.time)}/{reason}/{code or 'all'}/{sent.digest}"
    return ReadingRejectedV1(
        at=at, rejection=id_of(_IDS, name), reason=reason, detail=detail, site=known.site, mn=known.mn,
        code=code, time=sent.time, kind=sent.kind, values=values or {}, piece=_shown(sent.raw), received_at=at,
        channel=sent.channel,
    )  # fmt: skip


def refusal(
    reason: RejectionReason, detail: str, raw: bytes, at: datetime, mn: str | None = None, once: bool = False,
    offset: int = 0,
) -> Taken:  # fmt: skip
    """A piece of the stream that became no reading of a known logger. `offset`: where in its stream it begins: pieces
    that came together have one time. `once`: the same again is the same refusal."""
    piece = _shown(raw) if mn else masks.masked(_shown(raw))  # a stranger may say anything
    name = f"{reason}/{mn}/{piece}" + ("" if once else f"/{at.isoformat()}/{offset}")
    rejection = ReadingRejectedV1(
        at=at, rejection=id_of(_IDS, name), reason=reason, detail=detail, mn=mn, piece=piece, received_at=at
    )
    return taken_of([rejection])


def _shown(raw: bytes) -> str:
    """At most 2,000 characters, the password masked."""
    return masked(raw).decode(errors="replace")[:2000]


def taken_of(events: Iterable[Event]) -> Taken:
    """These events with their ids."""
    listed = tuple(events)
    return Taken(listed, tuple([_event_id(event) for event in listed]))


def _event_id(event: Event) -> str:
    """The same reading has the same event id however often it is sent: hearers drop the repeats."""
    if isinstance(event, ReadingReceivedV1):
        return id_of(_IDS, f"{event.reading}|{event.channel}|{event.digest}")
    if isinstance(event, ReadingPartReceivedV1):
        return id_of(_IDS, f"{event.reading}|{event.part}/{event.parts}|{event.digest}")
    assert isinstance(event, ReadingRejectedV1)
    return event.rejection
