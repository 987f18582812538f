"""OTLP: spans as OpenTelemetry's exporters send them over HTTP (protobuf, plain or gzip)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from services.console.domain.spans import Attribute, Span

MEDIA_TYPE = "application/x-protobuf"
BYTES_MAX = 16_000_000
"""The longest request, packed or unpacked: an exporter's batch is some hundred kilobytes."""
TAKEN = ExportTraceServiceResponse().SerializeToString()
_TEXT_MAX = 2_000


class Unreadable(ValueError):
    """A body that holds no spans that could be read."""


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its content encoding. Raises `Unreadable`."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Unreadable(f"content encoding {encoding!r}: gzip or none")
    unzip = zlib.decompressobj(wbits=31)
    try:
        plain = unzip.decompress(body, BYTES_MAX)
    except zlib.error as error:
        raise Unreadable(str(error)) from error
    if not unzip.eof:
        raise Unreadable(f"cut off, or more than {BYTES_MAX:,} bytes when unpacked")
    return plain


def spans_in(body: bytes) -> list[Span]:
    """The spans of one request. Raises `Unreadable`; a span whose ids are not of their lengths is left out."""
    sent = ExportTraceServiceRequest()
    try:
        sent.ParseFromString(body)
    except DecodeError as error:
        raise Unreadable(str(error)) from error
    return list(_spans(sent))


def _spans(sent: ExportTraceServiceRequest) -> Iterator[Span]:
    for of_resource in sent.resource_spans:
        service = str(_attributes(of_resource.resource.attributes).get("service.name", ""))
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                if len(span.trace_id) == 16 and len(span.span_id) == 8:
                    yield _span(span, service)


def _span(sent: SentSpan, service: str) -> Span:
    failed = sent.status.code == Status.STATUS_CODE_ERROR
    return Span(
        trace=sent.trace_id.hex(),
        span=sent.span_id.hex(),
        parent=sent.parent_span_id.hex(),
        service=service,
        name=sent.name[:_TEXT_MAX],
        started_ns=_representable(sent.start_time_unix_nano),
        ended_ns=_representable(sent.end_time_unix_nano),
        error=sent.status.message[:_TEXT_MAX] or _exception(sent) if failed else None,
        attributes=_attributes(sent.attributes),
    )


def _representable(ns: int) -> int:
    """A time that every store can keep: OTLP's reach to the year 2554, BSON's numbers to 2262."""
    return min(ns, 2**63 - 1)


def _exception(sent: SentSpan) -> str:
    """What an SDK notes of an exception, where the status has no words."""
    for event in sent.events:
        noted = _attributes(event.attributes)
        if event.name == "exception":
            return f"{noted.get('exception.type', '')}: {noted.get('exception.message', '')}"[:_TEXT_MAX]
    return "error"


def _attributes(sent: Iterable[KeyValue]) -> dict[str, Attribute]:
    return {pair.key: _value(pair.value) for pair in sent}


def _value(value: AnyValue) -> Attribute:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value[:_TEXT_MAX]
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case _:
            return str(value).strip()[:_TEXT_MAX]
