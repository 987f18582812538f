"""The counter: where messages are handed over to the world, each try once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from infra.runtime import metrics
from infra.runtime.ears import Wake
from infra.runtime.ledger import Entry
from services.notify.channels.ports import Mail, MailServer, Sms, SmsGateway
from services.notify.domain import said
from services.notify.domain.directory import Directory
from services.notify.domain.messages import Message, after, announced, doubted
from services.notify.domain.outcomes import Handed, Refused
from services.notify.domain.patience import Patience
from services.notify.handovers import Handovers, Try

log = structlog.get_logger()


@dataclass
class Counter:
    """The ways out, the patience with them, and the address to which a notice's delivery is to be reported."""

    sms: SmsGateway
    mail: MailServer
    patience: Patience = field(default_factory=Patience)
    receipts: Callable[[str], str] = lambda notice: ""
    handovers: Handovers = field(default_factory=Handovers)

    async def send_message_when_due(self, wake: Wake, entry: Entry) -> None:
        """Hands a queued message over, and remembers what came of it. An outside effect: it may be called again."""
        message = await entry.load(Message, wake.key)
        if message is None or message.state != "queued":
            return
        if self._is_to_be_announced(message):
            entry.write(announced(self._marked(message, entry.now), self.handovers.process))
            entry.wake(entry.now, "send", message.id)
            return
        outcome = await self._outcome(message, await entry.load(Directory, "directory") or Directory())
        later = after(message, outcome, self.patience, entry.now)
        entry.write(later)
        _complain(later, outcome)
        metrics.NOTICES.labels(message.channel, "again" if later.next_try else later.state).inc()
        for event in said.changes(message, later, entry.now):
            entry.say(event)
        if later.next_try is not None:
            entry.wake(later.next_try, "send", later.id)

    def _is_to_be_announced(self, message: Message) -> bool:
        """A provider that keeps no keys: after a crash it must be known whether this try may have been made. What
        another process has announced is announced anew, so that the mark is there before anything goes out twice."""
        if not self._is_keyless(message) or message.report:
            return False
        return (message.announced, message.announcer) != (message.attempts, self.handovers.process)

    def _marked(self, message: Message, now: datetime) -> Message:
        """The message as it is announced: it says so where it may have been handed over before."""
        anothers = message.announced == message.attempts
        if not (anothers or message.unsure):
            return message
        why = "a process was lost while handing it over" if anothers else "the provider did not answer"
        log.warning("message may have gone out twice", notice=message.id, channel=message.channel, why=why)
        return doubted(message, now)

    def _is_keyless(self, message: Message) -> bool:
        return not (self.sms if message.channel == "sms" else self.mail).keeps_keys

    async def _outcome(self, message: Message, directory: Directory) -> Handed | Refused:
        """A report that is there before its hand-over proves the hand-over: its answer was lost."""
        attempt = _try_of(message)
        if message.report and not self.handovers.knows(attempt):
            return Handed(provider="reported", provider_id=message.id)
        person = directory.person(message.person)
        to = person.address(message.channel) if person else None
        if to is None:
            return Refused(permanent=True, reason=f"no {message.channel} address in the directory")
        return await self.handovers.once(attempt, lambda: self._hand_over(message, to))

    async def _hand_over(self, message: Message, to: str) -> Handed | Refused:
        if message.channel == "sms":
            return await self.sms.send(Sms(message.sending, to, message.text, self.receipts(message.sending)))
        return await self.mail.send(Mail(message.sending, to, message.title, message.text))


def _try_of(message: Message) -> Try:
    return message.id, message.attempts


def _complain(message: Message, outcome: Handed | Refused) -> None:
    """A provider that does not let us in is for somebody here to mend: no message goes out until then."""
    if isinstance(outcome, Refused) and outcome.account:
        log.error(
            "provider refuses our account", channel=message.channel, notice=message.id, reason=outcome.reason,
            attempts=message.attempts, next_try=message.next_try and message.next_try.isoformat(),
        )  # fmt: skip
