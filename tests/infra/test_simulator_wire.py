"""The simulator's writer against Annex A, and against the gateway's codec: two implementations meet."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.agreements.sites import CrcDialect
from infra.local.simulator.wire import Answers, Page, Pen, crc16, modbus16, swapped16
from services.assets.hj212 import Frame, Packet, Splitter, answer_9014, crc16_hj212, packet_of
from tests.infra.stations import whole

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "assets" / "hj212_frames.json").read_text())
SENT = datetime(2026, 4, 1, 2, 5, 0, 123_000, tzinfo=UTC)
PERIOD = datetime(2026, 4, 1, 2, 0, tzinfo=UTC)
MN = "4201A0D41B7C3E5F90620001"
MANY = [f"a{code:05d}-Avg={code}.5,a{code:05d}-Flag=N" for code in range(34000, 34090)]


def annex_a(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ byte
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return register


def packets(pages: list[Page], crc: CrcDialect = "hj212") -> list[Packet]:
    pieces = Splitter(allowed=(crc,)).feed(b"".join(page.data for page in pages))
    assert all(isinstance(piece, Frame) for piece in pieces)
    read = [packet_of(piece) for piece in pieces if isinstance(piece, Frame)]
    return [packet for packet in read if isinstance(packet, Packet)]


@given(st.binary(max_size=70))
def test_crc_is_that_of_annex(data: bytes) -> None:
    assert crc16(data) == annex_a(data) == crc16_hj212(data)


def test_check_values_are_the_known() -> None:
    assert (crc16(b"123456789"), modbus16(b"123456789"), swapped16(b"123456789")) == (0x2F80, 0x4B37, 0x802F)


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["expect"] == "ok"], ids=lambda one: str(one["n"]))
def test_public_vectors_have_this_crc(vector: dict[str, Any]) -> None:
    frame = vector["frame"].encode().rstrip()
    assert crc16(frame[6:-4]) == int(frame[-4:], 16)


@pytest.mark.parametrize("crc", ["hj212", "modbus", "byteswapped"])
def test_gateway_reads_every_dialect(crc: CrcDialect) -> None:
    [packet] = packets(Pen(MN, "secret", "2017", crc).upload("2051", SENT, PERIOD, MANY[:3]), crc)
    assert (packet.mn, packet.pw, packet.cn, packet.st, packet.flag) == (MN, "secret", "2051", "22", 5)
    assert packet.qn == "20260401100500123"
    assert packet.data_time == PERIOD
    assert packet.values["a34002"] == {"avg": "34002.5", "flag": "N"}


@pytest.mark.parametrize(("edition", "flag"), [("2005", 1), ("2017", 5), ("2025", 9)])
def test_edition_shows_in_the_head(edition: str, flag: int) -> None:
    [packet] = packets(Pen(MN, "123456", edition).upload("2061", SENT, PERIOD, MANY[:1]))
    assert packet.flag == flag
    assert (packet.qn is None) == (edition == "2005")


@given(st.integers(0, len(MANY)), st.sampled_from(["2005", "2017"]))
def test_long_upload_is_joined_again(count: int, edition: str) -> None:
    pages = Pen(MN, "123456", edition).upload("2061", SENT, PERIOD, MANY[:count])
    assert all(len(page.data) <= 1036 for page in pages)
    found = list(whole(packets(pages)))
    assert [list(packet.values) for packet in found] == [[item[:6] for item in MANY[:count]]]


def test_each_split_packet_has_own_qn() -> None:
    pages = Pen(MN, "123456").upload("2061", SENT, PERIOD, MANY)
    assert len({page.qn for page in pages}) == len(pages) > 1
    assert [packet.qn for packet in packets(pages)] == [page.qn for page in pages]
    assert {packet.flag for packet in packets(pages)} == {7}


def test_password_is_not_shown() -> None:
    assert "hidden" not in repr(Pen(MN, "hidden"))


@given(st.lists(st.integers(0, 999), max_size=6), st.integers(1, 200), st.binary(max_size=9))
def test_answers_are_found_in_pieces(numbers: list[int], size: int, noise: bytes) -> None:
    noise = noise.replace(b"#", b"")
    qns = [f"20260401100500{number:03d}" for number in numbers]
    stream = b"".join(noise + answer_9014(Packet(st="22", cn="2051", mn=MN, qn=qn, pw="123456")) for qn in qns)
    answers = Answers()
    found = [qn for at in range(0, len(stream), size) for qn in answers.feed(stream[at : at + size])]
    assert found == qns


def test_wrong_answers_are_read_over() -> None:
    good = answer_9014(Packet(st="22", cn="2051", mn=MN, qn="20260401100500123", pw="1"))
    other = Pen(MN, "1").framed(b"QN=20260401100500123;ST=91;CN=9013;PW=1;MN=1;Flag=4;CP=&&&&")
    no_qn = answer_9014(Packet(st="22", cn="2051", mn=MN, pw="1"))
    damaged = good.replace(b"9014", b"9044")
    assert Answers().feed(b"##99" + damaged + b"##00x1" + other + good + no_qn) == ["20260401100500123", ""]
