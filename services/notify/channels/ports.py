"""What notify asks of the world outside, and the form in which it asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from services.notify.domain.outcomes import Handed, Refused


@dataclass(frozen=True, slots=True)
class Sms:
    """A short message. `notice` is its idempotency key; `receipts` is where its delivery is to be reported."""

    notice: str
    to: str = field(repr=False)
    text: str
    receipts: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail; its Message-ID is made of `notice`."""

    notice: str
    to: str = field(repr=False)
    subject: str
    text: str


class SmsGateway(Protocol):
    """Takes short messages. Handing the same notice over twice sends it once where the provider keeps keys."""

    @property
    def keeps_keys(self) -> bool:
        """Whether the provider knows a notice again by its idempotency key."""
        ...

    async def send(self, message: Sms) -> Handed | Refused:
        """Never raises for what the provider or the network does."""
        ...


class MailServer(Protocol):
    """Takes mails. The same Message-ID twice is one mail where the server looks at it."""

    @property
    def keeps_keys(self) -> bool:
        """Whether the server knows a mail again by its Message-ID."""
        ...

    async def send(self, message: Mail) -> Handed | Refused:
        """Never raises for what the server or the network does."""
        ...
