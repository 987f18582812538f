"""What a sink is told to do with what comes next: take it, refuse it for now or for good, answer late."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["ok", "temporary", "permanent", "slow", "lost", "undelivered", "silent", "forgetful"]


class Order(BaseModel):
    """The mode of the next `times` messages (None: until the next order).

    temporary, permanent: refused. slow: answered after `seconds`. lost: taken, but answered as if it were not.
    undelivered, silent (SMS): taken; the report says "not delivered", or never comes. forgetful (SMS): taken without
    a look at its key, as Kannel does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    mode: Mode
    times: int | None = Field(default=None, ge=1)
    seconds: float = Field(default=2.0, ge=0, le=60)


class Mood:
    """The order that is in force, and what is left of it."""

    def __init__(self) -> None:
        self._order = Order(mode="ok")
        self._left: int | None = None

    def take(self, order: Order) -> None:
        """From now on this order counts."""
        self._order, self._left = order, order.times

    def next(self) -> Order:
        """What to do with the message that has just come."""
        if self._left is not None:
            if self._left == 0:
                return Order(mode="ok")
            self._left -= 1
        return self._order
