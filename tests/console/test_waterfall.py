"""Waterfalls: every span once, causes before effects, work to scale, and long silences folded."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as some

from services.console.domain.spans import Span
from services.console.domain.waterfall import SHOWN_MAX, tree_of, waterfall_of

SECOND = 1_000_000_000
IDS = some.sampled_from(["a", "b", "c", "d", "e", "f", ""])


def span(id: str, parent: str, starts: int, ends: int, service: str = "watchbill-assets") -> Span:
    return Span("t", id, parent, service, id, starts, ends)


SPANS = some.lists(
    some.builds(span, IDS.filter(bool), IDS, some.integers(0, 10**15), some.integers(0, 10**15)),
    unique_by=lambda one: one.span,
)


def test_frame_stands_over_what_it_caused() -> None:
    spans = [span("sms", "notice", 30, 40), span("frame", "", 0, 1), span("notice", "fault", 20, 25)]
    spans.append(span("fault", "frame", 5, 10))
    assert [(node.span.span, node.depth) for node in tree_of(spans)] == [
        ("frame", 0), ("fault", 1), ("notice", 2), ("sms", 3),
    ]  # fmt: skip


def test_lost_parent_is_said() -> None:
    (node,) = tree_of([span("fault", "frame", 5, 10)])
    assert node.lost_parent


def test_circle_of_parents_is_told_once() -> None:
    assert len(tree_of([span("a", "b", 0, 1), span("b", "a", 1, 2), span("c", "c", 2, 3)])) == 3


def test_timer_of_years_is_no_recursion() -> None:
    spans = [span(str(n), str(n - 1) if n else "", n, n + 1) for n in range(5_000)]
    assert tree_of(spans)[-1].depth == 4_999
    assert waterfall_of(spans).left_out == 5_000 - SHOWN_MAX


def test_four_silent_hours_are_folded() -> None:
    hours = 4 * 3600 * SECOND
    fall = waterfall_of([span("frame", "", 0, SECOND), span("breach", "frame", hours, hours + SECOND)])
    (fold,) = fall.folds
    frame, breach = fall.bars
    assert fold.lasted == timedelta(hours=4, seconds=-1) and fold.width < 10
    assert abs(frame.width - breach.width) < 1e-6 and frame.width > 40


def test_work_without_silence_is_to_scale() -> None:
    fall = waterfall_of([span("a", "", 0, 100), span("b", "a", 0, 25), span("c", "a", 25, 100)])
    assert [(bar.left, bar.width) for bar in fall.bars] == [(0, 100), (0, 25), (25, 75)]
    assert fall.folds == ()


@given(SPANS)
def test_any_spans_have_a_place_in_the_picture(spans: list[Span]) -> None:
    fall = waterfall_of(spans)
    assert sorted(bar.span.span for bar in fall.bars) == sorted(one.span for one in spans)
    for bar in fall.bars:
        assert -1e-6 <= bar.left <= 100 + 1e-6 and -1e-6 <= bar.width <= 100 - bar.left + 1e-6


@given(SPANS)
def test_later_spans_stand_further_right(spans: list[Span]) -> None:
    places = [bar.left for bar in sorted(waterfall_of(spans).bars, key=lambda bar: bar.span.started_ns)]
    assert all(earlier <= later + 1e-9 for earlier, later in zip(places, places[1:], strict=False))
