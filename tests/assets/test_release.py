"""What was refused and is released is what it would have been had it not been refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.assets import ReadingPartReceivedV1, ReadingReceivedV1, ReadingRejectedV1
from contracts.events.measured import Measured
from contracts.values import Words
from services.assets.intake import take
from services.assets.register import Known
from services.assets.release import DAMAGED, NO_READING, released
from services.assets.said import Taken, refusal
from services.assets.sent import Sent
from tests.assets.stations import KNOWN, segment, written

NOW = datetime(2026, 4, 8, 2, 0, tzinfo=UTC)
TIME = NOW - timedelta(minutes=5)
TOLERANCE = timedelta(minutes=5)
EARLY = TIME - timedelta(hours=1)
MOBILE = replace(KNOWN, factors={"a34004": Decimal(1000), "a21005": Decimal("1.145")})
Values = Mapping[str, Mapping[str, str]]

codes = st.sampled_from([*KNOWN.measures, "zz1", "zz2"])
numbers = st.decimals(Decimal("-5"), Decimal("5000"), places=3).map(str) | st.sampled_from(["", "-", "NaN", "1e3"])
fields = st.fixed_dictionaries(
    {"avg": numbers}, optional={"min": numbers, "max": numbers, "flag": st.sampled_from(["N", "D", "P", "3", "x"])}
)
factors = st.dictionaries(
    st.sampled_from([measure.code for measure in KNOWN.measures.values()]),
    st.decimals(Decimal("0.001"), Decimal(2000), places=3),
)


def kept(rejection: ReadingRejectedV1) -> ReadingRejectedV1:
    """As it comes back from the quarantine."""
    return ReadingRejectedV1.model_validate_json(rejection.model_dump_json())


def again(rejection: ReadingRejectedV1, known: Known, at: datetime = NOW) -> Taken | Words:
    return released(kept(rejection), known, at, TOLERANCE)


def counted(event: ReadingReceivedV1 | ReadingPartReceivedV1) -> tuple[object, ...]:
    part = (event.part, event.parts) if isinstance(event, ReadingPartReceivedV1) else None
    return event.reading, event.time, event.kind, event.values, part


def reading(taken: Taken | Words) -> tuple[object, ...] | None:
    """The reading or part in it."""
    assert isinstance(taken, Taken)
    found = [event for event in taken.events if isinstance(event, ReadingReceivedV1 | ReadingPartReceivedV1)]
    return counted(found[0]) if found else None


def apart(taken: Taken) -> list[tuple[object, ...]]:
    return [(one.code, one.reason, one.values) for one in taken.refused if one.code]


@given(
    st.dictionaries(codes, fields, min_size=1),
    factors,
    st.sampled_from([(1, 1), (1, 2), (2, 2)]),
    st.sampled_from(["future", "before_station"]),
)
def test_frame_refused_whole_then_released_is_the_frame_taken(
    values: Values, by_code: dict[str, Decimal], numbered: tuple[int, int], reason: str
) -> None:
    part, parts = numbered
    raw = f"##0100QN=1;PW=1;MN={KNOWN.mn};Flag=7;PNUM={parts};PNO={part};CP=&&".encode() if parts > 1 else b""
    sent = Sent("minute", TIME, values, "digest", raw, part=part, parts=parts)
    known = replace(KNOWN, factors=by_code)
    direct = take(sent, known, NOW, TOLERANCE)
    if reason == "future":
        refused = take(sent, known, EARLY, TOLERANCE)
    else:
        refused = take(sent, replace(known, since=NOW), NOW, TOLERANCE)
    whole = refused.events[0]
    assert isinstance(whole, ReadingRejectedV1) and (whole.reason, whole.code) == (reason, None)
    assert apart(refused) == apart(direct)
    one = again(whole, known)
    if reading(direct) is None:
        assert one is DAMAGED
    else:
        assert isinstance(one, Taken)
        assert (reading(one), one.refused) == (reading(direct), ())


@given(st.decimals(Decimal("0.001"), Decimal(100000), places=3), factors)
def test_out_of_range_is_released_as_it_was_measured(number: Decimal, by_code: dict[str, Decimal]) -> None:
    known = replace(KNOWN, factors=by_code)
    taken = take(Sent("minute", TIME, {"a34004": {"avg": str(number)}}, "d"), known, NOW, TOLERANCE)
    (event,) = taken.events
    if isinstance(event, ReadingRejectedV1):
        one = again(event, known)
        assert isinstance(one, Taken) and isinstance(one.events[0], ReadingReceivedV1)
        event = one.events[0]
    assert isinstance(event, ReadingReceivedV1)
    assert event.values["a34004"].value == number * by_code.get("a34004", Decimal(1))


def test_released_future_value_is_in_the_register_unit() -> None:
    sent = Sent("minute", TIME, {"a34004": {"avg": "0.035"}}, "d")
    (refused,) = take(sent, MOBILE, EARLY, TOLERANCE).refused
    assert refused.values["a34004"].value == Decimal(35)
    one = again(refused, MOBILE)
    assert isinstance(one, Taken) and isinstance(one.events[0], ReadingReceivedV1)
    assert (one.events[0].values["a34004"].value, one.events[0].released_from) == (Decimal(35), refused.rejection)


@pytest.mark.parametrize("reason", ["future", "before_station", "unknown_code"])
def test_what_is_still_wrong_is_refused_again(reason: str) -> None:
    time = {"future": NOW + timedelta(hours=1), "before_station": datetime(2011, 1, 1, tzinfo=UTC)}.get(reason, TIME)
    (refused,) = take(Sent("minute", time, {"a34004" if reason != "unknown_code" else "zz1": {"avg": "1"}}, "d"),
                      MOBILE, NOW, TOLERANCE).refused  # fmt: skip
    one = again(refused, MOBILE)
    assert isinstance(one, Taken)
    assert [event.reason for event in one.refused] == [reason] and reading(one) is None


def test_unknown_code_counts_once_it_is_registered() -> None:
    (refused,) = take(Sent("minute", TIME, {"zz1": {"avg": "0.5"}}, "d"), KNOWN, NOW, TOLERANCE).refused
    measure = KNOWN.measures["a34004"]
    learnt = replace(KNOWN, measures={**KNOWN.measures, "zz1": measure}, factors={"a34004": Decimal(1000)})
    one = again(refused, learnt)
    assert isinstance(one, Taken) and isinstance(one.events[0], ReadingReceivedV1)
    assert one.events[0].values == {"a34004": Measured(Decimal(500))}


def test_code_that_is_no_code_keeps_no_value() -> None:
    (refused,) = take(Sent("minute", TIME, {"$set\0": {"avg": "1"}}, "d"), KNOWN, NOW, TOLERANCE).refused
    assert refused.values == {} and again(refused, KNOWN) is DAMAGED


@pytest.mark.parametrize("unknown", ["zz1-Avg=1", "z00001-Avg=1,z00001-Flag=N"], ids=["free", "plain"])
def test_wrong_password_is_released_from_its_frame(unknown: str) -> None:
    raw = written(segment(f"DataTime=20260408095500;a34004-Avg=0.035,a34004-Flag=N;{unknown}")).rstrip()
    (refused,) = refusal("wrong_password", "", raw, NOW, KNOWN.mn).refused
    one = again(refused, MOBILE)
    assert isinstance(one, Taken) and isinstance(one.events[0], ReadingReceivedV1)
    assert one.events[0].values == {"a34004": Measured(Decimal(35))}
    assert [event.reason for event in one.refused] == ["unknown_code"]


@pytest.mark.parametrize(
    "values",
    ["a34004-Avg=0.035;a34002-Avg=80", "a34004-Avg=0.035,a34004-Flag=N;a34002-Avg=80,a34002-Flag=N"],
    ids=["free", "plain"],
)
def test_only_the_refused_value_is_read_again(values: str) -> None:
    raw = written(segment(f"DataTime=20260408095500;{values}")).rstrip()
    refused = ReadingRejectedV1(
        at=NOW, rejection="r", reason="unknown_code", detail="", site=KNOWN.site, code="a34002", time=TIME,
        kind="minute", piece=raw.decode(), received_at=NOW,
    )  # fmt: skip
    one = again(refused, KNOWN)
    assert isinstance(one, Taken) and isinstance(one.events[0], ReadingReceivedV1)
    assert one.events[0].values == {"a34002": Measured(Decimal(80))}


def test_conflict_passes_over_range_and_factor() -> None:
    refused = ReadingRejectedV1(
        at=NOW, rejection="conflict/e", reason="conflict", detail="", site=KNOWN.site, time=TIME, kind="hour",
        values={"a34004": Measured(Decimal(99999))}, received_at=NOW,
    )  # fmt: skip
    one = again(refused, MOBILE)
    assert isinstance(one, Taken) and isinstance(one.events[0], ReadingReceivedV1)
    assert one.events[0].values["a34004"].value == Decimal(99999)


def test_frame_without_reading_says_so() -> None:
    raw = written("QN=20260408095600001;ST=22;CN=9999;PW=1;MN=x;Flag=5;CP=&&&&").rstrip()
    (refused,) = refusal("unsupported", "", raw, NOW, KNOWN.mn).refused
    assert again(refused, KNOWN) is NO_READING
