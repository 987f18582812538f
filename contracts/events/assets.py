"""Said by assets: agreements, and what the station loggers send."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from contracts.agreements.agreement import Agreement
from contracts.events.event import Event
from contracts.events.hot import HotEvent
from contracts.events.measured import Measured, are_finite
from contracts.values import Moment

ReadingKind = Literal["realtime", "minute", "hour", "day"]
Channel = Literal["hj212", "http", "release"]


class Reading(HotEvent):
    """What a station's logger measured in one period."""

    TOPIC: ClassVar[str] = "readings"
    reading: str
    """`site/kind/YYYYMMDDThhmmssZ`: the natural key."""
    site: str
    kind: ReadingKind
    time: Moment
    """Start of the period (HJ 212-2017 C.16-C.18); the instant of sampling for realtime."""
    values: dict[str, Measured]
    """By parameter code (`a34004`)."""
    received_at: Moment
    digest: str = ""
    """SHA-256 of the frame's data segment without its password: the proof of origin."""

    @property
    def key(self) -> str:
        return self.site

    @classmethod
    def is_sound(cls, fields: dict[str, Any]) -> bool:
        return are_finite(fields["values"].values())


class ReadingReceivedV1(Reading):
    """A station's values for one period. Its natural key (site, kind, time) makes storing it idempotent."""

    channel: Channel = "hj212"
    released_from: str | None = None


class ReadingPartReceivedV1(Reading):
    """One packet of a reading that its logger split (HJ 212-2017 C.49-C.50): whole items, answered by itself.

    Assets puts the parts together and says `ReadingReceived`; nobody else needs to hear this.
    """

    part: int
    parts: int


RejectionReason = Literal[
    "garbage",
    "length",
    "crc",
    "truncated",
    "too_long",
    "syntax",
    "unsupported",
    "unknown_mn",
    "wrong_password",
    "unknown_code",
    "out_of_range",
    "future",
    "before_station",
    "conflict",
]


class ReadingRejectedV1(Event):
    """A frame, or one value of it, that was not mixed with good data. What came from a known logger can be released."""

    TOPIC: ClassVar[str] = "readings"
    rejection: str
    reason: RejectionReason
    detail: str
    site: str | None = None
    mn: str | None = None
    code: str | None = None
    time: Moment | None = None
    kind: ReadingKind | None = None
    values: dict[str, Measured] = {}
    piece: str = ""
    """The bytes as text, password masked, at most 2,000 characters."""
    received_at: Moment
    channel: Channel = "hj212"

    @property
    def key(self) -> str:
        return self.site or self.mn or "unknown"


class AgreementPublishedV1(Event):
    """A version of a service agreement is in force. The document is whole: a service needs no other source."""

    TOPIC: ClassVar[str] = "agreements"
    agreement: str
    version: int
    digest: str
    document: Agreement

    @property
    def key(self) -> str:
        return self.agreement
