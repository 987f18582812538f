"""Times of posted readings: the starts of periods that are over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from contracts.events.assets import ReadingKind
from services.assets.api.posts import PostedReading
from services.assets.periods import unfit
from tests.assets.stations import KNOWN, ZONE

NOW = datetime(2026, 4, 8, 10, 2, 30, tzinfo=ZONE)
TOLERANCE = timedelta(minutes=5)


def expected(kind: ReadingKind, written: str) -> str | None:
    time = datetime.fromisoformat(written).replace(tzinfo=ZONE)
    words = unfit(kind, time, KNOWN, NOW, TOLERANCE)
    return words.en if words else None


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("minute", "2026-04-08T09:55"), ("minute", "2026-04-08T10:00"), ("hour", "2026-04-08T09:00"),
        ("day", "2026-04-07"), ("realtime", "2026-04-08T10:02:29"), ("realtime", "2026-04-08T10:07:30"),
    ],
)  # fmt: skip
def test_period_that_is_over_fits(kind: ReadingKind, written: str) -> None:
    """By the logger's clock, which may be some minutes ahead."""
    assert expected(kind, written) is None


@pytest.mark.parametrize(
    ("kind", "written", "start"),
    [
        ("minute", "2026-04-08T09:53", "every 5 minutes, such as 2026-04-08T09:50:00+08:00"),
        ("minute", "2026-04-08T09:50:01", "such as 2026-04-08T09:50:00+08:00"),
        ("hour", "2026-04-08T08:30", "every 60 minutes, such as 2026-04-08T08:00:00+08:00"),
        ("day", "2026-04-07T08:00", "every 1440 minutes, such as 2026-04-07T00:00:00+08:00"),
    ],
)  # fmt: skip
def test_time_inside_a_period_is_told_its_start(kind: ReadingKind, written: str, start: str) -> None:
    assert start in (expected(kind, written) or "")


@pytest.mark.parametrize(
    ("kind", "written", "end"),
    [
        ("minute", "2026-04-08T10:05", "10:10:00"),
        ("hour", "2026-04-08T10:00", "11:00:00"),
        ("day", "2026-04-08", "2026-04-09T00:00:00"),
        ("realtime", "2026-04-08T10:07:31", "10:07:31"),
    ],
)
def test_period_under_way_is_told_its_end(kind: ReadingKind, written: str, end: str) -> None:
    assert f"{end}+08:00, it is 2026-04-08T10:02:30+08:00" in (expected(kind, written) or "")


def test_time_before_the_station_is_told_it() -> None:
    assert "not before the station" in (expected("hour", "1999-01-01T00:00") or "")


@pytest.mark.parametrize("digits", [1_775_606_400, 1775606400.0, "1775606400", "20260408100000", "-1", "1.5"])
def test_digits_are_no_time(digits: object) -> None:
    with pytest.raises(ValidationError, match="an instant such as"):
        PostedReading.model_validate({"kind": "hour", "time": digits, "values": {}})


def test_written_time_is_read() -> None:
    posted = PostedReading.model_validate_json('{"kind": "hour", "time": "2026-04-08T10:00:00+08:00", "values": {}}')
    assert posted.time == datetime(2026, 4, 8, 10, tzinfo=ZONE)
