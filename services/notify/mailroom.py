"""The mailroom: from a message that waits to one that is queued; what one cause made is joined, a storm is bundled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from contracts.agreements.notices import Notices
from infra.runtime.agreements import agreement_of
from infra.runtime.ears import Wake
from infra.runtime.ledger import Entry
from services.notify.domain import said
from services.notify.domain.directory import Directory
from services.notify.domain.facts import facts_of_many
from services.notify.domain.messages import (
    BUNDLE,
    JOINED,
    Message,
    bundled,
    held,
    oldest_first,
    queued,
    whole_of,
)
from services.notify.domain.storm import Window, admitted, window_id
from services.notify.domain.tray import Tray, laid, sheaf_key, tray_and_origin
from services.notify.texts import worded

_BOTH = ("zh", "en")


@dataclass(frozen=True)
class Mailroom:
    """Sends messages on their way. One that is not critical waits `wait` for others of its cause."""

    wait: timedelta

    async def take(self, message: Message, rules: Notices, entry: Entry) -> None:
        """A new message: it waits for the end of the quiet hours, else for others of its cause."""
        if message.send_at > entry.now:
            entry.write(message)
            entry.wake(message.send_at, "release", message.id)
        elif message.origin:
            await self._lay(message, entry)
        else:
            await _admit([message], rules, entry)

    async def admit_message_when_quiet_ends(self, wake: Wake, entry: Entry) -> None:
        """What waited for the end of the quiet hours goes on like any other."""
        message = await entry.load(Message, wake.key)
        if message is None or message.state != "waiting":
            return
        if message.origin:
            await self._lay(message, entry)
        else:
            await _admit([message], await _rules(message, entry), entry)

    async def join_messages_of_one_cause(self, wake: Wake, entry: Entry) -> None:
        """Takes a sheaf out of its tray: from here on it is one message, and what comes later another."""
        tray_id, origin = tray_and_origin(wake.key)
        tray = await entry.load(Tray, tray_id)
        sheaf = tray.sheaf(origin) if tray else None
        if tray is None or sheaf is None:
            return
        entry.write(tray.without(origin))
        if parts := await _waiting(sheaf.notices, entry):
            await _admit(parts, await _rules(parts[0], entry), entry)

    async def bundle_held_messages_when_window_ends(self, wake: Wake, entry: Entry) -> None:
        """All that a storm held back becomes one message; one alone goes as it is."""
        window = await entry.load(Window, wake.key)
        if window is None:
            return
        entry.erase(Window, window.id)
        if parts := await _waiting(window.held, entry):
            await _queue_as_one(parts, BUNDLE, window.bundle, entry)

    async def _lay(self, message: Message, entry: Entry) -> None:
        key = window_id(message.person, message.channel)
        tray = await entry.load(Tray, key) or Tray(id=key)
        tray, sheaf = laid(tray, message.origin, message.id, message.critical, entry.now, self.wait)
        entry.write(message)
        entry.write(tray)
        entry.wake(sheaf.goes, "join", sheaf_key(key, message.origin))


async def _rules(message: Message, entry: Entry) -> Notices:
    agreement = await agreement_of(entry, message.agreement, message.version)
    return agreement.lot(message.lot or "").notices


async def _waiting(ids: Sequence[str], entry: Entry) -> list[Message]:
    await entry.page.fetch((Message, id) for id in ids)
    return [part for id in ids if (part := await entry.load(Message, id)) and part.state == "waiting"]


async def _admit(parts: Sequence[Message], rules: Notices, entry: Entry) -> None:
    """Counts messages of one cause as one: they go as one, or a storm holds each of them."""
    key = window_id(parts[0].person, parts[0].channel)
    ids = tuple(part.id for part in parts)
    window, goes = admitted(await entry.load(Window, key), key, ids, rules, entry.now)
    entry.write(window)
    if goes:
        await _queue_as_one(parts, JOINED, f"joined/{oldest_first(parts)[0].cause}", entry)
        return
    for part in parts:
        entry.write(held(part, window.ends, entry.now))
    entry.wake(max(window.ends, entry.now), "bundle", key)


async def _queue_as_one(parts: Sequence[Message], template: str, cause: str, entry: Entry) -> None:
    if len(parts) == 1:
        _queue(parts[0], entry)
        return
    directory = await entry.load(Directory, "directory") or Directory()
    person = directory.person(parts[0].person)
    languages = person.languages if person else _BOTH
    words = worded(template, parts[0].channel, facts_of_many(parts), languages)
    whole = whole_of(parts, template, cause, words, entry.now)
    for part in parts:
        entry.write(bundled(part, whole.id, entry.now))
    _queue(whole, entry)


def _queue(message: Message, entry: Entry) -> None:
    """Many that go as one are one notice: only what goes out is said to be requested."""
    entry.write(queued(message, entry.now))
    entry.say(said.requested(message, entry.now))
    entry.wake(entry.now, "send", message.id)
