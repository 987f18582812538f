"""Letters: events in CloudEvents 1.0 binary mode over Kafka. Opening one never raises: a flaw is carried along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Protocol

from msgspec import Struct
from pydantic import ValidationError

from contracts.events.catalog import EVENTS, owner_of
from contracts.events.event import Event

Headers = tuple[tuple[str, bytes], ...]
Keeps = Callable[[str, Any], Any]
"""Makes what is kept of an event, from its id and itself."""
_NOTHING: Mapping[type[Event], Keeps] = {}
EVENT_BYTES_MAX = 4_000_000
"""The longest body that is said; the streams and the producers take a little more."""


class TooLarge(ValueError):
    """An event that no stream would take."""


class Record(Protocol):
    """What we need of a Kafka record."""

    topic: str
    partition: int
    offset: int
    key: Any
    value: Any
    headers: Any
    timestamp: int


class Letter(Struct, frozen=True, gc=False):
    """A record, opened. `event` is None where `flaw` says why it could not be read, and where `kept` stands for it."""

    id: str
    type: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Headers
    event: Event | None = None
    flaw: str | None = None
    sent_ms: int = 0
    """When it was handed to Kafka, by the machine's clock: for spans only."""
    kept: Any = None
    """What is kept of the event (`Ears.gathers`)."""

    @property
    def attributes(self) -> dict[str, str]:
        """The headers as text. Made when asked for: most letters are not asked."""
        return {name: _text(value) for name, value in self.headers}

    @property
    def traceparent(self) -> str | None:
        """The trace this letter belongs to (W3C)."""
        return self.attributes.get("traceparent")

    @property
    def correlation(self) -> str:
        """The id of the first cause."""
        said = dict(self.headers).get("ce_correlationid")
        return self.id if said is None else _text(said)


class Outgoing(Struct, frozen=True, gc=False):
    """A letter ready to be sent."""

    id: str
    topic: str
    key: bytes
    value: bytes
    headers: Headers


def event_of(letter: Letter) -> Event | None:
    """The event of a letter, read again where only what is kept of it is here; None where it cannot be read."""
    if letter.event is None and letter.flaw is None:
        return EVENTS[letter.type].read(letter.value)
    return letter.event


def open_record(record: Record, keeps: Mapping[type[Event], Keeps] = _NOTHING) -> Letter:
    """Reads one record; whatever is wrong with it becomes its `flaw`. `keeps`: by type, what is kept of an event."""
    headers: Headers = tuple(record.headers or ())
    flaw: str | None = None
    if not _is_plain(headers):
        headers, flaw = _odd(headers)
    named = typed = b""
    for name, value in headers:  # a dictionary of all ten takes four times as long
        if name == "ce_id":
            named = value
        elif name == "ce_type":
            typed = value
    letter_id, kind = _text(named) or f"{record.topic}/{record.partition}/{record.offset}", _text(typed)
    event, kept = None, None
    if flaw is None:
        event, kept, flaw = _read(letter_id, kind, record.value, keeps)
    return Letter(
        letter_id,
        kind,
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value or b"",
        headers,
        event,
        flaw,
        record.timestamp,
        kept,
    )


def _is_plain(headers: Headers) -> bool:
    """Whether all have a value, and of ASCII: as nearly all do."""
    try:
        return b"".join([value for _, value in headers]).isascii()
    except TypeError:  # one has none
        return False


def _odd(headers: Iterable[tuple[str, bytes | None]]) -> tuple[Headers, str | None]:
    """Headers of which one may have no value, which counts as an empty one, or be no text, which is a flaw."""
    there = tuple([(name, value or b"") for name, value in headers])
    try:
        b"\0".join([value for _, value in there]).decode()
    except UnicodeDecodeError as error:
        return there, f"a header is not UTF-8: {error}"
    return there, None


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


@cache
def _always(event: type[Event]) -> Headers:
    """What every letter of an event type says of itself."""
    return (
        ("ce_specversion", b"1.0"),
        ("ce_source", f"/watchbill/{owner_of(event)}".encode()),
        ("ce_type", event.type().encode()),
        ("content-type", b"application/json"),
    )


@lru_cache(maxsize=16)
def _written(at: datetime) -> bytes:
    """Letters that are said together have one time."""
    return at.isoformat().encode()


def _read(
    id: str, kind: str, value: bytes | None, keeps: Mapping[type[Event], Keeps]
) -> tuple[Event | None, Any, str | None]:
    """The event, or what is kept of it, or what is wrong with it."""
    if not kind:
        return None, None, "no ce_type header: not a CloudEvent"
    model = EVENTS.get(kind)
    if model is None:
        return None, None, f"no event of type {kind!r} in the catalog"
    try:
        event = model.read(value or b"")
        keep = keeps.get(model)
        return (event, None, None) if keep is None else (None, keep(id, event), None)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        return None, None, f"{kind} does not fit its schema: {where}: {first['msg']}"
    except Exception as error:  # whatever a body does to its reader, it must not take its batch along
        return None, None, f"{kind} cannot be read: {type(error).__name__}: {error}"


def seal(
    event: Event, *, id: str, said_at: datetime, correlation: str, causation: str, trace: Mapping[str, str]
) -> Outgoing:
    """Writes an event into a letter. `trace` holds the W3C headers of the context it is said in. Raises `TooLarge`."""
    key = event.key.encode()
    headers = (
        *_always(type(event)),
        ("ce_id", id.encode()),
        ("ce_time", _written(said_at)),
        ("ce_subject", key),
        ("ce_correlationid", correlation.encode()),
        ("ce_causationid", causation.encode()),
        *[(name, value.encode()) for name, value in trace.items()],
    )
    body = event.written()
    if len(body) > EVENT_BYTES_MAX:
        raise TooLarge(f"{event.type()} of {len(body):,} bytes; at most {EVENT_BYTES_MAX:,}")
    return Outgoing(id, event.TOPIC, key, body, headers)
