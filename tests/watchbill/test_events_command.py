"""How an export is put together: one form for every event, one order, nothing twice."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.events.assets import ReadingReceivedV1
from contracts.events.notify import NoticeDeliveredV1
from contracts.events.scoring import ScorePostedV1
from services.assets.store import document_of
from services.scoring.domain import Recorded, read_recorded
from tests.scoring import papers
from tests.scoring.papers import at
from tests.watchbill.evidence import minute, published, run
from watchbill.commands.events import days_of, merged, order_of, reading_line, write
from watchbill.exported import line_of
from watchbill.readings import key_of, recorded_of
from watchbill.said import is_of

SITE = "mulan-lake"


def row_of(known: Recorded) -> dict[str, Any]:
    """A stored reading as assets answers it."""
    assert isinstance(known.event, ReadingReceivedV1)
    stored = document_of(known.id, known.event)
    times = {name: stored[name].isoformat().replace("+00:00", "Z") for name in ("time", "at", "received_at")}
    return {**stored, **times, "reading": stored["_id"]}


def test_stored_reading_becomes_its_event() -> None:
    known = minute(SITE, 8, 7.5, "31.5", "D")
    assert recorded_of(row_of(known)) == known


def test_exported_reading_reads_back() -> None:
    known = minute(SITE, 8, 7.5, "31.5", "D")
    line = reading_line(row_of(known))
    assert list(read_recorded([json.dumps(line)])) == [known]
    assert (line["source"], line["subject"], line["time"]) == ("/watchbill/assets", SITE, "2026-04-07T23:35:00+00:00")


def test_agreement_of_two_lots_is_told_once() -> None:
    event = line_of(published(papers.agreement()), "2026-04-01T00:00:00+00:00")
    first, second = (line_of(papers.due("s1", name, at(3), at(4)), "x") for name in ("p1", "p2"))
    assert list(merged([[event, first], [event, second], []])) == [event, first, second]


moments = st.lists(st.tuples(st.integers(1, 28), st.integers(0, 23)), unique=True, max_size=12)


@given(st.lists(moments, max_size=4))
def test_merging_is_sorting(streams: list[list[tuple[int, int]]]) -> None:
    told = [
        sorted((line_of(minute(f"s{n}", day, hour, "1"), "x") for day, hour in stream), key=order_of)
        for n, stream in enumerate(streams)
    ]
    whole = sorted((line for stream in told for line in stream), key=order_of)
    assert list(merged(told)) == whole


def test_lines_are_written_as_they_come() -> None:
    """The export holds one line at a time: each is in the file before the next one is asked for."""
    file, seen = io.BytesIO(), []

    def lines() -> Iterator[dict[str, Any]]:
        for day in range(1, 4):
            seen.append(file.getvalue().count(b"\n"))
            yield line_of(minute(SITE, day, 1, "1"), "x")

    written = write(lines(), file)
    assert seen == [0, 1, 2] and written.record()["types"] == {"ReadingReceivedV1": 3} and written.lines == 3


def test_month_has_all_its_days() -> None:
    assert [len(list(days_of(month))) for month in ("2026-02", "2028-02", "2026-04", "2026-12")] == [28, 29, 30, 31]


def test_score_is_of_its_month() -> None:
    """It is said after the month that it scores; whatever else is said then is of the next one."""
    closed = at(30, 24 + 8)
    score = ScorePostedV1(
        at=closed, score="s", agreement="a", agreement_version=1, lot="l", site=SITE, month="2026-04", revision=1,
        provisional=False, full=Decimal(100), points=Decimal(95),
    )  # fmt: skip
    notice = NoticeDeliveredV1(at=closed, notice="n", person="li", channel="sms", cause="c", provider_id="p")
    assert [is_of(score, month) for month in ("2026-04", "2026-05")] == [True, False]
    assert [is_of(notice, month) for month in ("2026-04", "2026-05")] == [False, True]


def test_natural_key_is_told_apart() -> None:
    assert key_of("mulan-lake/minute/20260408T233000Z") == ("mulan-lake", "minute", "20260408T233000Z")
    assert key_of("wuhan-air/lot-1/2026-04/r1") is None and key_of("opened f1") is None


def test_month_must_be_named(tmp_path: Path) -> None:
    for arguments in ([], ["--month", "2026-13"]):
        told = run("events", "export", *arguments, WATCHBILL_DATA=str(tmp_path))
        assert told.exit_code == 2 and "请用 --month" in told.stderr and "Give the month" in told.stderr


def test_no_installation_is_away(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    told = run("events", "export", "--month", "2026-04", "--out", out, WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 3 and not out.exists() and not list(tmp_path.iterdir())
