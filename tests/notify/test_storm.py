"""Storms: the first few pass, the rest waits for the end of the window, and nothing is lost."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agreements.notices import Notices
from services.notify.domain.storm import Window, admitted, window_id
from tests.notify import town

KEY = window_id("ann", "sms")
Arrival = tuple[int, str]


def run(arrivals: list[Arrival], rules: Notices) -> tuple[list[tuple[datetime, str]], list[tuple[datetime, list[str]]]]:
    """What passed, and the bundles, when every bundle timer fires on time."""
    window: Window | None = None
    passed: list[tuple[datetime, str]] = []
    bundles: list[tuple[datetime, list[str]]] = []
    for second, notice in arrivals:
        now = town.NOON + timedelta(seconds=second)
        if window and window.held and window.ends <= now:
            bundles.append((window.ends, list(window.held)))
            window = None
        window, goes = admitted(window, KEY, (notice,), rules, now)
        if goes:
            passed.append((now, notice))
    if window and window.held:
        bundles.append((window.ends, list(window.held)))
    return passed, bundles


arrivals = st.lists(st.integers(0, 3600), max_size=60).map(
    lambda seconds: [(second, f"n{number}") for number, second in enumerate(sorted(seconds))]
)
rules = st.builds(
    lambda storm, minutes: town.NOTICES.model_copy(update={"storm": storm, "window": timedelta(minutes=minutes)}),
    st.integers(1, 5), st.integers(1, 20),
)  # fmt: skip


@settings(max_examples=80)
@given(arrivals=arrivals, rules=rules)
def test_every_notice_goes_out_once(arrivals: list[Arrival], rules: Notices) -> None:
    passed, bundles = run(arrivals, rules)
    gone = [notice for _, notice in passed] + [notice for _, held in bundles for notice in held]
    assert sorted(gone) == sorted(notice for _, notice in arrivals)


@settings(max_examples=80)
@given(arrivals=arrivals, rules=rules)
def test_messages_in_window_are_few(arrivals: list[Arrival], rules: Notices) -> None:
    """Independent count: from any message on, a window's length holds at most two windows' worth of them."""
    passed, bundles = run(arrivals, rules)
    sent = sorted([at for at, _ in passed] + [at for at, _ in bundles])
    for first in sent:
        assert sum(first <= at < first + rules.window for at in sent) <= 2 * rules.storm + 1


@settings(max_examples=60)
@given(count=st.integers(0, 30), rules=rules, data=st.data())
def test_arrival_order_changes_no_counts(count: int, rules: Notices, data: st.DataObject) -> None:
    names = [f"n{number}" for number in range(count)]
    shuffled = data.draw(st.permutations(names))
    here, there = run([(0, name) for name in names], rules), run([(0, name) for name in shuffled], rules)
    assert len(here[0]) == len(there[0]) == min(count, rules.storm)
    assert [len(held) for _, held in here[1]] == [len(held) for _, held in there[1]]


def test_late_bundle_takes_newcomers_along() -> None:
    rules = town.NOTICES.model_copy(update={"storm": 1})
    window, _ = admitted(None, KEY, ("a",), rules, town.NOON)
    window, _ = admitted(window, KEY, ("b",), rules, town.NOON)
    window, goes = admitted(window, KEY, ("c",), rules, window.ends + timedelta(seconds=1))
    assert not goes
    assert window.held == ("b", "c")


def test_over_window_makes_room_again() -> None:
    window, _ = admitted(None, KEY, ("a",), town.NOTICES.model_copy(update={"storm": 1}), town.NOON)
    later, goes = admitted(window, KEY, ("b",), town.NOTICES, window.ends)
    assert goes
    assert later.opens == window.ends
