"""Redrive: what was parked is heard, or set, once more, after what was wrong with it has been mended."""

from __future__ import annotations

from typing import Any

from contracts.events.event import Event
from infra.runtime.ears import Ears
from infra.runtime.ledger import Ledger, Page
from infra.runtime.letters import Letter, open_record
from infra.runtime.line import inbox_key
from infra.runtime.relay import Relay
from infra.runtime.telemetry import trace_of
from infra.runtime.told import told


async def redrive(id: str, ears: Ears, ledger: Ledger, relay: Relay) -> str | None:
    """Returns None when it had its effect, else what is still wrong with it. Raises LookupError where none is parked.

    Under the ledger's lock from the first look on: a second redrive of the same finds nothing.
    """
    async with ledger.lock:
        row = await ledger.db.parked.find_one({"_id": id})
        if row is None:
            raise LookupError(id)
        page = ledger.page()
        page.unparked.append(id)
        try:
            if row["type"] == "timer":
                await _set_again(page, row)
            elif still := await _hear_again(page, row, ears):
                return still
            await relay.commit(page)
        except Exception as error:
            return told(error)
    return None


async def _set_again(page: Page, row: dict[str, Any]) -> None:
    """A timer goes back to the others; an overdue one fires at once with its true due time. One that was set anew
    meanwhile has taken its place."""
    if await page.ledger.db.timers.find_one({"_id": f"{row['name']}|{row['key']}"}, {"_id": 1}):
        return
    entry = page.entry(f"redrive|{row['_id']}", "redrive", row.get("correlation") or row["_id"])
    entry.trace = row.get("trace") or {}
    entry.wake(row["due"], row["name"], row["key"])
    page.accept(entry)


async def _hear_again(page: Page, row: dict[str, Any], ears: Ears) -> str | None:
    """By every handler that has not heard it, or by the one that failed."""
    letter = open_record(_Again(row))
    if letter.flaw or letter.event is None:
        return letter.flaw or "it holds no event"
    if row["handler"] is None:
        await _gather_again(page, letter, letter.event, ears)
    hearings = [one for one in ears.hearings.get(type(letter.event), ()) if row["handler"] in (None, one.name)]
    heard = set() if row["handler"] else await page.open([inbox_key(letter, one) for one in hearings], ())
    for hearing in hearings:
        key = inbox_key(letter, hearing)
        if key in heard:
            continue
        entry = page.entry(letter.id, hearing.name, letter.correlation)
        entry.trace = trace_of(letter.attributes)
        await hearing.handler(letter.event, entry)
        page.accept(entry)
        if row["handler"] is None:
            page.heard.append(key)
    return None


async def _gather_again(page: Page, letter: Letter, event: Event, ears: Ears) -> None:
    if gathering := ears.gatherings.get(type(event)):
        entry = page.entry(letter.id, gathering.name, letter.correlation)
        entry.trace = trace_of(letter.attributes)
        await gathering.handler([gathering.given(letter, event)], entry)
        page.accept(entry)


class _Again:
    """A parked row, as the record it was."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.topic, self.partition, self.offset = row["topic"], row["partition"], row["offset"]
        self.key, self.value = row["key"], bytes(row["value"])
        self.timestamp = int(row["at"].timestamp() * 1000)
        self.headers = [(name, bytes(value)) for name, value in row["headers"]]
