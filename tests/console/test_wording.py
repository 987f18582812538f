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
from tests.console.papers import NAMES
from watchbill.installation import ROOT

EXAMPLES = ROOT / "contracts" / "events" / "examples"
HEARD = [event for event in EVENTS.values() if event.TOPIC != "readings"]
ENVELOPE = Envelope(id="e", said_at=datetime(2026, 4, 1, tzinfo=UTC), correlation="e", causation="e", trace="")


@pytest.mark.parametrize("event", HEARD, ids=lambda event: event.type())
@pytest.mark.parametrize("names", [NAMES, Names()], ids=["known", "unknown"])
def test_every_event_is_worded_in_both_languages(event: type[Event], names: Names) -> None:
    example = event.model_validate(json.loads((EXAMPLES / f"{event.type()}.json").read_text(encoding="utf-8")))
    row = row_of(example, ENVELOPE)
    words = worded(type(row).of(row.document()), names)
    assert re.search(r"[\u4e00-\u9fff]", words.zh) and re.search(r"[A-Za-z]", words.en)
    assert not re.search(r"None|[{}]|Decimal|V1", words.zh + words.en)
