"""Said by notify: who was told, how, and with what result. No telephone number and no address stands here."""

from __future__ import annotations

from typing import ClassVar, Literal

from contracts.events.event import Event

ChannelKind = Literal["sms", "email"]


class NoticeEvent(Event):
    """What all events of one notice share: one notice per cause, person and channel."""

    TOPIC: ClassVar[str] = "notices"
    notice: str
    person: str
    channel: ChannelKind
    cause: str
    """The id of the event, or of the bundle, that it tells of."""

    @property
    def key(self) -> str:
        return self.notice


class NoticeRequestedV1(NoticeEvent):
    """Somebody is to be told."""

    agreement: str
    lot: str | None = None
    group: str
    route: str
    template: str
    subject: str
    bundled: int = 1
    """How many causes this notice tells of: a storm is one notice."""
    causes: tuple[str, ...] = ()
    """The ids of the events it tells of, where `cause` stands for several."""


class NoticeSentV1(NoticeEvent):
    """The gateway took it."""

    provider: str
    provider_id: str
    attempts: int


class NoticeDeliveredV1(NoticeEvent):
    """The gateway reports that it reached the phone."""

    provider_id: str


class NoticeFailedV1(NoticeEvent):
    """It will not be tried again: refused for good, or too old."""

    reason: str
    permanent: bool
    attempts: int
