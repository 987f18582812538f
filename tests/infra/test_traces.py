"""Traces: what is sampled, what never is, and whose span stands under which."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from contracts.events.assets import ReadingReceivedV1
from infra.runtime.telemetry import FRAME, headers_of, late_root, late_span, span, start_traces, subjects_of, unsampled

NOON = datetime(2026, 4, 8, 12, tzinfo=UTC)
SENT_MS = 1_775_000_000_000
EXPORTER = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def outlet() -> None:
    start_traces("incidents", SimpleSpanProcessor(EXPORTER))


@pytest.fixture(autouse=True)
def spans() -> Iterator[InMemorySpanExporter]:
    EXPORTER.clear()
    yield EXPORTER


def ids(one: ReadableSpan) -> tuple[int, int | None]:
    return one.context.trace_id, one.parent.span_id if one.parent else None


def test_unsampled_frame_that_matters_gets_its_root(spans: InMemorySpanExporter) -> None:
    frame = unsampled()
    late_root(frame, SENT_MS, om__site="s")
    late_span("process readings", frame, SENT_MS * 1_000_000, None)
    root, processed = spans.get_finished_spans()
    assert (root.name, root.resource.attributes["service.name"]) == (FRAME, "watchbill-assets")
    assert ids(root) == (int(frame["traceparent"][3:35], 16), None)
    assert ids(processed) == (root.context.trace_id, root.context.span_id)
    assert processed.resource.attributes["service.name"] == "watchbill-incidents"
    assert (root.start_time, dict(root.attributes or {})) == (SENT_MS * 1_000_000, {"om.site": "s"})


def test_sampled_frame_keeps_its_own_root(spans: InMemorySpanExporter) -> None:
    frame = late_span(FRAME, {}, SENT_MS, None)
    late_root(frame, SENT_MS)
    assert [one.name for one in spans.get_finished_spans()] == [FRAME]


def test_act_of_unsampled_caller_is_traced(spans: InMemorySpanExporter) -> None:
    caller = unsampled()
    with span("act resolve", caller):
        said = headers_of()
    (act,) = spans.get_finished_spans()
    assert said["traceparent"] == f"{caller['traceparent'][:35]}-{act.context.span_id:016x}-01"


def test_subjects_are_what_events_name() -> None:
    reading = ReadingReceivedV1(
        at=NOON, reading="s/minute/1", site="s", kind="minute", time=NOON, values={}, received_at=NOON
    )
    assert subjects_of([reading]) == {"om__site": "s"}
