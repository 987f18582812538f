"""Patience: the tries of a message that is refused for now, against a slow version that knows no formula."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.notify.domain.patience import Patience
from services.notify.settings import NotifySettings
from tests.notify import town


def tries_of(patience: Patience, late: list[int]) -> list[datetime]:
    """The tries of a message that is always refused; the n-th timer fires so many seconds late."""
    at: datetime | None = town.NOON
    made = list[datetime]()
    while at is not None:
        fired = at + timedelta(seconds=late[len(made)] if len(made) < len(late) else 0)
        made.append(fired)
        at = patience.next_try(len(made), town.NOON, fired)
    return made


def tries_slowly(first: int, longest: int, age: int, late: list[int]) -> list[datetime]:
    """Second by second: is it time for the next try? The last is made in the second in which the age is reached."""
    second, pause, waited, made = 0, first, 0, list[datetime]()
    due, lateness = True, list(late)
    while True:
        if due:
            second += lateness.pop(0) if lateness else 0
            made.append(town.NOON + timedelta(seconds=second))
            if second >= age:
                return made
            pause, waited, due = (pause if len(made) == 1 else pause + pause), 0, False
            pause = longest if pause > longest else pause
        second, waited = second + 1, waited + 1
        due = waited == pause or second == age


@settings(max_examples=150)
@example(first=30, longest=1800, age=86_400, late=[])
@example(first=30, longest=10, age=0, late=[5])
@given(
    first=st.integers(1, 100), longest=st.integers(1, 400), age=st.integers(0, 3000),
    late=st.lists(st.integers(0, 300), max_size=6),
)  # fmt: skip
def test_tries_are_those_of_slow_version(first: int, longest: int, age: int, late: list[int]) -> None:
    patience = Patience(first_seconds=first, longest_seconds=longest, age_seconds=age)
    assert tries_of(patience, late) == tries_slowly(first, longest, age, late)


@given(tries=st.integers(1, 100_000))
def test_no_pause_is_longer_than_longest(tries: int) -> None:
    assert timedelta(seconds=30) <= Patience().pause(tries) <= timedelta(minutes=30)


def test_settings_wait_for_a_day() -> None:
    tries = tries_of(NotifySettings().patience, [])
    assert (len(tries), tries[-1]) == (54, town.NOON + timedelta(hours=24))


def test_conducted_clock_needs_no_wait() -> None:
    assert NotifySettings(clock="movable").join == timedelta(0)
    assert NotifySettings().join == timedelta(seconds=1)
