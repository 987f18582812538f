"""When something was really done, by a phone whose wall clock may be wrong: its monotonic clock tells how long ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from contracts.values import Frozen, whole_milliseconds

Seconds = Annotated[Decimal, Field(ge=0, le=10**9)]


class Phone(Frozen):
    """The phone's monotonic clock, in seconds, when it was done and when it was sent, without a restart between."""

    done_seconds: Seconds
    sent_seconds: Seconds

    @model_validator(mode="after")
    def _runs_forward(self) -> Phone:
        if self.sent_seconds < self.done_seconds:
            raise ValueError("sent_seconds must not be before done_seconds: leave both out after a restart")
        return self


def done_at(at: datetime, phone: Phone | None, now: datetime) -> datetime:
    """The event time of a post: `at` by the phone's wall clock, or so long before `now` as its monotonic clock says."""
    if phone is None:
        return at
    return whole_milliseconds(now - timedelta(seconds=float(phone.sent_seconds - phone.done_seconds)))
