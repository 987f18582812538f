"""Said by inspections: what fell due on the plan, what was done, what was missed (W4)."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from contracts.events.event import Event
from contracts.values import Frozen, Moment


class InspectionEvent(Event):
    """What all events of one inspection task share."""

    TOPIC: ClassVar[str] = "inspections"
    task: str
    agreement: str
    lot: str
    site: str
    plan: str
    opens: Moment
    closes: Moment

    @property
    def key(self) -> str:
        return self.task


class InspectionDueV1(InspectionEvent):
    """A task of the plan has its window; `at` is when it was put on the list."""


class Position(Frozen):
    """Where the phone says it was; WGS 84 degrees, accuracy in metres."""

    latitude: Decimal
    longitude: Decimal
    accuracy_metres: Decimal


class ItemResult(Frozen):
    """The answer to one item of the check-list."""

    item: str
    ok: bool
    answer: str = ""
    asset: str | None = None


class InspectionDoneV1(InspectionEvent):
    """Somebody did the task; `at` is when it was done, by the phone's clock corrected by its monotonic time."""

    by: str
    posted_at: Moment
    items: tuple[ItemResult, ...] = ()
    photos: tuple[str, ...] = ()
    """SHA-256 digests of the photos."""
    position: Position | None = None
    device_time: Moment | None = None
    device_offset_seconds: Decimal | None = None
    in_window: bool = True


class InspectionMissedV1(InspectionEvent):
    """The window closed without a result; `at` is the close. A late post of work done in time outweighs it."""
