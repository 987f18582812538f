"""Traces (OpenTelemetry), and how a trace passes through outbox, batches and timers.

All that people do, all faults and all notices are traced. Frames of loggers are sampled: the trace of one that is not
is marked so (W3C flags 00), and whoever finds that it mattered records its root in the gateway's place.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
)

from contracts.events.event import Event
from contracts.masks import masked
from infra.runtime.logs import start_logs
from infra.runtime.told import told

FRAME = "receive frame"
"""The root span of what a logger sent."""
GATEWAY = "assets"
_TRACER = "watchbill"
_SCOPE = InstrumentationScope(_TRACER)
_SUBJECTS = ("agreement", "lot", "site", "fault", "task", "notice")
TRACE_KEY = "trace-key"
"""The secret file of it, in a service's folder of secrets."""
_EXPORT_SECONDS = 5
"""So long a batch of spans is tried to be handed over, also by a process that ends."""
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NEITHER_IS_NOUGHT = 1 << 64 | 1
_SAMPLED, _UNSET = TraceFlags(TraceFlags.SAMPLED), Status()


def start_telemetry(service: str, log_level: str, trace_key: Path | None = None) -> None:
    """Sets up logs and traces for this process. Spans leave where `OTEL_EXPORTER_OTLP_ENDPOINT` says, else nowhere.

    `trace_key`: a file with the key that whoever takes the spans asks for; None, or no such file: nobody asks.
    """
    start_logs(log_level)
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        headers = {"x-api-key": trace_key.read_text().strip()} if trace_key and trace_key.exists() else None
        start_traces(service, BatchSpanProcessor(OTLPSpanExporter(headers=headers, timeout=_EXPORT_SECONDS)))
    else:
        start_traces(service)


@dataclass
class _Traces:
    tracer: Tracer
    outlets: tuple[SpanProcessor, ...] = ()
    resource: Resource | None = None


_traces = _Traces(trace.NoOpTracer())


def start_traces(service: str, *outlets: SpanProcessor) -> None:
    """Spans of this process leave by these outlets. The unsampled trace of a frame does not silence what it causes.

    The provider is ours alone, not OpenTelemetry's global one: FastAPI would write four spans for each request.
    """
    provider = TracerProvider(sampler=ALWAYS_ON, resource=_resource(service))
    for outlet in outlets:
        provider.add_span_processor(outlet)
    _traces.tracer, _traces.outlets, _traces.resource = provider.get_tracer(_TRACER), outlets, _resource(service)


def flush_traces() -> None:
    """Sends what waits to be sent; a process that ends by a signal would lose it."""
    for outlet in _traces.outlets:
        outlet.force_flush()


@cache
def _resource(service: str) -> Resource:
    return Resource.create({"service.name": f"watchbill-{service}"})


@contextmanager
def span(
    name: str, parent: Mapping[str, str] | None = None, kind: SpanKind = SpanKind.INTERNAL, **attributes: Any
) -> Iterator[Span]:
    """A span under the trace of `parent` (W3C headers), or under the current one; errors are marked on it."""
    context = propagate.extract(dict(parent)) if parent else None
    with _traces.tracer.start_as_current_span(
        name, context, kind, _named(attributes), record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_status(Status(StatusCode.ERROR, told(error)))
            raise


@contextmanager
def inside(parent: Mapping[str, str]) -> Iterator[None]:
    """Work in the trace of `parent` without a span of its own (the sampled hot path)."""
    around = _context_of(parent)
    here = trace.set_span_in_context(NonRecordingSpan(around), contexts.Context()) if around else contexts.Context()
    token = contexts.attach(here)
    try:
        yield
    finally:
        contexts.detach(token)


def late_span(
    name: str, parent: Mapping[str, str], started_ns: int, error: str | None, **attributes: Any
) -> dict[str, str]:
    """Records, after the fact, a span of work that turned out to matter; returns the W3C headers of its context.

    Readings are too many for a span each: of those only that caused something, or failed, leave one. What causes
    something does so by the thousand a second: the span is put together here, in a fifth of the SDK's time.
    """
    around = _context_of(parent)
    trace_id = around.trace_id if around else random.getrandbits(128) or 1
    mine = SpanContext(trace_id, random.getrandbits(64) or 1, False, _SAMPLED, around and around.trace_state)
    status = Status(StatusCode.ERROR, masked(error)) if error else _UNSET
    _leave(_traces.resource, name, mine, attributes, times=(started_ns, now_ns()), parent=around, status=status)
    headers = {"traceparent": f"00-{trace_id:032x}-{mine.span_id:016x}-01"}
    return {**headers, "tracestate": parent["tracestate"]} if around and parent.get("tracestate") else headers


def unsampled() -> dict[str, str]:
    """The W3C headers of a new trace whose root leaves no span, unless it turns out to matter."""
    ids = f"{random.getrandbits(192) | _NEITHER_IS_NOUGHT:048x}"
    return {"traceparent": f"00-{ids[:32]}-{ids[32:]}-00"}


def late_root(parent: Mapping[str, str], at_ms: int, **attributes: Any) -> None:
    """Records, in the gateway's place, the root of a trace that was not sampled. Does nothing where it was.

    Two services may both find that one frame mattered: it is the same span, with the same ids.
    """
    root = _context_of(parent)
    if root is None or root.trace_flags.sampled:
        return
    mine, at = SpanContext(root.trace_id, root.span_id, False, _SAMPLED), at_ms * 1_000_000
    _leave(_resource(GATEWAY), FRAME, mine, attributes, times=(at, at))


def _leave(
    resource: Resource | None, name: str, context: SpanContext, attributes: Mapping[str, Any], *,
    times: tuple[int, int], parent: SpanContext | None = None, status: Status = _UNSET,
) -> None:  # fmt: skip
    if not _traces.outlets:
        return
    made = ReadableSpan(
        name, context, parent, resource, _named(attributes), kind=SpanKind.CONSUMER, status=status,
        start_time=times[0], end_time=times[1], instrumentation_scope=_SCOPE,
    )  # fmt: skip
    for outlet in _traces.outlets:
        outlet.on_end(made)


def _context_of(headers: Mapping[str, str]) -> SpanContext | None:
    """The context in W3C headers; None where there is none that can be read."""
    return _context_in(headers.get("traceparent", ""), headers.get("tracestate"))


@lru_cache(maxsize=64)
def _context_in(parent: str, state: str | None) -> SpanContext | None:
    """Kept for a moment: a letter that matters asks three times."""
    read = _TRACEPARENT.fullmatch(parent)
    if read is None:
        return None
    ids = int(read[1], 16), int(read[2], 16), True, TraceFlags(int(read[3], 16))
    context = SpanContext(*ids, TraceState.from_header([state]) if state else None)
    return context if context.is_valid else None


def subjects_of(events: Iterable[Event]) -> dict[str, Any]:
    """What these events are about, as attributes of a span: site, fault, agreement and so on; the last one counts."""
    return {
        attribute: value
        for event in events
        for attribute, name in _subjects_in(type(event))
        if (value := getattr(event, name))
    }


@cache
def _subjects_in(event: type[Event]) -> tuple[tuple[str, str], ...]:
    """Of which subjects an event of this type tells: (attribute, field)."""
    return tuple((f"om__{name}", name) for name in _SUBJECTS if name in event.model_fields or hasattr(event, name))


def mark(attributes: Mapping[str, Any]) -> None:
    """Adds attributes to the current span."""
    trace.get_current_span().set_attributes(_named(attributes))


def _named(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("__", "."): value for key, value in attributes.items() if value is not None}


def headers_of(context: contexts.Context | None = None) -> dict[str, str]:
    """The W3C headers (`traceparent`, `tracestate`) of a context, by default the current one."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context=context)
    return {name: value for name, value in carrier.items() if name in ("traceparent", "tracestate")}


def trace_of(attributes: Mapping[str, str]) -> dict[str, str]:
    """The W3C headers among a letter's attributes."""
    return {name: attributes[name] for name in ("traceparent", "tracestate") if name in attributes}


def trace_id_of(headers: Mapping[str, str]) -> str | None:
    """The trace id among W3C headers, as logs and the console name a trace."""
    parts = headers.get("traceparent", "").split("-")
    return parts[1] if len(parts) > 1 else None


def now_ns() -> int:
    """The wall clock in nanoseconds, for spans only."""
    return time.time_ns()
