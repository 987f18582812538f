"""Which results a task takes, and what becomes of it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from services.inspections.domain.refusal import Refused
from services.inspections.domain.task import Result, Task
from services.inspections.domain.timing import Readings
from services.inspections.domain.work import result_of
from tests.inspections.papers import at, task, work

SINCE = at(1)


def result(done: datetime, posted: datetime, patrol: Task | None = None, seen: bool = False) -> Result:
    return result_of(patrol or task(), work(done), SINCE, posted, seen_before=seen)


def refusal(known: Task, posted: Result) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        known.with_result(posted)
    return refused.value.status, refused.value.code


def test_result_in_window_makes_it_done() -> None:
    done = task().with_result(result(at(8, 9), at(8, 10)))
    assert (done.state, done.result and done.result.in_window, done.result and done.result.doubts) == ("done", True, ())


def test_late_post_outweighs_the_miss() -> None:
    late = task().missed().with_result(result(at(12, 23), at(14, 23)))
    assert late.state == "done"
    assert late.result and late.result.doubts == ("unproven-time",)


def test_monotonic_clock_proves_a_late_post() -> None:
    readings = Readings(at(12, 23), at(14, 23), Decimal(100), Decimal(100 + 48 * 3600))
    proven = result_of(task(), work(at(12, 23), readings=readings), SINCE, at(14, 23), seen_before=False)
    assert (proven.done_at, proven.in_window, proven.doubts) == (at(12, 23), True, ())


@pytest.mark.parametrize(("done", "inside"), [(at(6), True), (at(13), True), (at(13, 0, 1), False)])
def test_window_is_closed_at_both_ends(done: datetime, inside: bool) -> None:
    assert result(done, at(13, 1)).in_window is inside


def test_work_outside_leaves_it_missed() -> None:
    outside = task().missed().with_result(result(at(13, 1), at(13, 2)))
    assert outside.state == "missed"
    assert outside.result and outside.result.doubts == ("outside-window",)


def test_work_before_opening_leaves_it_due() -> None:
    early = task().with_result(result(at(5, 23), at(6, 1)))
    assert (early.state, early.result and early.result.in_window) == ("due", False)


def test_work_inside_replaces_work_outside() -> None:
    early = task().with_result(result(at(5, 23), at(6, 1)))
    assert early.with_result(result(at(8), at(8, 1))).state == "done"


@pytest.mark.parametrize("second", [at(8), at(5, 22)])
def test_second_result_of_done_is_refused(second: datetime) -> None:
    done = task().with_result(result(at(7), at(7, 1)))
    assert refusal(done, result(second, at(8, 1))) == (409, "already-done")


def test_posts_in_any_order_end_alike() -> None:
    posts = [result(at(5, 23), at(6, 1)), result(at(8), at(8, 1)), result(at(13, 1), at(13, 2))]
    ends = set()
    for order in permutations(posts):
        known = task()
        for post in order:
            with suppress(Refused):
                known = known.with_result(post)
        ends.add((known.state, known.result and known.result.done_at))
    assert ends == {("done", at(8))}


def test_post_before_opening_is_refused() -> None:
    assert refusal(task(), result(at(5, 22), at(5, 23))) == (409, "not-open")


def test_post_after_the_lock_is_refused() -> None:
    assert task().with_result(result(at(12), at(15))).state == "done"
    assert refusal(task(), result(at(12), at(15) + timedelta(milliseconds=1))) == (409, "locked")


def test_repeated_photo_is_only_doubted() -> None:
    known = task().with_result(result(at(8), at(8, 1), seen=True))
    assert (known.state, known.result and known.result.doubts) == ("done", ("photo-seen-before",))


def test_event_tells_the_corrected_moment() -> None:
    readings = Readings(at(8, 5), at(8, 6), Decimal(0), Decimal("3600.5"))
    posted = result_of(task(), work(at(8, 5), readings=readings), SINCE, at(8, 9), seen_before=False)
    said = task().done_event(posted)
    assert said.at == at(8, 8) - timedelta(milliseconds=500)
    assert (said.posted_at, said.device_time, said.device_offset_seconds) == (at(8, 9), at(8, 5), Decimal(10800))
    assert (said.key, said.by, len(said.items), len(said.photos)) == (task().id, "li", 2, 2)


def test_miss_is_said_at_the_close() -> None:
    missed = task().missed_event()
    assert (missed.at, missed.closes, missed.task) == (at(13), at(13), task().id)


def test_task_comes_back_from_its_document() -> None:
    known = task().with_result(result(at(8), at(8, 1)))
    assert Task.of({**known.document(), "_v": 1}) == known
