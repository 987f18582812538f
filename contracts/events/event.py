"""What every event is: a fact with the moment it became true, on its aggregate's stream."""

from __future__ import annotations

from typing import ClassVar, Self

from contracts.values import Frozen, Moment


class Event(Frozen):
    """A fact. `TOPIC` is the stream it is said on; `key` names the aggregate, whose events keep their order.

    `at` is event time: when the fact became true, not when we heard of it.
    A schema changes by optional additions only; anything else is a new class, `…V2`.
    """

    TOPIC: ClassVar[str]
    PLENTY: ClassVar[bool] = False
    """Whether it is said so often that only a sample of it is traced, and what it causes."""
    at: Moment

    @property
    def key(self) -> str:
        """The aggregate this event belongs to (the Kafka key)."""
        raise TypeError(f"{type(self).__name__} names no aggregate")

    @classmethod
    def type(cls) -> str:
        """The `ce_type` of this event."""
        return cls.__name__

    @classmethod
    def read(cls, text: bytes) -> Self:
        """The event in a letter's body. Raises pydantic's ValidationError, which names the field that does not fit."""
        return cls.model_validate_json(text, extra="ignore")

    def written(self) -> bytes:
        """The body of a letter: JSON."""
        return self.model_dump_json().encode()
