"""The queries of notify that are more than a load by id, and its indexes."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pymongo import ASCENDING, DESCENDING, IndexModel

from contracts.events.notify import ChannelKind
from infra.runtime import metrics
from infra.runtime.ledger import Database
from infra.runtime.room import Room
from services.notify.domain.directory import Directory
from services.notify.domain.messages import Message, MessageState

INDEXES = {
    "messages": [
        IndexModel([("requested_at", DESCENDING), ("_id", ASCENDING)]),
        IndexModel([("organisation", ASCENDING), ("requested_at", DESCENDING)]),
        IndexModel([("subject", ASCENDING)]),
        IndexModel([("cause", ASCENDING)]),
        IndexModel([("state", ASCENDING)]),
    ],
    "trays": [],
    "windows": [],
    "directory": [],
}
_SAME = ("agreement", "lot", "organisation", "person", "channel", "state", "template", "subject", "cause", "bundle")


class Wanted(BaseModel):
    """Which messages are looked for: all that fit every field given; `since` is included, `until` is not."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    agreement: str | None = None
    lot: str | None = None
    organisation: str | None = None
    person: str | None = None
    channel: ChannelKind | None = None
    state: MessageState | None = None
    template: str | None = None
    subject: str | None = None
    cause: str | None = None
    bundle: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    limit: int = Field(default=100, ge=1, le=500)
    skip: int = Field(default=0, ge=0)


async def messages_that(db: Database, wanted: Wanted) -> list[Message]:
    """The newest first."""
    found = (
        db[Message.COLLECTION]
        .find(_query(wanted))
        .sort([("requested_at", -1), ("_id", 1)])
        .skip(wanted.skip)
        .limit(wanted.limit)
    )
    return [Message.of(document) async for document in found]


async def message_of(db: Database, id: str) -> Message | None:
    """The message of this id."""
    document = await db[Message.COLLECTION].find_one({"_id": id})
    return Message.of(document) if document else None


async def measure_waiting(room: Room) -> None:
    """How many messages have not gone out yet, by state."""
    for state in ("waiting", "queued"):
        waiting = await room.ledger.db[Message.COLLECTION].count_documents({"state": state})
        metrics.MESSAGES.labels(state).set(waiting)


async def directory_of(db: Database) -> Directory:
    """The directory; empty where none was given yet."""
    document = await db[Directory.COLLECTION].find_one({"_id": "directory"})
    return Directory.of(document) if document else Directory()


def _query(wanted: Wanted) -> dict[str, Any]:
    query: dict[str, Any] = {name: value for name in _SAME if (value := getattr(wanted, name)) is not None}
    span = {"$gte": wanted.since, "$lt": wanted.until}
    if limits := {name: at for name, at in span.items() if at is not None}:
        query["requested_at"] = limits
    return query
