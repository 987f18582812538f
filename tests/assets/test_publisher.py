"""Which frames are traced at once: a known share of the readings, the same for everybody who asks, and all refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from contracts.events.assets import ReadingReceivedV1
from infra.runtime.letters import Outgoing
from infra.runtime.telemetry import FRAME, late_root, start_traces
from services.assets.publisher import Publisher, is_sampled
from services.assets.said import Taken, refusal, taken_of

NOON = datetime(2026, 4, 8, 12, tzinfo=UTC)
MANY, SHARE = 400, 0.25


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    start_traces("assets", SimpleSpanProcessor(kept))
    yield kept
    start_traces("assets")


def said(taken: Taken, share: float) -> str:
    """The `traceparent` of what is said of it."""
    nobody: Any = SimpleNamespace(said={})
    (letter,) = Publisher("", nobody, nobody, share).letters(taken, NOON)
    return parent_of(letter)


def parent_of(letter: Outgoing) -> str:
    return dict(letter.headers)["traceparent"].decode()


def reading(minute: int) -> Taken:
    at = NOON + timedelta(minutes=minute)
    told = {"reading": f"s/minute/{minute}", "site": "s", "kind": "minute", "values": {}, "received_at": at}
    return taken_of([ReadingReceivedV1(at=at, time=at, **told)])


def roots(spans: InMemorySpanExporter) -> list[str]:
    """The traces of the frames that left a span."""
    return [f"{one.context.trace_id:032x}" for one in spans.get_finished_spans() if one.name == FRAME]


@pytest.mark.parametrize(("share", "sampled"), [(0.0, 0), (0.01, 10), (0.25, 250), (1.0, 1000)])
def test_share_of_the_ids_is_sampled(share: float, sampled: int) -> None:
    ids = [f"{(2 * number + 1) * 2**55 // 1000:032x}" for number in range(1000)]
    assert [is_sampled(id, share) for id in ids].count(True) == sampled


def test_reading_in_the_sample_leaves_its_root(spans: InMemorySpanExporter) -> None:
    """And its letter says so, to everybody who hears it: 01, or 00 where it is not in the sample."""
    parents = [said(reading(minute), SHARE) for minute in range(MANY)]
    flags = {parent[3:35]: parent[-2:] for parent in parents}
    assert flags == {trace: "01" if is_sampled(trace, SHARE) else "00" for trace in flags}
    assert sorted(roots(spans)) == sorted(trace for trace, flag in flags.items() if flag == "01")
    assert len(flags) == MANY and set(flags.values()) == {"00", "01"}


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_hearers_agree_on_one_root(spans: InMemorySpanExporter, share: float) -> None:
    """Two services that find that a frame mattered give it the root that it has, or both the same one."""
    parent = said(reading(0), share)
    for _ in range(2):
        late_root({"traceparent": parent}, 0)
    assert {(f"{one.context.trace_id:032x}", f"{one.context.span_id:016x}") for one in spans.get_finished_spans()} == {
        (parent[3:35], parent[36:52])
    }


def test_refusal_is_always_traced(spans: InMemorySpanExporter) -> None:
    parent = said(refusal("crc", "no", b"##", NOON), 0.0)
    (span,) = spans.get_finished_spans()
    assert (span.name, span.status.status_code, span.status.description) == (FRAME, StatusCode.ERROR, "crc")
    assert parent == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"
