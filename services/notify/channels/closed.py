"""A channel that is not set up: every message fails, visibly."""

from __future__ import annotations

from services.notify.channels.ports import Mail, Sms
from services.notify.domain.outcomes import Handed, Refused


class Closed:
    """Takes nothing."""

    keeps_keys = True

    async def send(self, message: Sms | Mail) -> Handed | Refused:
        """Refuses for good: only a change of settings opens it."""
        return Refused(permanent=True, reason="this channel is not set up")
