"""A hot event is read and written by msgspec as pydantic reads and writes it, and refused as pydantic refuses it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.events.assets import ReadingPartReceivedV1, ReadingReceivedV1
from contracts.events.hot import HotEvent
from contracts.events.measured import Measured

MOMENTS = st.integers(0, 4_000_000_000_000).map(
    lambda ms: datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
)
NUMBERS = st.none() | st.decimals(allow_nan=False, allow_infinity=False)
MEASURED = st.builds(Measured, value=NUMBERS, low=NUMBERS, high=NUMBERS, flag=st.text(max_size=3))
SHARED: dict[str, Any] = {
    "at": MOMENTS, "reading": st.text(), "site": st.text(), "kind": st.sampled_from(["realtime", "minute", "hour"]),
    "time": MOMENTS, "values": st.dictionaries(st.text(max_size=8), MEASURED, max_size=5), "received_at": MOMENTS,
    "digest": st.text(),
}  # fmt: skip
READINGS = st.builds(
    ReadingReceivedV1, **SHARED, channel=st.sampled_from(["hj212", "http"]), released_from=st.none() | st.text()
)
PARTS = st.builds(ReadingPartReceivedV1, **SHARED, part=st.integers(1, 99), parts=st.integers(1, 99))
ODD: list[Any] = [
    "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00",
    None, 1, -1.5, "", "x", [], {}, True, "NaN", "Infinity", "1e400", "2026-04-01T00:00:00",
    "2026-04-01T08:00:00+08:00", "2026-04-01T00:00:00.123456Z", 1_775_000_000,
    {"a": {"value": "NaN"}}, {"a": {"value": 1.5}}, {"a": {"value": "x"}},
    {"a": {"value": "1", "other": 2}}, {"a": {}}, {"a": None}, {"a": {"flag": None}}, {"a": {"low": "-Infinity"}},
]  # fmt: skip


@given(READINGS | PARTS)
def test_written_and_read_as_pydantic_does(event: HotEvent) -> None:
    text = event.written()
    assert json.loads(text) == json.loads(event.model_dump_json())
    assert type(event).read(text) == event == type(event).model_validate_json(text)


@given(READINGS | PARTS, st.data())
def test_odd_body_is_read_or_refused_as_pydantic_does(event: HotEvent, data: st.DataObject) -> None:
    body = json.loads(event.written())
    for name in data.draw(st.lists(st.sampled_from(sorted(body)), max_size=2, unique=True)):
        body[name] = data.draw(st.sampled_from(ODD))
    for name in data.draw(st.lists(st.sampled_from(sorted(body)), max_size=1)):
        del body[name]
    body |= data.draw(st.sampled_from([{}, {"another": 1}]))
    text = json.dumps(body).encode()
    try:
        expected = type(event).model_validate_json(text)
    except ValidationError:
        with pytest.raises(ValidationError):
            type(event).read(text)
        return
    assert type(event).read(text) == expected


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff"])
def test_what_is_no_object_is_refused_by_name(text: bytes) -> None:
    with pytest.raises(ValidationError, match="ReadingReceivedV1"):
        ReadingReceivedV1.read(text)
