"""Which tasks an agreement gives."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.inspections.domain.listing import tasks_for
from tests.inspections.papers import PATROL, agreement, at, plan, site

CUTS = st.lists(st.integers(0, 60 * 24 * 30).map(lambda minutes: at(1) + timedelta(minutes=minutes)), max_size=6)


def ids(start: datetime, end: datetime) -> set[str]:
    return {task.id for task in tasks_for(agreement(), start, end)}


def test_every_site_has_its_task() -> None:
    found = [task.id for task in tasks_for(agreement(), at(6), at(6, 7))]
    assert found == [
        "air/lot-1/check/s1/20260405T2200Z",
        "air/lot-1/check/s2/20260405T2200Z",
        "air/lot-1/patrol/s1/20260405T1600Z",
        "air/lot-1/patrol/s2/20260405T1600Z",
    ]


def test_plan_may_name_its_sites() -> None:
    found = list(tasks_for(agreement(plan(sites=["s2"])), at(6), at(7)))
    assert [(task.site, task.opens) for task in found] == [("s2", at(6, 6)), ("s2", at(6, 12))]


def test_task_opens_with_its_site() -> None:
    terms = agreement(PATROL, sites=(site("s1", since="2026-04-08"), site("s2", since="2026-04-13")))
    found = [(task.site, task.opens, task.closes) for task in tasks_for(terms, at(6), at(14))]
    assert found == [("s1", at(8), at(13)), ("s1", at(13), at(20)), ("s2", at(13), at(20))]


def test_task_locks_after_the_late_post() -> None:
    task = next(tasks_for(agreement(plan(late_post="PT3H")), at(6), at(7)))
    assert (task.closes, task.locks, task.supplier, task.state) == (at(6, 12), at(6, 15), "keeper", "due")


@settings(max_examples=30)
@given(CUTS)
def test_rolling_finds_what_one_look_finds(cuts: list[datetime]) -> None:
    edges = [at(1), *sorted(cuts), at(1, month=5)]
    rolled = [ids(start, end) for start, end in zip(edges, edges[1:], strict=False)]
    assert set().union(*rolled) == ids(at(1), at(1, month=5))
