"""Limits: how much of what nobody vouches for is told."""

from __future__ import annotations


class PerMinute:
    """So many a minute, and no more, by a clock in seconds that only goes forward."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._minute = -1
        self._asked = 0

    def grants(self, now: float) -> bool:
        """Whether one more is within the limit."""
        minute = int(now // 60)
        self._asked = self._asked + 1 if minute == self._minute else 1
        self._minute = minute
        return self._asked <= self._most
