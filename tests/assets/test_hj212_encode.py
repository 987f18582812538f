"""What we write reads back the same, whole or in parts."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.assets.hj212 import Frame, Packet, Splitter, Upload, answer_9014, encode, packet_of, upload_frames

SENT = datetime(2026, 3, 1, 0, 0, 5, 250_000, tzinfo=UTC)
TIME = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)

CODES = st.from_regex(r"a[0-9]{5}", fullmatch=True)
NUMBERS = st.decimals(-9999, 99999, allow_nan=False, places=3).map(str)
READINGS = st.dictionaries(
    CODES,
    st.fixed_dictionaries(
        {"avg": NUMBERS, "flag": st.sampled_from("NFMSDCTB")}, optional={"min": NUMBERS, "max": NUMBERS}
    ),
    max_size=60,
)
UPLOADS = st.builds(
    Upload,
    mn=st.from_regex(r"[0-9A-F]{14}|[0-9A-F]{24}", fullmatch=True),
    pw=st.from_regex(r"[0-9A-Za-z]{6}", fullmatch=True),
    cn=st.sampled_from(["2011", "2051", "2061", "2031"]),
    time=st.integers(0, 3_000_000_000).map(
        lambda seconds: datetime(2005, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    values=READINGS,
    edition=st.sampled_from([2005, 2017, 2025]),
    needs_ack=st.booleans(),
)


def packets(data: bytes, sizes: list[int]) -> list[Packet]:
    splitter, found, at = Splitter(), [], 0
    for size in sizes:
        found += splitter.feed(data[at : at + size])
        at += size
    found += splitter.feed(data[at:]) + splitter.finish()
    read = [packet_of(piece) if isinstance(piece, Frame) else piece for piece in found]
    assert all(isinstance(piece, Packet) for piece in read), read
    return [piece for piece in read if isinstance(piece, Packet)]


def upload(count: int = 3, **changes: Any) -> Upload:
    values = {f"a{34000 + n}": {"avg": f"{n}.5", "flag": "N"} for n in range(count)}
    fields: dict[str, Any] = {"mn": "S" * 24, "pw": "123456", "cn": "2061", "time": TIME, "values": values}
    return Upload(**fields | changes)


@settings(max_examples=60)
@given(UPLOADS, st.lists(st.integers(1, 900), max_size=20))
def test_upload_reads_back_in_any_chunks(said: Upload, sizes: list[int]) -> None:
    parts = packets(b"".join(upload_frames(said, said.time)), sizes)
    for heard in parts:
        assert (heard.mn, heard.pw, heard.cn, heard.data_time) == (said.mn, said.pw, said.cn, said.time)
        assert heard.needs_ack == said.needs_ack
    codes = [code for heard in parts for code in heard.values]
    assert sorted(codes) == sorted(said.values)
    assert {code: fields for heard in parts for code, fields in heard.values.items()} == said.values


def test_standard_form_is_written() -> None:
    (frame,) = upload_frames(upload(1), SENT)
    head = b"QN=20260301080005250;ST=22;CN=2061;PW=123456;MN=SSSSSSSSSSSSSSSSSSSSSSSS;Flag=5;"
    assert frame[6:-6] == head + b"CP=&&DataTime=20260301080000;a34000-Avg=0.5,a34000-Flag=N&&"


@pytest.mark.parametrize(("needs_ack", "flag"), [(False, b""), (True, b"Flag=1;")])
def test_old_form_has_no_qn(needs_ack: bool, flag: bytes) -> None:
    (frame,) = upload_frames(upload(1, edition=2005, needs_ack=needs_ack, mn="88888881234567"), SENT)
    assert frame[6:].startswith(b"ST=22;CN=2061;PW=123456;MN=88888881234567;" + flag + b"CP=&&DataTime=")


@pytest.mark.parametrize("edition", [2005, 2017])
def test_long_upload_splits_by_items(edition: Literal[2005, 2017]) -> None:
    said = upload(90, edition=edition)
    frames = upload_frames(said, SENT)
    parts = packets(b"".join(frames), [])
    assert len(parts) > 2 and max(map(len, frames)) <= 1036
    assert [(part.pnum, part.pno) for part in parts] == [(len(parts), number) for number in range(1, len(parts) + 1)]
    assert all(part.has_split and part.data_time == TIME for part in parts)
    assert len({part.qn for part in parts}) == (len(parts) if edition == 2017 else 1)
    assert {code for part in parts for code in part.values} == set(said.values)
    assert sum(len(part.values) for part in parts) == 90


def test_item_too_long_for_any_packet_is_refused() -> None:
    with pytest.raises(ValueError, match="a1-Info does not fit"):
        upload_frames(upload(values={"a1": {"info": "x" * 1000}}), SENT)


def test_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        upload_frames(upload(time=TIME.replace(tzinfo=None)), SENT)


def test_answer_is_what_the_standard_shows() -> None:
    request = Packet(st="22", cn="2011", mn="010000A8900016F000169DC0", qn="20160801085000001", pw="123456", flag=7)
    assert answer_9014(request) == (
        b"##0087QN=20160801085000001;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&C241\r\n"
    )


def test_answer_keeps_upper_case_crc() -> None:
    answers = [answer_9014(Packet(st="22", cn="2011", mn=f"S{number}", qn=None, pw="1")) for number in range(300)]
    assert all(answer[-6:-2] == answer[-6:-2].upper() for answer in answers)
    assert {len(answer[-6:]) for answer in answers} == {6}


def test_read_packet_encodes_to_itself() -> None:
    (frame,) = upload_frames(upload(), SENT)
    (read,) = packets(frame, [])
    assert encode(read) == frame
