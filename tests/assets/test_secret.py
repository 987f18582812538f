"""No password is shown, whatever signs it is made of and however its name is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from services.assets.hj212 import Packet, Splitter, masked, packet_of
from services.assets.hj212.frame import Frame
from services.assets.hj212.grammar import HEAD_CHECKS
from services.assets.said import refusal
from services.assets.sent import sent_of
from tests.assets.stations import KNOWN, segment, written

SIGNS = [chr(sign) for sign in range(0x100) if HEAD_CHECKS["PW"](chr(sign))]
passwords = st.text(st.sampled_from(SIGNS) | st.sampled_from("&=#"), max_size=24)
names = st.sampled_from(["PW=", "pw=", "Pw =", "PW = ", " pW  =  "])
new_names = st.sampled_from(["NewPW=", "newpw=", "NEWPW =", "NewPW = ", "NewPW-Info="])


def test_nothing_prints_a_password() -> None:
    (frame,) = Splitter().feed(written(segment("DataTime=20260408095500;a34004-Avg=1", pw="open-sesame")))
    assert isinstance(frame, Frame)
    packet = packet_of(frame)
    assert isinstance(packet, Packet)
    sent = sent_of(packet, frame.raw)
    for value in (frame, packet, sent):
        assert "sesame" not in repr(value) and "sesame" not in pretty_repr([value])


@given(passwords, names)
def test_password_leaves_no_trace(password: str, name: str) -> None:
    def shown(of: str) -> bytes:
        return masked(f"##0100QN=1;ST=22;CN=2051;{name}{of};MN=S1;CP=&&a34004-Avg=1&&0000".encode())

    assert shown(password) == shown("") and b"MN=S1;CP=&&a34004-Avg=1&&0000" in shown("")


@given(passwords, new_names, st.sampled_from(["&&0000", "", "&&0000\r\n##0100QN=1"]))
def test_new_password_leaves_no_trace(password: str, name: str, end: str) -> None:
    def shown(of: str) -> bytes:
        return masked(f"##0100QN=1;PW=1;MN=S1;CP=&&{name}{of}{end}".encode())

    assert shown(password) == shown("")


@example(password="Data", place="PW")
@given(
    passwords.filter(lambda password: len(password) > 3 and "##" not in password), st.sampled_from(["PW", "CP", "cp"])
)
def test_no_part_of_a_password_is_in_a_rejection(password: str, place: str) -> None:
    """But for one that holds the mark of a new frame: what follows it is read as one; or a part of our own words."""
    cp = f"{'NewPW' if place == 'CP' else 'newpw'}={password}" if place != "PW" else "a34004-Avg=1"
    own_words = "******" + "".join(_refused(segment("a34004-Avg=1", pw="1")))
    rest = written(segment(cp.replace(password, ""), pw="")).decode() + own_words
    for said in _refused(segment(cp, pw=password if place == "PW" else "1"), b"##0001 PW=" + password.encode()):
        for start in range(len(password) - 3):
            part = password[start : start + 4]
            assert part in rest or part not in said


def _refused(content: str, more: bytes = b"") -> Iterator[str]:
    """What is said and kept of it, and of what else the logger writes."""
    for piece in Splitter().feed(written(content)) + Splitter().feed(more + b"\r\n"):
        flaw = packet_of(piece) if isinstance(piece, Frame) else piece
        detail, raw = getattr(flaw, "detail", ""), piece.raw if isinstance(piece, Frame) else piece.piece
        (said,) = refusal("syntax", detail, raw, datetime(2026, 4, 8, tzinfo=UTC), KNOWN.mn).refused
        yield said.piece + said.detail


@given(
    st.text(st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ23456789"), min_size=6, max_size=6),
    st.integers(0, 2),
    st.binary(max_size=1).filter(lambda byte: byte not in (b";", b",")),
)
def test_password_with_a_damaged_name_leaves_no_trace(password: str, place: int, byte: bytes) -> None:
    """One byte of `PW=` changed or lost on the line: its place still tells what it is."""
    name = bytearray(b"PW=")
    name[place : place + 1] = byte
    shown = masked(b"##0100QN=1;ST=22;CN=2051;" + bytes(name) + password.encode() + b";MN=S1;CP=&&&&0000")
    assert password[2:].encode() not in shown and shown.endswith(b";MN=S1;CP=&&&&0000")


def test_keys_at_the_wrong_door_leave_no_trace() -> None:
    request = b"POST /v1 HTTP/1.1\r\nX-Api-Key: k-secret\r\nauthorization: Bearer t-secret\r\nHost: x\r\n\r\n"
    shown = masked(request)
    assert b"secret" not in shown and b"Host: x" in shown


@pytest.mark.parametrize("behind", ["CP=&&", "Flag=5;CP=&&", "PNUM=1;PNO=1;CP=&&"])
def test_what_stands_behind_cn_and_is_no_password_is_kept(behind: str) -> None:
    """A logger may write its head in an order of its own; what is quarantined of it can still be read and released."""
    raw = f"ST=22;MN=S1;PW=123456;CN=2011;{behind}DataTime=20260408095500;a34004-Avg=1,a34004-Flag=N&&".encode()
    assert masked(raw) == raw.replace(b"123456", b"******")
