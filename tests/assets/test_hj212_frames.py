"""The splitter on real frames, and on everything a line can do to them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assets.hj212 import DIALECTS, Frame, Reason, Rejected, Splitter, crc16_modbus, decode_stream, framed

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("hj212_frames.json").read_text("utf-8"))
GOOD = [vector["frame"].encode() for vector in VECTORS if vector["expect"] == "ok"]
AIR = next(frame for frame in GOOD if frame.startswith(b"##0411"))
SHORT = next(frame for frame in GOOD if frame.startswith(b"##0081"))


def split(data: bytes, **options: Any) -> list[Frame | Rejected]:
    splitter = Splitter(**options)
    return splitter.feed(data) + splitter.finish()


def frames(found: list[Frame | Rejected]) -> list[bytes]:
    return [piece.raw for piece in found if isinstance(piece, Frame)]


def reasons(found: list[Frame | Rejected]) -> list[Reason]:
    return [piece.reason for piece in found if isinstance(piece, Rejected)]


def bare(frame: bytes) -> bytes:
    return frame.rstrip(b"\r\n")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["n"]))
def test_real_frames_read_as_expected(vector: dict[str, Any]) -> None:
    (shown,) = decode_stream([vector["frame"].encode()])
    expected = {
        "ok": (True, None, "hj212"),
        "bad": (False, "crc", None),
        "modbus": (False, "crc", "modbus"),
        "byteswapped": (False, "crc", "byteswapped"),
    }[vector["expect"]]
    assert (shown["ok"], shown["error"], shown["dialect"]) == expected
    assert (shown["mn"] is None) == (vector["expect"] == "bad")


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"", rb"\r\n", b"\r\n\r\n", b"\0"])
def test_any_line_end_reads_all(end: bytes) -> None:
    shown = list(decode_stream([end.join([bare(frame) for frame in GOOD]) + end]))
    assert [entry["ok"] for entry in shown] == [True] * len(GOOD)


@given(st.lists(st.integers(1, 700), min_size=1, max_size=60))
def test_chunking_never_changes_the_pieces(sizes: list[int]) -> None:
    stream = b"junk\n" + b"".join(GOOD) + b"##04" + AIR + AIR[:200] + SHORT + b"tail"
    splitter, found, at = Splitter(), [], 0
    for size in sizes:
        found += splitter.feed(stream[at : at + size])
        at += size
    found += splitter.feed(stream[at:]) + splitter.finish()
    assert found == split(stream)
    assert frames(found) == [bare(frame) for frame in [*GOOD, AIR, SHORT]]


NOISE = [AIR[:200], bare(SHORT), AIR[:-6] + b"0000", b"junk\n", b"#", b"##", b"##9999", b"\r\n"]
PIECES = st.sampled_from([*GOOD, *NOISE])


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_offset_finds_the_piece(stream: bytes) -> None:
    found = split(stream)
    raws = [piece.raw if isinstance(piece, Frame) else piece.piece for piece in found]
    assert all(stream.startswith(raw, piece.offset) for piece, raw in zip(found, raws, strict=True))
    offsets = [piece.offset for piece in found]
    assert offsets == sorted(set(offsets))


def test_byte_by_byte_reads_the_same() -> None:
    splitter = Splitter()
    found = [piece for byte in AIR + SHORT for piece in splitter.feed(bytes([byte]))]
    assert frames(found) == [bare(AIR), bare(SHORT)]


@pytest.mark.parametrize("kept", range(2, len(AIR) - 2, 7))
def test_cut_frame_spares_the_next(kept: int) -> None:
    found = split(AIR[:kept] + SHORT + AIR)
    assert frames(found) == [bare(SHORT), bare(AIR)]
    assert len(reasons(found)) == 1


def test_cut_frame_is_named_before_more_comes() -> None:
    found = Splitter().feed(AIR[:150] + SHORT)
    assert reasons(found) == [Reason.TRUNCATED]
    assert frames(found) == [bare(SHORT)]


@pytest.mark.parametrize(
    "length", [b"+411", b"-411", b" 411", b"411 ", b"0x19", b"019B", b"4_11", "４1".encode(), b"41.1"]
)
def test_lengths_not_in_digits_are_refused(length: bytes) -> None:
    found = split(b"##" + length + AIR[6:] + SHORT)
    assert reasons(found) == [Reason.LENGTH]
    assert frames(found) == [bare(SHORT)]


@pytest.mark.parametrize("length", [0, 1, 80, 410, 412, 417, 999, 4096])
def test_wrong_length_is_named_and_skipped(length: int) -> None:
    found = split(b"##%04d" % length + AIR[6:] + SHORT)
    assert reasons(found) == [Reason.LENGTH]
    assert frames(found) == [bare(SHORT)]


def test_wrong_crc_is_named_with_the_right() -> None:
    (refused,) = split(AIR.replace(b"D641", b"D642"))
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.detail) == (Reason.CRC, "the CRC is D642, D641 expected")


@pytest.mark.parametrize("crc", [b"d641", b"D641", b"d6 1", b"+641", b"0xD6"])
def test_only_hexadecimal_crc_is_read(crc: bytes) -> None:
    found = split(AIR.replace(b"D641", crc))
    assert (frames(found) != []) == (crc.upper() == b"D641")


def test_short_crc_spares_the_next() -> None:
    found = split(bare(AIR)[:-1] + SHORT)
    assert frames(found) == [bare(SHORT)]


def test_stray_marks_spare_the_frame() -> None:
    assert frames(split(b"#" + AIR + b"##" + AIR + b"####" + AIR)) == [bare(AIR)] * 3


def test_other_dialects_need_the_option() -> None:
    segment = AIR[6:-6]
    modbus = b"##0411%b%04X\r\n" % (segment, crc16_modbus(segment))
    swapped = b"##0411%b41D6\r\n" % segment
    refused = split(modbus + swapped)
    assert [piece.dialect for piece in refused if isinstance(piece, Rejected)] == ["modbus", "byteswapped"]
    assert [piece.dialect for piece in split(modbus + swapped + AIR, allowed=DIALECTS)] == [
        "modbus",
        "byteswapped",
        "hj212",
    ]


def test_length_plus_six_needs_the_option() -> None:
    excessive = b"##0417" + AIR[6:]
    assert reasons(split(excessive)) == [Reason.LENGTH]
    (frame,) = split(excessive, length_plus_six=True)
    assert isinstance(frame, Frame)
    assert frame.length_plus_six and frame.segment == AIR[6:-6]
    (honest,) = split(AIR, length_plus_six=True)
    assert isinstance(honest, Frame) and not honest.length_plus_six


@pytest.mark.parametrize(("size", "fits"), [(1045, True), (1703, True), (4096, True), (4097, False)])
def test_long_segments_have_a_limit(size: int, fits: bool) -> None:
    long = framed(b"QN=1;CP=&&" + b"x" * (size - 12) + b"&&")
    found = split(long + SHORT)
    assert reasons(found) == ([] if fits else [Reason.TOO_LONG])
    assert frames(found)[-1] == bare(SHORT)


@pytest.mark.parametrize("noise", [b"x", b"#", b"\n", b"##", b"##9", b"##4096", b"##0411QN=", b"##99999", b"a\n"])
def test_endless_noise_keeps_memory_bounded(noise: bytes) -> None:
    splitter = Splitter()
    chunk = noise * (8192 // len(noise))
    for _ in range(20):
        for piece in splitter.feed(chunk):
            assert isinstance(piece, Rejected) and len(piece.piece) <= 512
        assert len(splitter._buffer) <= 4096 + 10 and len(splitter._waste._kept) <= 4096 + 10
    assert frames(splitter.feed(b"\r\n" + SHORT * 60))[-1] == bare(SHORT)


@given(st.binary(max_size=3000))
def test_any_bytes_only_give_refusals(noise: bytes) -> None:
    found = split(noise)
    assert frames(found) == []
    assert len(noise) == 0 or sum(piece.size for piece in found if isinstance(piece, Rejected)) <= len(noise)


def test_refused_piece_hides_the_password() -> None:
    (refused,) = split(AIR.replace(b"D641", b"D642"))
    assert isinstance(refused, Rejected)
    assert b"PW=******;" in refused.shown
    assert "123456" not in repr(refused) + repr(split(AIR))
