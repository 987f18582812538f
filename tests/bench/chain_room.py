"""Three services in a chain, each as a process: hear, decide, remember, say. `python -m tests.bench.chain_room 1`.

They say events of the catalog, with a number in a field that takes any text.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import ClassVar

from fastapi import APIRouter

from contracts.events.assets import ReadingRejectedV1
from contracts.events.event import Event
from contracts.events.incidents import FaultAcknowledgedV1
from contracts.events.inspections import InspectionDueV1
from contracts.events.notify import NoticeDeliveredV1
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.room import Room, run
from infra.runtime.settings import RuntimeSettings
from infra.runtime.states import State

AT = datetime(2026, 4, 8, tzinfo=UTC)
ROOMS = tuple(Ears(f"hop{number}") for number in (1, 2, 3))


class Tally(State):
    """How many events of an aggregate were heard."""

    COLLECTION: ClassVar[str] = "tallies"
    count: int = 0


async def _count(key: str, entry: Entry, said: Event) -> None:
    known = await entry.load(Tally, key) or Tally(id=key)
    entry.write(known.model_copy(update={"count": known.count + 1}))
    entry.say(said)


@ROOMS[0].hears(InspectionDueV1, needs=lambda heard: [(Tally, heard.key)])
async def deliver_on_due(heard: InspectionDueV1, entry: Entry) -> None:
    said = NoticeDeliveredV1(
        at=AT, notice=heard.key, person="p", channel="sms", cause="c", provider_id=heard.plan
    )  # fmt: skip
    await _count(heard.key, entry, said)


@ROOMS[1].hears(NoticeDeliveredV1, needs=lambda heard: [(Tally, heard.key)])
async def acknowledge_on_delivered(heard: NoticeDeliveredV1, entry: Entry) -> None:
    said = FaultAcknowledgedV1(
        at=AT, posted_at=AT, fault=heard.key, agreement="a", agreement_version=1, lot="l", site="s", asset="x",
        kind=heard.provider_id, by="p",
    )  # fmt: skip
    await _count(heard.key, entry, said)


@ROOMS[2].hears(FaultAcknowledgedV1, needs=lambda heard: [(Tally, heard.key)])
async def reject_on_acknowledged(heard: FaultAcknowledgedV1, entry: Entry) -> None:
    said = ReadingRejectedV1(
        at=AT, rejection=heard.kind, reason="conflict", detail=heard.kind, site=heard.key, received_at=AT
    )  # fmt: skip
    await _count(heard.key, entry, said)


if __name__ == "__main__":
    ears = ROOMS[int(sys.argv[1]) - 1]
    run(Room(ears.service, ears, APIRouter(), {Tally.COLLECTION: ()}, RuntimeSettings()))
