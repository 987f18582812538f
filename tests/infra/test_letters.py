"""Opening a letter never raises; what is wrong with it is its flaw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.events.catalog import EVENTS
from contracts.events.inspections import InspectionDueV1
from contracts.events.published import example_of
from infra.runtime.ears import Ears
from infra.runtime.entry import Entry
from infra.runtime.letters import Letter, event_of, open_record, seal

AT = datetime(2026, 4, 8, 1, 2, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Record:
    headers: Any
    value: bytes | None
    topic: str = "inspections"
    partition: int = 1
    offset: int = 7
    key: bytes | None = b"k"
    timestamp: int = 9


def due() -> InspectionDueV1:
    return InspectionDueV1.model_validate(example_of(EVENTS["InspectionDueV1"]))


def sealed(*more: tuple[str, bytes | None], id: str = "一") -> Record:
    letter = seal(due(), id=id, said_at=AT, correlation="first", causation="before", trace={"traceparent": "00-a-b-00"})
    return Record((*letter.headers, *more), letter.value)


def test_letter_says_what_was_written_on_it() -> None:
    letter = open_record(sealed())
    assert (letter.id, letter.type, letter.correlation) == ("一", "InspectionDueV1", "first")
    assert (letter.event, letter.flaw, letter.traceparent) == (due(), None, "00-a-b-00")
    assert letter.attributes == {
        "ce_specversion": "1.0", "ce_id": "一", "ce_source": "/watchbill/inspections", "ce_type": "InspectionDueV1",
        "ce_time": "2026-04-08T01:02:03+00:00", "ce_subject": due().key, "ce_correlationid": "first",
        "ce_causationid": "before", "content-type": "application/json", "traceparent": "00-a-b-00",
    }  # fmt: skip


def test_header_without_value_is_an_empty_one() -> None:
    letter = open_record(sealed(("x", None)))
    assert letter.flaw is None and letter.event == due()
    assert letter.headers[-1] == ("x", b"") and letter.attributes["x"] == ""


def test_header_that_is_no_text_is_a_flaw() -> None:
    letter = open_record(sealed(("x", b"\xff")))
    assert letter.flaw and letter.flaw.startswith("a header is not UTF-8") and letter.event is None
    assert (letter.id, letter.headers[-1]) == ("一", ("x", b"\xff"))


@pytest.mark.parametrize("value", [None, b"\xff"])
def test_header_behind_another_of_its_name_is_seen(value: bytes | None) -> None:
    letter = open_record(sealed(("x", value), ("x", b"ok"), id="one"))
    assert (letter.flaw is None) is (value is None) and letter.attributes["x"] == "ok"
    assert letter.headers[-2:] == (("x", value or b""), ("x", b"ok"))


def test_last_of_two_headers_counts() -> None:
    letter = open_record(sealed(("ce_id", b"two"), ("ce_type", b"NoSuchV1"), id="one"))
    assert (letter.id, letter.type) == (letter.attributes["ce_id"], letter.attributes["ce_type"]) == ("two", "NoSuchV1")


def test_two_headers_that_are_no_text_make_none_together() -> None:
    assert open_record(sealed(("x", "中".encode()[:1]), ("y", "中".encode()[1:]))).flaw


@pytest.mark.parametrize("headers", [None, (), [("ce_id", b"")]])
def test_letter_without_headers_is_named_by_its_place(headers: Any) -> None:
    letter = open_record(Record(headers, b"{}"))
    assert (letter.id, letter.flaw) == ("inspections/1/7", "no ce_type header: not a CloudEvent")


def test_what_is_kept_stands_for_the_event() -> None:
    letter = open_record(sealed(), {InspectionDueV1: lambda id, event: (id, event.task)})
    assert (letter.event, letter.kept, letter.flaw) == (None, ("一", due().task), None)
    assert event_of(letter) == event_of(open_record(sealed())) == due()


def test_event_that_cannot_be_kept_is_flawed() -> None:
    letter = open_record(sealed(), {InspectionDueV1: lambda id, event: event.nothing})
    assert letter.event is letter.kept is None and letter.flaw and "nothing" in letter.flaw


def test_what_is_not_kept_cannot_be_heard() -> None:
    ears = Ears("inspections")

    @ears.gathers(InspectionDueV1, keeps=lambda id, event: id)
    async def gather(batch: list[tuple[Letter, str]], entry: Entry) -> None: ...

    with pytest.raises(TypeError, match="InspectionDueV1"):
        ears.hears(InspectionDueV1)(hear)

    other = Ears("inspections")
    other.hears(InspectionDueV1)(hear)
    with pytest.raises(TypeError, match="InspectionDueV1"):
        other.gathers(InspectionDueV1, keeps=lambda id, event: id)(gather)


async def hear(due: InspectionDueV1, entry: Entry) -> None: ...
