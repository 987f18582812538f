"""Rows of the chronicle: one for each letter, with what it is about and what it refers to."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import PrivateAttr

from contracts.events.assets import AgreementPublishedV1
from contracts.events.catalog import EVENTS, owner_of
from contracts.events.event import Event
from contracts.events.incidents import FaultOpenedV1, FaultStep
from contracts.events.notify import NoticeEvent, NoticeRequestedV1
from contracts.events.scoring import ScorePostedV1, SettlementComputedV1
from contracts.values import Frozen
from infra.runtime.states import State


class Envelope(Frozen):
    """What a letter says around its event. `trace`: the W3C trace id, 32 hex digits; empty where it carries none."""

    id: str
    said_at: datetime
    correlation: str
    causation: str
    trace: str


class Row(State):
    """One letter, by the id of its event. `lot` is `agreement/lot`; `refs`: ids of what it names as cause or proof.

    `body` is the event as JSON, without what no story needs.
    """

    COLLECTION: ClassVar[str] = "chronicle"
    type: str
    service: str
    at: datetime
    said_at: datetime
    key: str
    agreement: str | None = None
    lot: str | None = None
    site: str | None = None
    fault: str | None = None
    task: str | None = None
    notice: str | None = None
    refs: tuple[str, ...] = ()
    causation: str
    correlation: str
    trace: str
    body: dict[str, Any]

    _event: Event | None = PrivateAttr(None)

    @property
    def event(self) -> Event | None:
        """The event, read once; None for an agreement, whose document is kept elsewhere."""
        if self._event is None and (model := EVENTS[self.type]) is not AgreementPublishedV1:
            self._event = model.model_validate(self.body)
        return self._event


def row_of(event: Event, envelope: Envelope) -> Row:
    """What is kept of a letter."""
    return Row(
        **envelope.model_dump(),
        type=event.type(),
        service=owner_of(type(event)),
        at=event.at,
        key=event.key,
        refs=tuple(dict.fromkeys(_refs(event))),
        body=_body(event),
        **_subjects(event),
    )


def _subjects(event: Event) -> dict[str, str]:
    names = ("agreement", "lot", "site", "fault", "task", "notice")
    found = {name: value for name in names if (value := getattr(event, name, None))}
    if "lot" in found:
        found["lot"] = f"{found['agreement']}/{found['lot']}"
    return found


def _refs(event: Event) -> tuple[str, ...]:
    match event:
        case FaultOpenedV1() | FaultStep():
            return event.evidence
        case NoticeRequestedV1():
            return (event.cause, event.subject, *event.causes)
        case NoticeEvent():
            return (event.cause,)
        case ScorePostedV1():
            return tuple(id for line in event.lines for id in line.evidence)
        case SettlementComputedV1():
            return tuple(id for site in event.sites for line in site.lines for id in line.evidence)
    return ()


def _body(event: Event) -> dict[str, Any]:
    match event:
        case AgreementPublishedV1():
            return event.model_dump(mode="json", exclude={"document"})
        case ScorePostedV1():
            return event.model_dump(mode="json", exclude={"indicators"})
    return event.model_dump(mode="json")
