"""Letters: events in CloudEvents 1.0 binary mode over Kafka. Opening one never raises: a flaw is carried along."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct
from pydantic import ValidationError

from contracts.events.catalog import EVENTS, owner_of
from contracts.events.event import Event

Headers = tuple[tuple[str, bytes], ...]
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


class Letter(Struct, frozen=True):
    """A record, opened. `event` is None where `flaw` says why it could not be read."""

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
    attributes: Mapping[str, str] = {}
    sent_ms: int = 0
    """When it was handed to Kafka, by the machine's clock: for spans only."""

    @property
    def traceparent(self) -> str | None:
        """The trace this letter belongs to (W3C)."""
        return self.attributes.get("traceparent")

    @property
    def correlation(self) -> str:
        """The id of the first cause."""
        return self.attributes.get("ce_correlationid", self.id)


class Outgoing(Struct, frozen=True):
    """A letter ready to be sent."""

    id: str
    topic: str
    key: bytes
    value: bytes
    headers: Headers


def open_record(record: Record) -> Letter:
    """Reads one record; whatever is wrong with it becomes its `flaw`."""
    headers = tuple([(name, value or b"") for name, value in record.headers or ()])
    attributes, flaw = _texts(headers)
    letter_id = attributes.get("ce_id") or f"{record.topic}/{record.partition}/{record.offset}"
    kind = attributes.get("ce_type", "")
    event: Event | None = None
    if flaw is None:
        event, flaw = _event(kind, record.value)
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
        attributes,
        record.timestamp,
    )


def _texts(headers: Headers) -> tuple[dict[str, str], str | None]:
    try:
        return {name: value.decode() for name, value in headers}, None
    except UnicodeDecodeError as error:
        readable = {name: value.decode(errors="replace") for name, value in headers}
        return readable, f"a header is not UTF-8: {error}"


def _event(kind: str, value: bytes | None) -> tuple[Event | None, str | None]:
    if not kind:
        return None, "no ce_type header: not a CloudEvent"
    model = EVENTS.get(kind)
    if model is None:
        return None, f"no event of type {kind!r} in the catalog"
    try:
        return model.read(value or b""), None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        return None, f"{kind} does not fit its schema: {where}: {first['msg']}"
    except Exception as error:  # whatever a body does to its reader, it must not take its batch along
        return None, f"{kind} cannot be read: {type(error).__name__}: {error}"


def seal(
    event: Event, *, id: str, said_at: datetime, correlation: str, causation: str, trace: Mapping[str, str]
) -> Outgoing:
    """Writes an event into a letter. `trace` holds the W3C headers of the context it is said in. Raises `TooLarge`."""
    key, kind = event.key.encode(), event.type()
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_source", f"/watchbill/{owner_of(type(event))}".encode()),
        ("ce_type", kind.encode()),
        ("ce_time", said_at.isoformat().encode()),
        ("ce_subject", key),
        ("ce_correlationid", correlation.encode()),
        ("ce_causationid", causation.encode()),
        ("content-type", b"application/json"),
        *[(name, value.encode()) for name, value in trace.items()],
    )
    body = event.written()
    if len(body) > EVENT_BYTES_MAX:
        raise TooLarge(f"{kind} of {len(body):,} bytes; at most {EVENT_BYTES_MAX:,}")
    return Outgoing(id, event.TOPIC, key, body, headers)
