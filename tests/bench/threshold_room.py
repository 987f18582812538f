"""Reading -> threshold -> stored, on this runtime: `python -m tests.bench.threshold_room LIMIT`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal

from bson.raw_bson import RawBSONDocument
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


def judged(event_id: str, reading: ReadingReceivedV1) -> RawBSONDocument:
    over = (reading.values["a21004"].value or LIMIT) > LIMIT
    return store.written({**store.document_of(event_id, reading), "over": over})


@ears.gathers(ReadingReceivedV1, keeps=judged)
async def store_judged_readings(batch: Sequence[tuple[Letter, RawBSONDocument]], entry: Entry) -> None:
    """A reading that is heard again is stored already."""
    await store.insert_readings(entry.db, [row for _, row in batch])


if __name__ == "__main__":
    run(Room("threshold", ears, APIRouter(), {"readings": ()}, RuntimeSettings()))
