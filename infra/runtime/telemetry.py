"""Logs (structlog, JSON), traces (OpenTelemetry) and how a trace passes through outbox, batches and timers."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

_TRACER = "watchbill"


def _add_trace(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        line["trace_id"] = f"{span.trace_id:032x}"
    return line


def start_telemetry(service: str, log_level: str) -> None:
    """Sets up logs and traces for this process. Spans leave where `OTEL_EXPORTER_OTLP_ENDPOINT` says, else nowhere."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_trace,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(log_level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    provider = TracerProvider(resource=Resource.create({"service.name": f"watchbill-{service}"}))
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


@contextmanager
def span(
    name: str, parent: Mapping[str, str] | None = None, kind: SpanKind = SpanKind.INTERNAL, **attributes: Any
) -> Iterator[Span]:
    """A span under the trace of `parent` (W3C headers), or under the current one; errors are marked on it."""
    context = propagate.extract(dict(parent)) if parent else None
    tracer = trace.get_tracer(_TRACER)
    named = {key.replace("__", "."): value for key, value in attributes.items() if value is not None}
    with tracer.start_as_current_span(name, context=context, kind=kind, attributes=named) as current:
        yield current


@contextmanager
def inside(parent: Mapping[str, str]) -> Iterator[None]:
    """Work in the trace of `parent` without a span of its own (the sampled hot path)."""
    token = contexts.attach(propagate.extract(dict(parent)))
    try:
        yield
    finally:
        contexts.detach(token)


def late_span(
    name: str, parent: Mapping[str, str], started_ns: int, error: str | None, **attributes: Any
) -> dict[str, str]:
    """Records, after the fact, a span of work that turned out to matter; returns the W3C headers of its context.

    Readings are too many for a span each: only those that caused something, or failed, leave one.
    """
    tracer = trace.get_tracer(_TRACER)
    named = {key.replace("__", "."): value for key, value in attributes.items() if value is not None}
    made = tracer.start_span(
        name, context=propagate.extract(dict(parent)), kind=SpanKind.CONSUMER, start_time=started_ns, attributes=named
    )
    if error:
        made.set_status(Status(StatusCode.ERROR, error))
    made.end()
    return headers_of(trace.set_span_in_context(made))


def headers_of(context: contexts.Context | None = None) -> dict[str, str]:
    """The W3C headers (`traceparent`, `tracestate`) of a context, by default the current one."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context=context)
    return {name: value for name, value in carrier.items() if name in ("traceparent", "tracestate")}


def trace_of(attributes: Mapping[str, str]) -> dict[str, str]:
    """The W3C headers among a letter's attributes."""
    return {name: attributes[name] for name in ("traceparent", "tracestate") if name in attributes}


def now_ns() -> int:
    """The wall clock in nanoseconds, for spans only."""
    return time.time_ns()
