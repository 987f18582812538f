"""Twins in memory of the gateway and the mail server, held to the same tests as the real ones."""

from __future__ import annotations

from collections import deque

from services.notify.channels.ports import Mail, Sms
from services.notify.domain.outcomes import Handed, Refused

PROVIDER = "memory"


class MemoryGateway:
    """Keeps short messages by notice. `refusals` are given out first, one for each try."""

    def __init__(self, *, keeps_keys: bool = True) -> None:
        self.keeps_keys = keeps_keys
        self.taken: dict[str, Sms] = {}
        self.repeats = 0
        self.refusals: deque[Refused] = deque()

    async def send(self, message: Sms) -> Handed | Refused:
        """Takes it, or the next refusal."""
        if self.refusals:
            return self.refusals.popleft()
        self.repeats += message.notice in self.taken
        self.taken.setdefault(message.notice, message)
        return Handed(provider=PROVIDER, provider_id=f"sms-{message.notice}")


class MemoryMail:
    """Keeps mails by notice. `refusals` are given out first, one for each try."""

    def __init__(self, *, keeps_keys: bool = True) -> None:
        self.keeps_keys = keeps_keys
        self.taken: dict[str, Mail] = {}
        self.repeats = 0
        self.refusals: deque[Refused] = deque()

    async def send(self, message: Mail) -> Handed | Refused:
        """Takes it, or the next refusal."""
        if self.refusals:
            return self.refusals.popleft()
        self.repeats += message.notice in self.taken
        self.taken.setdefault(message.notice, message)
        return Handed(provider=PROVIDER, provider_id=f"mail-{message.notice}")
