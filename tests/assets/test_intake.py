"""What a packet becomes: good values and refused ones apart, the same reading always with the same id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.agreements.folder import read_agreement
from contracts.events.assets import ReadingReceivedV1, ReadingRejectedV1
from services.assets.hj212 import Frame, Packet, Splitter, Upload, packet_of, upload_frames
from services.assets.intake import flag_of, take
from services.assets.register import Known, known_of
from services.assets.said import Taken, refusal
from services.assets.sent import Sent, sent_of

AGREEMENT = Path(__file__).parents[2] / "contracts" / "agreements" / "wuhan-air"
NOW = datetime(2026, 4, 8, 2, 0, tzinfo=UTC)
TOLERANCE = timedelta(minutes=5)


@pytest.fixture(scope="module")
def known() -> Known:
    (lot,) = read_agreement(AGREEMENT).lots
    found = known_of(next(site for site in lot.sites if site.id == "caidian-suo-river"), ZoneInfo("Asia/Shanghai"))
    assert found
    return found


def sent(values: Mapping[str, Mapping[str, str]], at: datetime = NOW - timedelta(minutes=5)) -> Sent:
    return Sent("minute", at, values, "digest")


def taken(values: Mapping[str, Mapping[str, str]], known: Known, at: datetime = NOW - timedelta(minutes=5)) -> Taken:
    return take(sent(values, at), known, NOW, TOLERANCE)


def reasons(one: Taken) -> list[str]:
    return [event.reason for event in one.events if isinstance(event, ReadingRejectedV1)]


def reading(one: Taken) -> ReadingReceivedV1:
    (found,) = [event for event in one.events if isinstance(event, ReadingReceivedV1)]
    return found


def test_values_stand_as_written(known: Known) -> None:
    one = reading(taken({"a34004": {"avg": "35.10", "min": "30", "max": "41", "flag": "N"}}, known))
    assert one.values["a34004"].value == Decimal("35.10")
    assert (one.reading, one.at) == ("caidian-suo-river/minute/20260408T015500Z", NOW)


def test_unknown_code_leaves_others_good(known: Known) -> None:
    one = taken({"a34004": {"avg": "35"}, "a99999": {"avg": "1"}}, known)
    assert (list(reading(one).values), reasons(one)) == (["a34004"], ["unknown_code"])


def test_value_out_of_range_is_apart(known: Known) -> None:
    one = taken({"a34004": {"avg": "99999"}, "a34002": {"avg": "80"}}, known)
    assert (list(reading(one).values), reasons(one)) == (["a34002"], ["out_of_range"])


@pytest.mark.parametrize("text", ["abc", "1e999999999999", "NaN", "Infinity", "--1"])
def test_text_is_no_value(text: str, known: Known) -> None:
    assert reasons(taken({"a34004": {"avg": text}}, known)) in (["syntax"], ["out_of_range"])


def test_future_frame_is_refused_whole(known: Known) -> None:
    assert reasons(taken({"a34004": {"avg": "35"}}, known, NOW + timedelta(hours=1))) == ["future"]


def test_frame_before_station_is_refused(known: Known) -> None:
    assert reasons(taken({"a34004": {"avg": "35"}}, known, datetime(2011, 1, 1, tzinfo=UTC))) == ["before_station"]


def test_release_passes_over_the_range(known: Known) -> None:
    one = take(sent({"a34004": {"avg": "99999"}}), known, NOW, TOLERANCE, released_from="r", any_range=True)
    assert (reading(one).channel, reading(one).released_from, reasons(one)) == ("release", "r", [])


def test_factor_brings_to_the_register_unit(known: Known) -> None:
    milligrams = Known(
        known.site, known.mn, known.crc, known.minute, known.since, known.measures, {"a34004": Decimal(1000)}
    )
    assert reading(taken({"a34004": {"avg": "0.035"}}, milligrams)).values["a34004"].value == Decimal(35)


@pytest.mark.parametrize(
    ("written", "mark"), [("N", "N"), ("d", "D"), ("3", "N"), ("2", "D"), ("PZ", "C"), ("", "N"), ("X", "X")]
)
def test_marks_are_mapped_by_table(written: str, mark: str) -> None:
    assert flag_of(written) == mark


values = st.dictionaries(
    st.sampled_from(["a34004", "a34002", "a21004", "zz"]),
    st.fixed_dictionaries({"avg": st.decimals(-50, 50, places=1).map(str), "flag": st.sampled_from("NDC")}),
    min_size=1,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=values, minutes=st.integers(0, 600))
def test_every_value_ends_up_once(values: Mapping[str, Mapping[str, str]], minutes: int, known: Known) -> None:
    one = taken(values, known, NOW - timedelta(minutes=minutes))
    good = {code for event in one.events if isinstance(event, ReadingReceivedV1) for code in event.values}
    bad = {event.code for event in one.events if isinstance(event, ReadingRejectedV1)}
    assert good | bad == set(values) and not good & bad
    assert one.ids == taken(values, known, NOW - timedelta(minutes=minutes)).ids


def test_frame_again_has_the_same_ids(known: Known) -> None:
    def once(sent_at: datetime) -> tuple[str, ...]:
        upload = Upload(known.mn, "123456", "2051", NOW - timedelta(minutes=5), {"a34004": {"avg": "35", "flag": "N"}})
        (frame,) = Splitter().feed(b"".join(upload_frames(upload, sent_at)))
        assert isinstance(frame, Frame)
        packet = packet_of(frame)
        assert isinstance(packet, Packet)
        found = sent_of(packet, b"piece")
        assert isinstance(found, Sent)
        return take(found, known, NOW, TOLERANCE).ids

    assert once(NOW) == once(NOW + timedelta(seconds=40))


def test_refusal_names_its_reason() -> None:
    (event,) = refusal("crc", "the CRC is 1100, 2D00 expected", b"##0101PW=secret;MN=S", NOW).events
    assert isinstance(event, ReadingRejectedV1)
    assert (event.reason, event.piece, event.key) == ("crc", "##0101PW=******;MN=S", "unknown")


def test_equal_pieces_that_come_together_are_refusals_of_their_own() -> None:
    once, again = (refusal("garbage", "", b"x", NOW, offset=offset).ids for offset in (0, 7))
    assert once != again


PLAIN = st.tuples(
    st.sampled_from(["Avg", "Rtd"]),
    st.sampled_from(["35", "35.20", "-0", "+7", "007", "-10", "-10.01", "2000", "2000.1", "999999999.999999999"]),
    st.sampled_from(["N", "N", "N", "D", "n", "3", ""]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["a34004", "b00001", "a34002", "a05024", "a21004", "z99999"]), PLAIN),
    st.sampled_from([{}, {"a34004": Decimal(1000)}]),
    st.booleans(),
)
def test_plain_values_are_judged_like_all_others(
    known: Known, items: dict[str, tuple[str, str, str]], factors: dict[str, Decimal], any_range: bool
) -> None:
    """The short way over the long one; b00001 is an alias."""
    measures = {**known.measures, "b00001": known.measures["a34004"]}
    logger, at = replace(known, measures=measures, factors=factors), NOW - timedelta(minutes=5)
    plain = Sent("minute", at, {}, "digest", plain=[(code, *fields) for code, fields in items.items()])
    values = {code: {suffix.lower(): text, "flag": flag} for code, (suffix, text, flag) in items.items()}
    short, long = (take(one, logger, NOW, TOLERANCE, any_range=any_range) for one in (plain, sent(values, at)))
    assert long.ids == short.ids
    assert [event.written() for event in long.events] == [event.written() for event in short.events]
