"""The first value stands, until people release another; heard twice is heard once."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.assets.merge import merge_of

Document = dict[str, Any]


def heard(event: str, values: Mapping[str, str], released_from: str | None = None) -> Document:
    return {
        "event": event, "released_from": released_from,
        "values": {code: {"v": value, "f": "N"} for code, value in values.items()},
    }  # fmt: skip


def after(stored: Document, *repeats: Document) -> tuple[Document, list[str]]:
    """The stored reading, and the events that contradicted it."""
    stored, contradicting = copy.deepcopy(stored), []
    for repeat in repeats:
        merge = merge_of(stored, copy.deepcopy(repeat))
        if merge.counts:
            merge.apply(stored, repeat["event"])
        if merge.contradicts:
            contradicting.append(repeat["event"])
    return stored, contradicting


def values(stored: Document) -> dict[str, str]:
    return {code: value["v"] for code, value in stored["values"].items()}


FIRST = heard("first", {"a": "10", "b": "1"})
OTHER = heard("other", {"a": "20", "c": "3"})


def test_repeat_adds_and_contradiction_is_apart() -> None:
    stored, contradicting = after(FIRST, OTHER)
    assert (values(stored), contradicting) == ({"a": "10", "b": "1", "c": "3"}, ["other"])


def test_same_number_contradicts_nothing() -> None:
    assert after(FIRST, heard("again", {"a": "10.0"})) == (FIRST, [])


def test_release_stands_in_place_of_what_it_contradicts() -> None:
    stored, contradicting = after(FIRST, OTHER, heard("freed", {"a": "20"}, "conflict/other"))
    assert (values(stored), contradicting) == ({"a": "20", "b": "1", "c": "3"}, ["other"])
    assert stored["replaced"] == {"freed": {"a": {"v": "10", "f": "N"}}}


def test_release_can_be_released_against() -> None:
    stored, contradicting = after(
        FIRST, heard("freed", {"a": "20"}, "r1"), heard("sent anew", {"a": "10"}), heard("back", {"a": "10"}, "r2")
    )
    assert (values(stored)["a"], contradicting) == ("10", ["sent anew"])
    assert [before["a"]["v"] for before in stored["replaced"].values()] == ["10", "20"]


def test_first_frame_again_does_not_contradict_the_release() -> None:
    stored, contradicting = after(FIRST, heard("freed", {"a": "20"}, "r1"), FIRST)
    assert (values(stored)["a"], contradicting) == ("20", [])


someone = st.dictionaries(st.sampled_from("abc"), st.sampled_from("123"), min_size=1)
streams = st.lists(st.tuples(someone, st.booleans()), min_size=1, max_size=7).map(
    lambda said: [heard(f"e{n}", of, f"r{n}" if free and n else None) for n, (of, free) in enumerate(said)]
)


def newest_release_or_first(stream: Sequence[Document]) -> dict[str, str]:
    """Slow and plain: for each code the last released value, else the first."""
    stood: dict[str, str] = {}
    for one in stream:
        for code, value in one["values"].items():
            if one["released_from"] or code not in stood:
                stood[code] = value["v"]
    return stood


@given(streams, st.data())
def test_heard_again_from_anywhere_changes_nothing(stream: list[Document], data: st.DataObject) -> None:
    stored, _ = after(stream[0], *stream[1:])
    assert values(stored) == newest_release_or_first(stream)
    start = data.draw(st.integers(0, len(stream) - 1))
    again, _ = after(stored, *stream[start:])
    assert (again["values"], again.get("replaced")) == (stored["values"], stored.get("replaced"))
    assert again.get("also") == stored.get("also")
