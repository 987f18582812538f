"""What the log says of a page: each letter that caused something; at DEBUG each that was handled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from infra.runtime import minutes
from infra.runtime.clock import SystemClock
from infra.runtime.ledger import Page
from infra.runtime.letters import Letter
from infra.runtime.minutes import Minutes

TRACE, OTHER = "1" * 32, "2" * 32
Lines = Callable[[int], list[dict[str, Any]]]


def letter(id: str, trace: str) -> Letter:
    headers = (("traceparent", f"00-{trace}-{'3' * 16}-00".encode()),)
    return Letter(id, "InspectionDueV1", "inspections", 0, 7, b"k", b"{}", headers)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """What is said of a page with a letter that caused two events, one that caused none of note, and one parked."""

    def said(level: int) -> list[dict[str, Any]]:
        captured = LogCapture()
        wrapper = structlog.make_filtering_bound_logger(level)
        log = structlog.wrap_logger(structlog.PrintLogger(), processors=[captured], wrapper_class=wrapper)
        monkeypatch.setattr(minutes, "log", log)
        cause, quiet, bad = letter("cause", OTHER), letter("quiet", TRACE), letter("bad", TRACE)
        made = Minutes()
        made.handled(cause, "open_on_due", 2, {"traceparent": f"00-{TRACE}-{'4' * 16}-01"})
        made.handled(quiet, "join_on_due", 1, None)
        made.parked(bad, None, "unreadable")
        assert not captured.entries  # not before the commit
        made.close("line inspections", Page(SimpleLedger()), [cause, quiet, bad], 0.01)  # type: ignore[arg-type]
        return [dict(entry) for entry in captured.entries]

    return said


class SimpleLedger:
    clock = SystemClock()


def test_letter_that_caused_something_has_its_line(lines: Lines) -> None:
    parked, handled, page = lines(logging.INFO)
    assert handled == {
        "event": "letter handled", "log_level": "info", "event_id": "cause", "type": "InspectionDueV1",
        "handler": "open_on_due", "said": 2, "trace_id": TRACE, "at": "inspections/0/7",
    }  # fmt: skip
    assert (parked["event"], parked["event_id"], parked["log_level"]) == ("letter parked", "bad", "error")
    assert (page["event"], page["letters"]) == ("page handled", 3)


def test_at_debug_each_letter_has_its_line(lines: Lines) -> None:
    handled = [line for line in lines(logging.DEBUG) if line["event"] == "letter handled"]
    assert [(line["event_id"], line["log_level"], line["said"], line["trace_id"]) for line in handled] == [
        ("cause", "info", 2, TRACE),
        ("quiet", "debug", 1, TRACE),
    ]
