"""What the console hears: everything but readings, each letter one row of the chronicle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contracts.events.catalog import EVENTS
from infra.runtime.agreements import keep_agreements
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.letters import Letter
from services.console.domain.rows import Envelope, row_of
from services.console.store import keep_rows

ears = Ears("console")
keep_agreements(ears)


async def keep_in_chronicle(batch: Sequence[tuple[Letter, Any]], entry: Entry) -> None:
    """Keeps a batch of letters, each once."""
    await keep_rows(entry.db, [row_of(event, envelope_of(letter, entry.now)) for letter, event in batch])


def envelope_of(letter: Letter, now: datetime) -> Envelope:
    """What stands on a letter; `now` where it does not say when it was said."""
    said_at = letter.attributes.get("ce_time")
    return Envelope(
        id=letter.id,
        said_at=datetime.fromisoformat(said_at) if said_at else now,
        correlation=letter.correlation,
        causation=letter.attributes.get("ce_causationid", letter.id),
        trace=trace_id(letter.traceparent or ""),
    )


def trace_id(traceparent: str) -> str:
    """The trace of a W3C header; empty where it has none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else ""


for _event in EVENTS.values():
    if _event.TOPIC != "readings":
        ears.gathers(_event)(keep_in_chronicle)
