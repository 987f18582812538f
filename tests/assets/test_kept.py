"""A value comes back as it was measured, in whatever form it is kept."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from contracts.events.assets import ReadingReceivedV1
from contracts.events.measured import Measured
from services.assets.kept import Shown, kept_of, measured_of, opened, shorter, shown
from services.assets.merge import merge_of
from services.assets.store import document_in, document_of, row_of

NUMBERS = st.none() | st.decimals(allow_nan=False, allow_infinity=False)
VALUES = st.dictionaries(
    st.sampled_from(["a34004", "a34002", "a21004"]),
    st.builds(Measured, value=NUMBERS, low=st.none() | NUMBERS, high=st.none() | NUMBERS, flag=st.sampled_from("NDC")),
)


def long_form(one: Measured) -> Shown:
    """As every value was kept until November 2026."""
    said = {"f": one.flag}
    for name, number in (("v", one.value), ("l", one.low), ("h", one.high)):
        if number is not None:
            said[name] = str(number)
    return said


@given(VALUES)
def test_value_is_kept_and_shown(values: dict[str, Measured]) -> None:
    kept = kept_of(values)
    assert {code: shown(value) for code, value in kept.items()} == {
        code: long_form(one) for code, one in values.items()
    }
    assert {code: shorter(shown(value)) for code, value in kept.items()} == kept
    assert measured_of({code: shown(value) for code, value in kept.items()}) == values


@given(VALUES, VALUES)
def test_row_of_an_older_build_merges_as_one_of_this(first: dict[str, Measured], then: dict[str, Measured]) -> None:
    named = {"event": "one", "released_from": None}
    repeat = {"event": "two", "released_from": None, "values": kept_of(then)}
    older = named | {"values": {code: long_form(one) for code, one in first.items()}}
    newer = named | {"values": kept_of(first)}
    assert merge_of(opened(older), opened(repeat)) == merge_of(opened(newer), opened(repeat))


def test_normal_value_is_kept_as_its_text() -> None:
    (measured,) = measured_of({"a34004": {"f": "N", "v": "35.20"}}).values()
    assert kept_of({"a34004": measured}) == {"a34004": "35.20"}


@given(VALUES)
def test_row_comes_back_as_its_document(values: dict[str, Measured]) -> None:
    """What collides with a stored reading is read from its bytes again, its times in UTC."""
    at = datetime(2026, 4, 8, 1, 2, 3, 456_000, tzinfo=UTC)
    reading = ReadingReceivedV1(
        at=at, reading="s/minute/20260408T010200Z", site="s", kind="minute", time=at, values=values, received_at=at
    )
    assert document_in(row_of("event", reading)) == document_of("event", reading)
