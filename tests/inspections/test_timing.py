"""When the work was done, by phones that are right, wrong, restarted and meddled with."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inspections.domain.refusal import Refused
from services.inspections.domain.timing import Readings, timing_of
from tests.inspections.papers import at

SINCE, NOW = at(1), at(10, 12)
OFFSETS = st.integers(-10_000_000, 10_000_000).map(lambda seconds: timedelta(seconds=seconds))
AGO = st.integers(0, 700_000_000).map(lambda ms: timedelta(milliseconds=ms))
BOOTS = st.integers(0, 10_000_000)


def readings(done: datetime, offset: timedelta = timedelta(), boot: int | None = None) -> Readings:
    """Of a phone whose wall clock is `offset` behind ours, `boot` seconds after its start at the work."""
    if boot is None:
        return Readings(done - offset, NOW - offset)
    elapsed = Decimal((NOW - done) // timedelta(milliseconds=1)) / 1000
    return Readings(done - offset, NOW - offset, Decimal(boot), boot + elapsed)


@given(AGO, OFFSETS, st.one_of(st.none(), BOOTS))
def test_wrong_wall_clock_is_set_right(ago: timedelta, offset: timedelta, boot: int | None) -> None:
    timing = timing_of(readings(NOW - ago, offset, boot), NOW, SINCE)
    assert (timing.done, timing.offset, timing.proven) == (NOW - ago, offset, boot is not None)
    assert not timing.clock_changed


@given(AGO, OFFSETS, BOOTS)
def test_monotonic_clock_outweighs_any_claim(ago: timedelta, claimed: timedelta, boot: int) -> None:
    honest = readings(NOW - ago, boot=boot)
    timing = timing_of(honest._replace(done_wall=honest.done_wall + claimed), NOW, SINCE)
    assert timing.done == NOW - ago
    assert timing.clock_changed == (abs(claimed) > timedelta(minutes=2))


def test_restart_falls_back_on_the_wall() -> None:
    restarted = Readings(at(10, 9), at(10, 11), Decimal(9000), Decimal(60))
    timing = timing_of(restarted, NOW, SINCE)
    assert (timing.done, timing.proven) == (at(10, 10), False)


def test_bare_claim_is_taken_as_it_is() -> None:
    timing = timing_of(Readings(at(10, 9)), NOW, SINCE)
    assert (timing.done, timing.offset, timing.proven) == (at(10, 9), None, False)


def test_little_ahead_counts_as_now() -> None:
    assert timing_of(Readings(NOW + timedelta(seconds=120)), NOW, SINCE).done == NOW


@pytest.mark.parametrize(
    ("done", "code"),
    [(NOW + timedelta(seconds=121), "done-in-future"), (SINCE - timedelta(seconds=1), "done-before-site")],
)
def test_impossible_moment_is_refused(done: datetime, code: str) -> None:
    with pytest.raises(Refused) as refused:
        timing_of(Readings(done), NOW, SINCE)
    assert (refused.value.status, refused.value.code, refused.value.flaws[0].field) == (422, code, "done_at")
