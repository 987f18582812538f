"""What callers are shown of a message: an auditor sees what was said and when, not to whom by name."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from contracts.events.notify import ChannelKind
from contracts.masks import initial
from contracts.values import Words
from infra.runtime.security import Identity
from services.notify.domain.directory import Directory
from services.notify.domain.messages import Message, MessageState, Report, Step


class MessageView(BaseModel):
    """One message with its history. `person` is None, and `name` masked, for auditors."""

    id: str
    cause: str
    person: str | None
    name: str
    organisation: str
    channel: ChannelKind
    agreement: str
    lot: str | None
    group: str
    route: str
    template: str
    subject: str
    critical: bool
    headline: Words
    title: str
    text: str
    state: MessageState
    requested_at: datetime
    send_at: datetime
    attempts: int
    resent: int
    next_try: datetime | None
    provider: str
    provider_id: str
    maybe_twice: bool
    """It may have gone out twice: a hand-over of which nobody knows what came, at a provider that keeps no keys."""
    report: Report | None
    bundled: int
    bundle: str | None
    history: tuple[Step, ...]


def view_of(message: Message, directory: Directory, caller: Identity) -> MessageView:
    """The message as this caller may see it."""
    person = directory.person(message.person)
    name = person.name if person else message.person
    fields = {field: getattr(message, field) for field in MessageView.model_fields if field not in ("person", "name")}
    if caller.role == "auditor":
        return MessageView(**fields, person=None, name=initial(name))
    return MessageView(**fields, person=message.person, name=name)


def may_see(message: Message, caller: Identity) -> bool:
    """A supplier sees the messages to its own people only."""
    return caller.sees(message.organisation)
