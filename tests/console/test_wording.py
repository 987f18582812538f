"""Wording: every event that is said has a line in both languages, and it holds no mark of a program."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from contracts.events.catalog import EVENTS
from contracts.events.event import Event
from services.console.domain.names import Names
from services.console.domain.rows import Envelope, row_of
from services.console.domain.wording import worded
from tests.console.papers import NAMES, WAS_DOWN, at, row, withdrawn
from watchbill.installation import ROOT

EXAMPLES = ROOT / "contracts" / "events" / "examples"
HEARD = [event for event in EVENTS.values() if event.TOPIC != "readings"]
ENVELOPE = Envelope(id="e", said_at=datetime(2026, 4, 1, tzinfo=UTC), correlation="e", causation="e", trace="")


def test_withdrawal_names_a_new_due_time_only_where_it_is_another() -> None:
    same, other = (worded(row("w", withdrawn(6, at(due))), NAMES).zh for due in (4, 5))
    assert "改为" not in same and same.endswith(WAS_DOWN.zh) and other.endswith("改为 04-08 13:00 到期")


@pytest.mark.parametrize("event", HEARD, ids=lambda event: event.type())
@pytest.mark.parametrize("names", [NAMES, Names()], ids=["known", "unknown"])
def test_every_event_is_worded_in_both_languages(event: type[Event], names: Names) -> None:
    example = event.model_validate(json.loads((EXAMPLES / f"{event.type()}.json").read_text(encoding="utf-8")))
    row = row_of(example, ENVELOPE)
    words = worded(type(row).of(row.document()), names)
    assert re.search(r"[\u4e00-\u9fff]", words.zh) and re.search(r"[A-Za-z]", words.en)
    assert not re.search(r"None|[{}]|Decimal|V1", words.zh + words.en)
