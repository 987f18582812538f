"""What assets hears: its own agreements, and the readings and rejections that its gateway handed to Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bson.raw_bson import RawBSONDocument

from contracts.events.assets import (
    AgreementPublishedV1,
    ReadingPartReceivedV1,
    ReadingReceivedV1,
    ReadingRejectedV1,
)
from infra.runtime.agreements import SitePlace, keep_agreements, place_of
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry
from infra.runtime.letters import Letter
from services.assets import store
from services.assets.kept import Document, Values, measured_of
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


@ears.gathers(ReadingReceivedV1, keeps=store.row_of)
async def store_readings(batch: Sequence[tuple[Letter, RawBSONDocument]], entry: Entry) -> None:
    """The hot path: stored once by natural key; a repeat adds what was missing, a contradiction is quarantined."""
    repeats = await store.insert_readings(entry.db, [row for _, row in batch])
    if not repeats:
        return
    for repeat, values in await store.merge_readings(entry.db, repeats):
        entry.say(_conflict(repeat, values), cause=repeat["event"])


def _conflict(repeat: Document, values: Values) -> ReadingRejectedV1:
    return ReadingRejectedV1(
        at=repeat["received_at"], rejection=f"conflict/{repeat['event']}", reason="conflict", site=repeat["site"],
        detail=f"other values than stored for {repeat['_id']}: {', '.join(sorted(values))}", time=repeat["time"],
        kind=repeat["kind"], values=measured_of(values), received_at=repeat["received_at"], channel=repeat["channel"],
    )  # fmt: skip


@ears.gathers(ReadingRejectedV1)
async def store_rejections(batch: Sequence[tuple[Letter, ReadingRejectedV1]], entry: Entry) -> None:
    """What was refused stays visible, and can be released."""
    await store.insert_rejections(entry.db, [rejection for _, rejection in batch])
