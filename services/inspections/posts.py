"""What people post about a task. `done_…` was read at the work, `…_now…` at each attempt to send it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contracts.events.inspections import ItemResult, Position
from contracts.masks import MASKED
from contracts.values import Moment
from services.inspections.domain.timing import Readings
from services.inspections.domain.work import Work

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Seconds = Annotated[Decimal, Field(ge=0, le=10**9)]
"""Of a monotonic clock."""
_STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ItemPost(ItemResult):
    """One answer."""

    model_config = _STRICT
    answer: Annotated[str, Field(max_length=2000), MASKED] = ""


class PositionPost(Position):
    """WGS 84, degrees and metres."""

    model_config = _STRICT
    latitude: Annotated[Decimal, Field(ge=-90, le=90)]
    longitude: Annotated[Decimal, Field(ge=-180, le=180)]
    accuracy_metres: Annotated[Decimal, Field(ge=0, le=100_000)]


class WorkPost(BaseModel):
    """The work itself: the part that stays the same however often it is sent."""

    model_config = _STRICT
    items: Annotated[tuple[ItemPost, ...], Field(min_length=1, max_length=1000)]
    photos: Annotated[tuple[Digest, ...], Field(max_length=100)] = ()
    position: PositionPost | None = None
    done_at: Moment
    monotonic_done_seconds: Seconds | None = None


class ResultPost(WorkPost):
    """A result as it is sent. Leave the monotonic readings out when the phone was restarted since the work."""

    device_now: Moment | None = None
    monotonic_now_seconds: Seconds | None = None

    def content(self) -> WorkPost:
        """What an idempotency key stands for: a phone that tries again reads its clocks anew."""
        return WorkPost.model_validate(self.model_dump(include=set(WorkPost.model_fields)))

    def work(self, by: str) -> Work:
        """As the decisions take it."""
        readings = Readings(self.done_at, self.device_now, self.monotonic_done_seconds, self.monotonic_now_seconds)
        return Work(by, self.items, self.photos, self.position, readings)
