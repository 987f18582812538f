"""What assets hears: its own agreements, and the readings and rejections that its gateway handed to Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from contracts.events.assets import (
    AgreementPublishedV1,
    Measured,
    ReadingPartReceivedV1,
    ReadingReceivedV1,
    ReadingRejectedV1,
)
from infra.runtime.agreements import SitePlace, keep_agreements, place_of
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.letters import Letter
from services.assets import store
from services.assets.register import Register
from services.assets.uploads import Upload, upload_id, whole_of

ears = Ears("assets")
keep_agreements(ears)
registers: list[Register] = []
"""The open gateway's register, put here when the room starts."""


@ears.hears(AgreementPublishedV1)
async def expect_register_on_published(published: AgreementPublishedV1, entry: Entry) -> None:
    """The gateway must not answer from an older register than the one being kept."""
    for register in registers:
        register.expect(published.agreement, published.version)


@ears.hears(ReadingPartReceivedV1, needs=lambda part: [(Upload, upload_id(part)), (SitePlace, part.site)])
async def join_parts_on_part_received(part: ReadingPartReceivedV1, entry: Entry) -> None:
    """A split reading is said once its last part is here; until then its parts are remembered."""
    upload = (await entry.load(Upload, upload_id(part)) or Upload(id=upload_id(part))).with_part(part)
    place = await place_of(entry, part.site)
    logger = place.site.logger if place else None
    whole = whole_of(upload, part, logger.minute_interval if logger else timedelta(minutes=5))
    if whole is None:
        entry.write(upload)
        return
    entry.erase(Upload, upload.id)
    if whole.values:
        entry.say(whole)


@ears.gathers(ReadingReceivedV1)
async def store_readings(batch: Sequence[tuple[Letter, ReadingReceivedV1]], entry: Entry) -> None:
    """The hot path: stored once by natural key; a repeat adds what was missing, a contradiction is quarantined."""
    documents = [store.document_of(letter.id, reading) for letter, reading in batch]
    repeats = await store.insert_readings(entry.db, documents)
    if not repeats:
        return
    readings = {letter.id: reading for letter, reading in batch}
    for event_id, values in await store.merge_readings(entry.db, repeats):
        entry.say(_conflict(event_id, readings[event_id], values), cause=event_id)


def _conflict(event_id: str, reading: ReadingReceivedV1, values: dict[str, dict[str, str]]) -> ReadingRejectedV1:
    measured: dict[str, Measured] = {code: reading.values[code] for code in values}
    return ReadingRejectedV1(
        at=reading.received_at, rejection=f"conflict/{event_id}", reason="conflict", site=reading.site,
        detail=f"other values than stored for {reading.reading}: {', '.join(sorted(values))}", time=reading.time,
        kind=reading.kind, values=measured, received_at=reading.received_at, channel=reading.channel,
    )  # fmt: skip


@ears.gathers(ReadingRejectedV1)
async def store_rejections(batch: Sequence[tuple[Letter, ReadingRejectedV1]], entry: Entry) -> None:
    """What was refused stays visible, and can be released."""
    await store.insert_rejections(entry.db, [rejection for _, rejection in batch])
