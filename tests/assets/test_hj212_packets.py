"""What a data segment says: the standard's form, those met in the field (standards.md 1.12), and what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from services.assets.hj212 import Frame, Malformed, Packet, Reason, Rejected, Splitter, framed, masked, packet_of, parse
from services.assets.hj212 import packet as packets
from services.assets.hj212.decoded import decode_stream
from services.assets.hj212.grammar import check_pairs
from services.assets.hj212.packet import free_values
from services.assets.hj212.standard import plain_items

SHANGHAI = timezone(timedelta(hours=8))
HEAD = "QN=20220513162608370;ST=22;CN=2051;PW=123456;MN=S01;Flag=5;"
TIME = "DataTime=20220513162600"


def packet(cp: str, head: str = HEAD, tail: str = "", strict: bool = True) -> Packet:
    return parse(f"{head}CP=&&{cp}&&{tail}".encode(), strict)


def flaw(cp: str, head: str = HEAD, tail: str = "") -> str:
    with pytest.raises(Malformed) as caught:
        packet(cp, head, tail)
    return caught.value.field


def test_standard_segment_reads_in_full() -> None:
    read = packet(f"{TIME};a21005-Avg=0.427,a21005-Flag=N;a01001-Avg=-3.5,a01001-Flag=D")
    assert (read.qn, read.st, read.cn, read.pw, read.mn) == ("20220513162608370", "22", "2051", "123456", "S01")
    assert read.data_time == datetime(2022, 5, 13, 16, 26, tzinfo=SHANGHAI)
    assert read.values == {"a21005": {"avg": "0.427", "flag": "N"}, "a01001": {"avg": "-3.5", "flag": "D"}}
    assert read.items[1] == (("a21005-Avg", "0.427"), ("a21005-Flag", "N"))


numbers = st.from_regex(r"[+-]?[0-9]{1,10}(\.[0-9]{0,10})?|-|", fullmatch=True)
codes = st.sampled_from(["a21005", "a34004", "w01018", "LA", "NewPW", "DataTime", "a2100", "a210055", "A21005"])
suffixes = st.sampled_from(["Avg", "Rtd", "Min", "AVG", "Flag", "Foo"])
items = st.builds(
    "{0}-{1}={2}{4}{0}-Flag={3}".format, codes, suffixes, numbers, st.sampled_from(["N", "D", "", "NNNNN", "?"]),
    st.sampled_from([",", ",", ",", ";", ",,", " , "]),
)  # fmt: skip
times = st.sampled_from([TIME, f"{TIME}000", "DataTime=20220513996600", "", "DataTime=2022"])


@given(times, st.lists(items, max_size=4), st.sampled_from(["", "", ";", "x", "//a;b//"]))
def test_what_is_read_in_one_go_is_what_the_free_way_reads(time: str, written: list[str], rest: str) -> None:
    cp = ";".join([time, *written]) + rest
    if (read := plain_items(cp)) is not None:
        shown = Packet("22", "2051", "S01", data_time=read[0], plain=read[1])
        assert (shown.data_time, shown.values) == free_values(cp, strict=True)
        check_pairs(shown.values)


ITEMS = "a21005-Avg=0.427,a21005-Flag=N;a01001-Rtd=-3.5,a01001-Flag=D"
heads = st.sampled_from(
    [HEAD, HEAD[21:], HEAD.replace("2022", "2021"), HEAD.replace("20220513", "20220540"), f"{HEAD}PNUM=2;PNO=1;",
     f"{HEAD}PNUM=2;PNO=3;", HEAD.replace("Flag=5", "Flag=256"), HEAD.replace("PW=123456;", ""),
     HEAD.replace("Flag=5", "Flag="), HEAD[:21] + HEAD]
)  # fmt: skip
signs = st.sampled_from(";,=&-N0129.QDa\r\0 \u00e9")


def slowly(segment: str) -> Packet | str:
    """As it is read field by field, the values in one mapping; or the field that is wrong."""
    try:
        return packets.free_packet(segment.encode(), strict=True, may_be_plain=False)
    except Malformed as flaw:
        return flaw.field


def quickly(segment: str) -> Packet | str:
    try:
        read = parse(segment.encode())
    except Malformed as flaw:
        return flaw.field
    return structs.replace(read, plain=(), free=read.values)


@given(heads, st.integers(0, 160), st.integers(0, 3), st.text(signs, max_size=3))
def test_segment_read_in_one_go_is_read_as_field_by_field(head: str, at: int, lost: int, added: str) -> None:
    """A segment, damaged at one place."""
    whole = f"{head}CP=&&{TIME};{ITEMS}&&"
    segment = whole[:at] + added + whole[at + lost :]
    assert quickly(segment) == slowly(segment)


@pytest.mark.parametrize(
    "segment",
    [
        f"{HEAD}CP=&&{TIME};{ITEMS};a21005-Avg=0.428,a21005-Flag=N&&",
        f"{HEAD}CP=&&{TIME};{ITEMS}&",
        f"{HEAD}CP=&&{TIME};{ITEMS}&&&",
        f"{HEAD}CP=&&{TIME};{ITEMS}&&;",
        f"QN=20220513162608371;{HEAD}CP=&&{TIME};{ITEMS}&&",
        *(HEAD.replace("20220513162608370", qn) + f"CP=&&{TIME};{ITEMS}&&" for qn in (
            "2022051316260", "202205131626083", "2022051316260837", "202205131626083701", "20220513162608abc",
            "20220513162608+12", "20220513162608 12", "202205131626081_0", "20220513162608٣٣٣", "20220532162608370",
            "20220511162608370", "20220512162559370", "20220512162600370", "",
        )),
    ],
)  # fmt: skip
def test_what_the_standard_forbids_is_read_field_by_field(segment: str) -> None:
    assert quickly(segment) == slowly(segment)


@pytest.mark.parametrize("head", [HEAD, HEAD[21:], f"{HEAD}PNUM=2;PNO=1;", HEAD.replace("PW=123456;", "")])
def test_standard_upload_is_read_in_one_go(head: str) -> None:
    segment = f"{head}CP=&&{TIME};{ITEMS}&&"
    with patch.object(packets, "free_packet", side_effect=AssertionError):
        read = parse(segment.encode())
    assert len(read.plain) == 2 and not read.free
    assert quickly(segment) == slowly(segment)


@pytest.mark.parametrize(
    ("flag", "needs_ack", "has_split", "edition"),
    [(0, False, False, 2005), (1, True, False, 2005), (4, False, False, 2017), (5, True, False, 2017),
     (6, False, True, 2017), (7, True, True, 2017), (8, False, False, 2025), (11, True, True, 2025)],
)  # fmt: skip
def test_flag_bits_mean_the_standard(flag: int, needs_ack: bool, has_split: bool, edition: int) -> None:
    read = packet("", HEAD.replace("Flag=5", f"Flag={flag}"))
    assert (read.flag, read.needs_ack, read.has_split, read.edition) == (flag, needs_ack, has_split, edition)


@pytest.mark.parametrize(
    "head",
    [
        "ST=22;CN=2051;PW=123456;MN=S01;",
        "ST=22;CN=2051;PW=123456;,MN=S01;FLAG=0;",
        "QN=20220513162608;ST=22;CN=2051;PW=123456;MN=S01;",
        "QN=20220513162608370,ST=22;CN=2051;PW=123456;MN=S01;Flag=5",
        " QN = 20220513162608370; ST=22;CN=2051 ;PW=123456;MN= S01;Flag=;",
        "ST=22;CN=2051;MN=S01;",
        "QN=20220513162608370;ST=22;CN=2051;PW=abcdefghijklmnopqrstuvwx;MN=S01;Flag=9;",
        "ST=22;CN=2051;PW=123456;MN=S01;Flag=6;PNUM=00000002;PNO=00000001;",
        "QN=20220513162608370;ST=22;CN=2051;PW=123456;MN=S01;Flag=9;RF=1;",
    ],
)
def test_heads_of_the_field_read(head: str) -> None:
    read = packet(f"{TIME};a34004-Avg=14,a34004-Flag=N", head)
    assert (read.st, read.cn, read.mn) == ("22", "2051", "S01")
    assert read.values == {"a34004": {"avg": "14", "flag": "N"}}


@pytest.mark.parametrize(
    "cp",
    [
        "a34004-Avg=14,a34004-Flag=N",
        "a34004-Avg=14;a34004-Flag=N",
        "a34004-Flag=N,a34004-Avg=14",
        "a34004-Avg=14,a34004-Flag=N;",
        ";a34004-Avg=14,,a34004-Flag=N;;",
        " a34004-Avg =14 , a34004-Flag= N ",
        "a34004-AVG=14,a34004-flag=N",
        "a34004-Min-Avg=14,a34004-Min-Avg-Flag=N",
    ],
)
def test_separators_of_the_field_read(cp: str) -> None:
    assert packet(f"{TIME};{cp}").values == {"a34004": {"avg": "14", "flag": "N"}}


def test_flag_behind_cp_is_read() -> None:
    read = packet(TIME, "QN=20220513162608370;ST=22;CN=2051;PW=1;MN=S01;", tail=";Flag=5")
    assert read.flag == 5


@pytest.mark.parametrize(
    "text", ["123456789012345", "1.2E-5", "-0.03", "+4", ".5", "7.", "", "--", "NaN", "NA", "null"]
)
def test_odd_numbers_stay_as_written(text: str) -> None:
    assert packet(f"{TIME};a1-Rtd={text},a1-Flag=N").values["a1"]["rtd"] == text


@pytest.mark.parametrize("flag", ["N", "B", "BB", "d", "0", "3", "HSp", "TSL", ""])
def test_flags_stay_as_written(flag: str) -> None:
    assert packet(f"{TIME};a1-Rtd=1,a1-Flag={flag}").values["a1"]["flag"] == flag


def test_names_without_suffix_read() -> None:
    read = packet("QnRtn=1;PolId=a01,PolId=a02;A3400424=12;BeginTime=20220513000000,EndTime=")
    assert {code: fields["value"] for code, fields in read.values.items()} == {
        "QnRtn": "1",
        "PolId": "a01,a02",
        "A3400424": "12",
        "BeginTime": "20220513000000",
        "EndTime": "",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "gb2312"])
def test_chinese_remark_keeps_its_separators(encoding: str) -> None:
    remark = "//清洗管路;已完成,a=1//"
    segment = f"{HEAD.replace('2051', '3020')}CP=&&{TIME};PolId=w01,i11001-Info={remark}&&".encode(encoding)
    assert parse(segment).values["i11001"] == {"info": remark}
    assert parse(segment).items[1] == (("PolId", "w01"), ("i11001-Info", remark))


@pytest.mark.parametrize("written", ["20220513162600", "20220513162600250"])
def test_time_is_beijing_wall_time(written: str) -> None:
    moment = packet(f"DataTime={written}").data_time
    assert moment is not None
    assert moment.astimezone(UTC).isoformat(timespec="milliseconds")[:19] == "2022-05-13T08:26:00"
    assert moment.microsecond == (250_000 if len(written) == 17 else 0)


@pytest.mark.parametrize(
    "written",
    [
        "20263071100000",
        "20220230000000",
        "00010101000000",
        "20220513240000",
        "2022051316260",
        "",
        "2022051316260０",
        "20220513 62600",
        "20220513162600abc",
        "20220513162600+12",
        "20220513162600 12",
        "202205131626001_0",
        "20220513162600٣٣٣",
    ],
)
def test_impossible_time_names_its_field(written: str) -> None:
    assert flaw(f"DataTime={written};a1-Rtd=1") == "DataTime"
    with pytest.raises(Malformed):
        packet(f"DataTime={written};a1-Rtd=1", strict=False)


@pytest.mark.parametrize(
    ("cp", "field"),
    [
        ("a1-Rtd=1.2.3", "a1-rtd"),
        ("a1-Rtd=1O2", "a1-rtd"),
        ("a1-Rtd=1-2", "a1-rtd"),
        ("a1-Rtd=1=2", "a1-rtd"),
        ("a1-Rtd=bad", "a1-rtd"),
        ("a1-Rtd=1,a1-Flag=N?", "a1-flag"),
        ("a1-Rud=1", "a1-rud"),
        ("a1-Rtd-Foo-Flag=1", "a1-flag"),
        ("a#1-Rtd=1", "a#1-rtd"),
        ("-Rtd=1", "-rtd"),
        ("a1-Rtd", "a1-Rtd"),
        ("a1=Rtd-1", "a1"),
        ("a1-Rtd=1,a2-Flag=N", "a2-flag"),
        ("a1-Rtd=1;a2-Flag=N", "a2"),
        ("a1-Rtd=1;a1-Rtd=2", "a1-rtd"),
        ("a1-Rtd=1&&a2-Rtd=1", "CP"),
        ("DataTime=20220513162700", "DataTime"),
    ],
)  # fmt: skip
def test_damaged_values_name_their_field(cp: str, field: str) -> None:
    assert flaw(f"{TIME};{cp}") == field


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("QN=2022", "QN=20x2", "QN"),
        ("QN=20220513", "QN=20221313", "QN"),
        ("QN=2022", "QN=2021", "DataTime"),
        ("ST=22", "ST=2", "ST"),
        ("ST=22;", "", "ST"),
        ("CN=2051", "CN=2O51", "CN"),
        ("CN=2051;", "", "CN"),
        ("MN=S01;", "", "MN"),
        ("MN=S01", "MN=S 1", "MN"),
        ("MN=S01", "MN=S01;MN=S02", "MN"),
        ("PW=123456", "PW=12\u00e9456", "PW"),
        ("Flag=5", "Flag=256", "Flag"),
        ("Flag=5", "Flag=7;PNUM=2;PNO=3", "PNO"),
        ("Flag=5", "Flbg=5", "head"),
        ("ST=22", "ST=22\n", "segment"),
    ],
)
def test_damaged_heads_name_their_field(old: str, new: str, field: str) -> None:
    assert flaw(f"{TIME};a1-Rtd=1", HEAD.replace(old, new)) == field


@pytest.mark.parametrize(
    "segment", [b"", b"&&&&", b"CP=&&&", b"QN=1;ST=22", b"ST=22;CN=2051;MN=S01;CP=&&", b"\xff\xff\xff"]
)
def test_fragments_are_malformed(segment: bytes) -> None:
    with pytest.raises(Malformed):
        parse(segment, strict=False)


def test_lenient_reading_passes_odd_text_on() -> None:
    read = packet(f"{TIME};a1-Rtd=bad,a1-Foo=2;x", HEAD + "New=1;", strict=False)
    assert read.values["a1"] == {"rtd": "bad", "foo": "2"}


def test_measured_upload_needs_its_time() -> None:
    assert flaw("a1-Rtd=1") == "DataTime"
    later = packet("a1-Rtd=1", HEAD.replace("Flag=5;", "Flag=7;PNUM=12;PNO=10;"))
    assert later.data_time is None


def test_encrypted_cp_is_named() -> None:
    segment = f"{HEAD}CP=&&{{0xE4,0x3E}}rest&&".encode()
    (frame,) = Splitter().feed(framed(segment))
    assert isinstance(frame, Frame)
    refused = packet_of(frame)
    assert isinstance(refused, Rejected)
    assert refused.reason == Reason.ENCRYPTED


def test_syntax_flaw_becomes_a_refusal() -> None:
    (shown,) = decode_stream([framed(f"{HEAD}CP=&&DataTime=20263071100000&&".encode())])
    assert (shown["ok"], shown["error"], shown["dialect"]) == (False, "syntax", "hj212")
    assert shown["detail"].startswith("DataTime: ")


def test_password_is_never_shown() -> None:
    read = packet("NewPW=secret", HEAD.replace("123456", "hidden"))
    assert "hidden" not in repr(read) and "secret" not in repr(read)
    assert read.values == {"NewPW": {"value": "******"}}
    raw = framed(f"{HEAD}CP=&&NewPW=secret&&".encode())
    assert masked(raw).count(b"PW=******") == 2
    assert b"123456" not in masked(raw) and b"secret" not in masked(raw)


@given(st.binary(max_size=200) | st.text("QNSTCPMW=&;,-aRtd019.", max_size=200).map(str.encode), st.booleans())
def test_any_segment_reads_or_is_malformed(segment: bytes, strict: bool) -> None:
    try:
        assert parse(segment, strict).cn
    except Malformed as caught:
        assert caught.field


def test_refused_packet_is_short_and_masked() -> None:
    segment = HEAD.replace("MN=S01;", "MN=S01PW=hidden;") + "CP=&&" + "x" * 900 + "&&"
    (frame,) = Splitter().feed(framed(segment.encode()))
    assert isinstance(frame, Frame)
    refused = packet_of(frame)
    assert isinstance(refused, Rejected)
    assert (refused.reason, len(refused.piece), refused.size) == (Reason.SYNTAX, 512, len(frame.raw))
    assert "hidden" not in refused.detail and b"hidden" not in refused.shown
