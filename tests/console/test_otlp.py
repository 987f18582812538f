"""OTLP: what OpenTelemetry's own exporter sends is read as it was meant; what nobody can read is refused."""

from __future__ import annotations

import gzip

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from services.console.otlp import BYTES_MAX, Unreadable, spans_in, unpacked


def sent() -> tuple[bytes, InMemorySpanExporter]:
    """Two spans of one service, one under the other, the lower one in error."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "watchbill-assets"}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test")
    attributes = {"om.site": "s1", "n": 3, "x": 0.5, "yes": True}
    with (
        tracer.start_as_current_span("upper", attributes=attributes),
        tracer.start_as_current_span("lower") as lower,
    ):
        lower.set_status(Status(StatusCode.ERROR, "crc"))
    return encode_spans(memory.get_finished_spans()).SerializeToString(), memory


def test_spans_are_read_as_sent() -> None:
    body, memory = sent()
    lower, upper = spans_in(body)
    meant_lower, meant_upper = memory.get_finished_spans()
    assert (upper.name, upper.service, upper.parent, upper.error) == ("upper", "watchbill-assets", "", None)
    assert (lower.name, lower.parent, lower.error) == ("lower", upper.span, "crc")
    assert (upper.started_ns, upper.ended_ns) == (meant_upper.start_time, meant_upper.end_time)
    assert upper.trace == lower.trace == f"{meant_upper.context.trace_id:032x}"
    assert lower.span == f"{meant_lower.context.span_id:016x}"
    assert upper.attributes == {"om.site": "s1", "n": 3, "x": 0.5, "yes": True}


def test_raised_error_is_an_error() -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    with pytest.raises(ValueError), provider.get_tracer("test").start_as_current_span("fails"):
        raise ValueError("no such site")
    (span,) = spans_in(encode_spans(memory.get_finished_spans()).SerializeToString())
    assert span.error == "ValueError: no such site"


def test_gzip_and_plain_say_the_same() -> None:
    body, _ = sent()
    assert unpacked(gzip.compress(body), "gzip") == unpacked(body, "") == unpacked(body, "identity") == body


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"x", "gzip"), (b"x", "br"), (gzip.compress(bytes(BYTES_MAX + 1)), "gzip")],
    ids=["not gzip", "not ours", "a bomb"],
)
def test_what_cannot_be_unpacked_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises(Unreadable):
        unpacked(body, encoding)


def test_what_is_no_protobuf_is_refused() -> None:
    with pytest.raises(Unreadable):
        spans_in(b"\xff\xff\xff")
