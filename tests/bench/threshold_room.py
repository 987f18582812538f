"""Reading -> threshold -> stored, on this runtime: `python -m tests.bench.threshold_room LIMIT`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal

from fastapi import APIRouter

from contracts.events.assets import ReadingReceivedV1
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.letters import Letter
from infra.runtime.room import Room, run
from infra.runtime.settings import RuntimeSettings
from services.assets import store

ears = Ears("threshold")
LIMIT = Decimal(sys.argv[1] if len(sys.argv) > 1 else "0")


@ears.gathers(ReadingReceivedV1)
async def store_judged_readings(batch: Sequence[tuple[Letter, ReadingReceivedV1]], entry: Entry) -> None:
    """A reading that is heard again is stored already."""
    documents = [
        {**store.document_of(letter.id, reading), "over": (reading.values["a21004"].value or LIMIT) > LIMIT}
        for letter, reading in batch
    ]
    await store.insert_readings(entry.db, documents)


if __name__ == "__main__":
    run(Room("threshold", ears, APIRouter(), {"readings": ()}, RuntimeSettings()))
