"""Messages: a notice with its text, and what became of it (W10: status of every message, history by time).

    waiting -> queued -> handed -> delivered | failed
    waiting -> bundled (it went as a part of another message)
    failed -> queued (an administrator sends it once more)

An e-mail ends as `handed`: nobody reports that it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

from contracts.events.notify import ChannelKind
from contracts.values import Frozen, Words
from infra.runtime.states import State
from services.notify.domain.outcomes import Handed, Refused
from services.notify.domain.patience import Patience
from services.notify.domain.routes import Notice, notice_id

MessageState = Literal["waiting", "queued", "handed", "delivered", "failed", "bundled"]
BUNDLE, JOINED = "bundle", "joined"
"""The templates of messages made of others: what a storm held back, and what one cause made."""
Report = Literal["delivered", "undelivered", "underway"]


class Step(Frozen):
    """One line of a message's history."""

    state: MessageState
    at: datetime
    detail: str = ""


class Wording(Frozen):
    """The words of a message: one line for lists, the subject line of a mail (an SMS has none), and the text."""

    headline: Words
    title: str
    text: str


class Message(State):
    """What one person is told on one channel. Number and address do not stand here: they are looked up at sending."""

    COLLECTION: ClassVar[str] = "messages"
    cause: str
    person: str
    organisation: str
    channel: ChannelKind
    agreement: str
    version: int
    lot: str | None
    group: str
    route: str
    template: str
    subject: str
    critical: bool = False
    headline: Words
    title: str
    text: str
    requested_at: datetime
    send_at: datetime
    origin: str = ""
    """What it has in common with others of one cause and moment; empty: it goes by itself."""
    state: MessageState = "waiting"
    queued_at: datetime | None = None
    """When it was due to go out, the last time it was queued; its age counts from here."""
    attempts: int = 0
    """Tries in all."""
    tried_before: int = 0
    """Those made before it was last sent once more."""
    resent: int = 0
    next_try: datetime | None = None
    announced: int | None = None
    """The try that was written down before it was made, where the provider keeps no keys."""
    announcer: str = ""
    """The process that wrote it down, and then makes it."""
    unsure: bool = False
    """Whether the last try got no answer."""
    maybe_twice: bool = False
    """Whether it was handed over once more after a hand-over of which nobody knows what came."""
    provider: str = ""
    provider_id: str = ""
    permanent: bool = False
    """Whether it was refused for good."""
    report: Report | None = None
    """What the gateway reported, even before the hand-over is remembered."""
    bundled: int = 1
    causes: tuple[str, ...] = ()
    """The events that it tells of, where `cause` stands for several."""
    bundle: str | None = None
    """The message that told of it in its place."""
    history: tuple[Step, ...] = ()

    @property
    def sending(self) -> str:
        """The provider's key for it. Each sending has its own: a gateway that keeps keys would swallow the second."""
        return f"{self.id}.{self.resent}" if self.resent else self.id


def sending_of(key: str) -> tuple[str, int]:
    """The notice, and which sending of it, that a provider's key names."""
    notice, _, number = key.partition(".")
    return notice, int(number) if number.isdecimal() else 0


def written(notice: Notice, version: int, words: Wording, now: datetime, origin: str = "") -> Message:
    """The message of a notice under this version of its agreement, waiting to be admitted."""
    step = Step(state="waiting", at=now, detail="" if notice.send_at <= now else "quiet hours")
    return Message(
        **notice.model_dump(), version=version, headline=words.headline, title=words.title, text=words.text,
        requested_at=now, origin=origin, history=(step,),
    )  # fmt: skip


def oldest_first(parts: Iterable[Message]) -> list[Message]:
    """Parts in the order in which they are told."""
    return sorted(parts, key=lambda part: (part.requested_at, part.id))


def whole_of(parts: Sequence[Message], template: str, cause: str, words: Wording, now: datetime) -> Message:
    """The one message that tells of all these parts, which are of one person and channel."""
    first = oldest_first(parts)[0]
    lots, subjects = {(part.agreement, part.lot) for part in parts}, {part.subject for part in parts}
    return Message(
        id=notice_id(cause, first.person, first.channel), cause=cause, person=first.person,
        organisation=first.organisation, channel=first.channel, agreement=first.agreement, version=first.version,
        lot=first.lot if len(lots) == 1 else None, group=first.group, route=first.route, template=template,
        subject=first.subject if len(subjects) == 1 else cause, critical=any(part.critical for part in parts),
        headline=words.headline, title=words.title, text=words.text, requested_at=now, send_at=now,
        bundled=len(parts), causes=tuple(dict.fromkeys(part.cause for part in parts)),
        history=(Step(state="waiting", at=now),),
    )  # fmt: skip


def queued(message: Message, now: datetime) -> Message:
    """It is to be sent now."""
    return _moved(message, "queued", now, next_try=now, queued_at=now)


def resent(message: Message, now: datetime) -> Message:
    """A failed message is sent once more, with all patience anew. What was reported of it before is over."""
    return _moved(
        message, "queued", now, detail="sent once more", next_try=now, queued_at=now, tried_before=message.attempts,
        resent=message.resent + 1, permanent=False, report=None, unsure=False,
    )  # fmt: skip


def bundled(message: Message, bundle: str, now: datetime) -> Message:
    """It went as a part of this message."""
    return _moved(message, "bundled", now, detail=bundle, bundle=bundle)


def held(message: Message, until: datetime, now: datetime) -> Message:
    """A storm holds it back until the window ends."""
    return _moved(message, "waiting", now, detail="storm", send_at=until)


def announced(message: Message, by: str) -> Message:
    """The next try is about to be made by this process: another that finds this knows that it may have been."""
    return message.model_copy(update={"announced": message.attempts, "announcer": by})


def doubted(message: Message, now: datetime) -> Message:
    """It is to be handed over although it may have gone out before, and says so."""
    return _moved(message, "queued", now, detail="may have gone out twice", maybe_twice=True)


def after(message: Message, outcome: Handed | Refused, patience: Patience, now: datetime) -> Message:
    """What a try to hand it over made of it."""
    attempts = message.attempts + 1
    message = message.model_copy(update={"unsure": isinstance(outcome, Refused) and outcome.unsure})
    if isinstance(outcome, Handed):
        took = {"attempts": attempts, "provider": outcome.provider, "provider_id": outcome.provider_id}
        return _reported(_moved(message.model_copy(update=took), "handed", now, next_try=None), now)
    next_try = None if outcome.permanent else _next_try(message, attempts, patience, now)
    if next_try is None:
        tried = message.model_copy(update={"attempts": attempts, "permanent": outcome.permanent})
        return _moved(tried, "failed", now, detail=outcome.reason, next_try=None)
    return _moved(message, "queued", now, detail=outcome.reason, attempts=attempts, next_try=next_try)


def _next_try(message: Message, attempts: int, patience: Patience, now: datetime) -> datetime | None:
    return patience.next_try(attempts - message.tried_before, message.queued_at or message.send_at, now)


def reported(message: Message, report: Report, now: datetime) -> Message:
    """The gateway's report counted in; "delivered" outweighs every other, whenever it comes."""
    if report == "underway" or message.report in (report, "delivered"):
        return message
    return _reported(message.model_copy(update={"report": report}), now)


def _reported(message: Message, now: datetime) -> Message:
    """A report counts once the hand-over is remembered; until then it stands beside it."""
    if message.report == "delivered" and message.state in ("handed", "failed"):
        return _moved(message, "delivered", now)
    if message.report == "undelivered" and message.state == "handed":
        return _moved(message, "failed", now, detail="not delivered", permanent=True)
    return message


def _moved(message: Message, state: MessageState, at: datetime, *, detail: str = "", **changes: Any) -> Message:
    history = (*message.history, Step(state=state, at=at, detail=detail))
    return message.model_copy(update={"state": state, "history": history, **changes})
