"""A reading that its logger split is whole once its last part is here, whatever their order."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import bson
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.assets import ReadingPartReceivedV1, ReadingReceivedV1
from contracts.events.measured import Measured
from services.assets.said import reading_id
from services.assets.uploads import Upload, upload_id, whole_of

HOUR = datetime(2026, 3, 1, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def part(number: int, parts: int, codes: list[str], time: datetime = HOUR, value: int = 1) -> ReadingPartReceivedV1:
    received = time + timedelta(hours=1, seconds=number)
    return ReadingPartReceivedV1(
        at=received, reading=reading_id("s-1", "hour", time), site="s-1", kind="hour", time=time, part=number,
        parts=parts, values={code: Measured(value=Decimal(value)) for code in codes}, received_at=received,
        digest=f"d{number}",
    )  # fmt: skip


def joined(*parts: ReadingPartReceivedV1) -> ReadingReceivedV1 | None:
    """What assets makes of these parts, each remembered under its own upload."""
    kept: dict[str, Upload] = {}
    whole = None
    for one in parts:
        upload = kept.get(upload_id(one), Upload(id=upload_id(one))).with_part(one)
        kept[upload.id] = upload
        whole = whole_of(upload, one, FIVE) or whole
    return whole


@given(st.permutations([1, 2, 3]))
def test_parts_join_in_any_order_to_the_same_reading(order: list[int]) -> None:
    parts = {number: part(number, 3, [f"a{number}"]) for number in (1, 2, 3)}
    whole = joined(*(parts[number] for number in order))
    assert whole == joined(parts[1], parts[2], parts[3])
    assert whole is not None and set(whole.values) == {"a1", "a2", "a3"}
    assert (whole.time, whole.at, whole.received_at) == (HOUR, HOUR + timedelta(hours=1), parts[3].received_at)


def test_part_that_comes_twice_counts_once_and_as_it_came_first() -> None:
    again = part(1, 2, ["a1"], value=9)
    assert joined(part(1, 2, ["a1"]), again) is None
    whole = joined(part(1, 2, ["a1"]), again, part(2, 2, ["a2"]))
    assert whole is not None and whole.values["a1"].value == 1


def test_upload_is_remembered_as_it_was() -> None:
    one = part(1, 2, ["a1", "a2"])
    upload = Upload(id=upload_id(one)).with_part(one)
    assert Upload.of(bson.decode(bson.encode(upload.document()), CodecOptions(tz_aware=True))) == upload


def test_parts_of_two_hours_stay_apart() -> None:
    later = HOUR + timedelta(hours=1)
    assert joined(part(1, 2, ["a1"]), part(2, 2, ["a2"], later)) is None


def test_uploads_of_other_lengths_stay_apart() -> None:
    assert joined(part(1, 2, ["a1"]), part(2, 3, ["a2"])) is None


def test_value_in_two_parts_is_the_earlier_parts() -> None:
    whole = joined(part(2, 2, ["a1"], value=2), part(1, 2, ["a1"], value=1))
    assert whole is not None and whole.values["a1"].value == 1
