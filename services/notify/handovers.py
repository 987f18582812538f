"""Hand-overs of this process that may not be remembered in the database yet: none of them is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.notify.domain.outcomes import Handed, Refused

Try = tuple[str, int]
"""A notice and how often it was tried before."""


class Handovers:
    """Knows what the last tries came to, and those under way; the oldest are forgotten above `most`."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._tries: dict[Try, asyncio.Future[Handed | Refused]] = {}
        self._announced: dict[Try, None] = {}

    def announce(self, attempt: Try) -> None:
        """This process is about to make this try."""
        if len(self._announced) >= self._most:
            self._announced.pop(next(iter(self._announced)))
        self._announced[attempt] = None

    def announced(self, attempt: Try) -> bool:
        """Whether it was this process that announced it: then it also knows whether it was made."""
        return attempt in self._announced

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
