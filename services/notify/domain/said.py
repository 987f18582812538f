"""What notify says of a message: ids and states, never a name, a number or an address."""

from __future__ import annotations

from datetime import datetime

from contracts.events.notify import (
    NoticeDeliveredV1,
    NoticeEvent,
    NoticeFailedV1,
    NoticeRequestedV1,
    NoticeSentV1,
)
from services.notify.domain.messages import Message


def requested(message: Message, now: datetime) -> NoticeRequestedV1:
    """Somebody is to be told."""
    return NoticeRequestedV1(
        at=now, notice=message.id, person=message.person, channel=message.channel, cause=message.cause,
        agreement=message.agreement, lot=message.lot, group=message.group, route=message.route,
        template=message.template, subject=message.subject, bundled=message.bundled,
        causes=message.causes,
    )  # fmt: skip


def changes(before: Message, now_is: Message, now: datetime) -> tuple[NoticeEvent, ...]:
    """What is to be said of a message that was `before` and now is another: sent, delivered, failed, in this order."""
    past = len(before.history)
    steps = [step.state for step in now_is.history[past:]]
    makers = {"handed": _sent, "delivered": _delivered, "failed": _failed}
    return tuple(makers[state](now_is, now) for state in steps if state in makers)


def _sent(message: Message, now: datetime) -> NoticeEvent:
    return NoticeSentV1(
        at=now, notice=message.id, person=message.person, channel=message.channel, cause=message.cause,
        provider=message.provider, provider_id=message.provider_id, attempts=message.attempts,
    )  # fmt: skip


def _delivered(message: Message, now: datetime) -> NoticeEvent:
    return NoticeDeliveredV1(
        at=now, notice=message.id, person=message.person, channel=message.channel, cause=message.cause,
        provider_id=message.provider_id,
    )  # fmt: skip


def _failed(message: Message, now: datetime) -> NoticeEvent:
    return NoticeFailedV1(
        at=now, notice=message.id, person=message.person, channel=message.channel, cause=message.cause,
        reason=message.history[-1].detail, permanent=message.permanent, attempts=message.attempts,
    )  # fmt: skip
