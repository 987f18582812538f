"""Whom the gateway believes, and what it may answer."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.events.assets import ReadingReceivedV1, ReadingRejectedV1
from infra.runtime.security import hash_of_key
from services.assets.admission import Admission, Heard
from services.assets.hj212 import DIALECTS, Dialect, Frame, Rejected, Splitter, framed
from services.assets.register import Known, Passwords
from services.assets.uploads import Times
from tests.assets.stations import KNOWN, frame, held, segment, written

NOW = datetime(2026, 4, 8, 2, 0, tzinfo=UTC)
GOOD = "DataTime=20260408095500;a34004-Avg=35,a34004-Flag=N"
UNREADABLE = "DataTime=20260408095500;a34004-Avg=3!5,a34004-Flag=N"
FIRST = "DataTime=20260408095500;a34004-Avg=35"
LATER = "a34002-Avg=80"


def gate(*known: Known, secrets: Path = Path("/nonexistent")) -> Admission:
    return Admission(held(*known), Passwords(secrets), timedelta(minutes=5))


def verdict(heard: Heard) -> tuple[str, bool, bool]:
    """The reason or "taken", whether it is answered, whether it is trusted."""
    event = heard.taken.events[0]
    reason = event.reason if isinstance(event, ReadingRejectedV1) else "taken"
    return reason, heard.answer is not None, heard.trusted


async def hear(admission: Admission, cp: str, times: Times | None = None, **head: str) -> tuple[str, bool, bool]:
    return verdict(await admission.hear(frame(segment(cp, **head)), times or Times(), NOW))


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "keys.secret").write_bytes(b"pepper")
    (tmp_path / "loggers.json").write_text(f'{{"{KNOWN.mn}": "{hash_of_key("123456", b"pepper")}"}}')
    return tmp_path


async def test_known_logger_is_trusted_and_answered(secrets: Path) -> None:
    assert await hear(gate(KNOWN, secrets=secrets), GOOD) == ("taken", True, True)


async def test_strangers_are_answered_but_not_trusted(secrets: Path) -> None:
    admission = gate(KNOWN, secrets=secrets)
    assert await hear(admission, GOOD, mn="X1") == ("unknown_mn", True, False)
    assert await hear(admission, GOOD, pw="654321") == ("wrong_password", True, False)
    other = await admission.hear(frame(segment(GOOD), "modbus"), Times(), NOW)
    assert verdict(other) == ("crc", False, False)


async def test_noise_is_neither_trusted_nor_answered() -> None:
    (piece,) = Splitter().feed(b"noise\r\n")
    assert isinstance(piece, Rejected)
    assert verdict(await gate(KNOWN).hear(piece, Times(), NOW)) == ("garbage", False, False)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_frame_of_the_registered_dialect_is_taken(dialect: Dialect) -> None:
    admission, chance = gate(replace(KNOWN, crc=dialect)), random.Random(8)
    splitter, seen = Splitter(allowed=DIALECTS), set()
    for number in range(5_000):
        cp = f"DataTime=20260408095500;a34004-Avg={chance.uniform(0, 90):.3f},a34004-Flag=N"
        (piece,) = splitter.feed(written(segment(cp, qn=f"20260408095600{number % 1000:03d}"), dialect))
        assert isinstance(piece, Frame)
        seen.add(piece.dialect)
        assert verdict(await admission.hear(piece, Times(), NOW)) == ("taken", True, True)
    # The reason for the test: some of them fit another dialect first.
    assert "hj212" in seen or dialect == "modbus"


async def test_frames_of_another_dialect_stay_refused() -> None:
    admission, chance = gate(KNOWN), random.Random(9)
    taken = 0
    for _ in range(2_000):
        cp = f"DataTime=20260408095500;a34004-Avg={chance.uniform(0, 90):.3f}"
        heard = await admission.hear(frame(segment(cp), "byteswapped"), Times(), NOW)
        taken += heard.trusted
        assert heard.trusted == frame(segment(cp), "byteswapped").fits("hj212")
    assert taken < 2_000 * 0.03


async def test_part_without_time_is_not_answered() -> None:
    admission, times = gate(KNOWN), Times()
    assert await hear(admission, FIRST, times, flag="7;PNUM=2;PNO=1") == ("taken", True, True)
    assert await hear(admission, LATER, times, flag="7;PNUM=2;PNO=2") == ("taken", True, True)
    assert await hear(admission, LATER, Times(), flag="7;PNUM=2;PNO=2") == ("syntax", False, True)


async def test_part_without_time_is_one_refusal() -> None:
    admission = gate(KNOWN)
    part = frame(segment(LATER, flag="7;PNUM=2;PNO=2"))
    once = await admission.hear(part, Times(), NOW)
    assert (await admission.hear(part, Times(), NOW + timedelta(minutes=1))).taken.ids == once.taken.ids


async def test_whole_upload_sent_again_is_taken() -> None:
    admission, times = gate(KNOWN), Times()
    await hear(admission, LATER, times, flag="7;PNUM=2;PNO=2")
    for part, cp in enumerate((FIRST, LATER), 1):
        assert await hear(admission, cp, times, flag=f"7;PNUM=2;PNO={part}") == ("taken", True, True)


async def test_unreadable_frame_is_answered_when_it_comes_again(secrets: Path) -> None:
    admission = gate(KNOWN, secrets=secrets)
    assert await hear(admission, UNREADABLE) == ("syntax", False, True)
    assert await hear(admission, UNREADABLE.replace("3!5", "3!6")) == ("syntax", False, True)
    assert await hear(admission, UNREADABLE, qn="20260408095700001") == ("syntax", True, True)
    assert await hear(admission, UNREADABLE) == ("syntax", True, True)


async def test_encrypted_frame_is_answered_when_it_comes_again() -> None:
    admission = gate(KNOWN)
    assert await hear(admission, "{0x1234}", flag="9") == ("unsupported", False, True)
    assert await hear(admission, "{0x1234}", flag="9") == ("unsupported", True, True)


@pytest.mark.parametrize("head", [{"mn": "X1"}, {"pw": "654321"}, {"qn": "2026"}])
async def test_unreadable_frame_of_a_stranger_is_never_answered(head: dict[str, str], secrets: Path) -> None:
    admission = gate(KNOWN, secrets=secrets)
    for _ in range(3):
        assert await hear(admission, UNREADABLE, **head) == ("syntax", False, False)


async def test_frame_without_command_is_a_strangers() -> None:
    (piece,) = Splitter().feed(framed(f"MN={KNOWN.mn};CP=&&{GOOD}&&".encode()))
    assert verdict(await gate(KNOWN).hear(piece, Times(), NOW)) == ("syntax", False, False)


async def test_good_frame_keeps_its_reading() -> None:
    heard = await gate(KNOWN).hear(frame(segment(GOOD)), Times(), NOW)
    assert isinstance(heard.taken.events[0], ReadingReceivedV1)
