"""Hand-overs of this process that may not be remembered in the database yet: none of them is done twice."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

from services.notify.domain.outcomes import Handed, Refused

Try = tuple[str, int]
"""A notice and how often it was tried before."""


class Handovers:
    """Knows what the last tries came to, and those under way; the oldest are forgotten above `most`."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self.process = uuid.uuid4().hex
        """By which a message tells which process announced a try: that one also knows whether it was made."""
        self._tries: dict[Try, asyncio.Future[Handed | Refused]] = {}

    def knows(self, attempt: Try) -> bool:
        """Whether this try was made, or is being made, by this process."""
        return attempt in self._tries

    async def once(self, attempt: Try, hand_over: Callable[[], Awaitable[Handed | Refused]]) -> Handed | Refused:
        """What this try came to; it is made at the first call only, also when several call at once."""
        if attempt not in self._tries:
            self._forget_oldest()
            self._tries[attempt] = asyncio.ensure_future(hand_over())
        try:
            return await asyncio.shield(self._tries[attempt])
        except Exception:
            self._tries.pop(attempt, None)
            raise

    def _forget_oldest(self) -> None:
        while len(self._tries) >= self._most:
            self._tries.pop(next(iter(self._tries)))
