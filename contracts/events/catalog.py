"""Every event there is, by type, and the streams they are said on."""

from __future__ import annotations

from functools import cache

from contracts.events import assets, incidents, inspections, notify, scoring
from contracts.events.event import Event

OWNERS: dict[str, tuple[type[Event], ...]] = {
    "assets": (
        assets.ReadingReceivedV1,
        assets.ReadingPartReceivedV1,
        assets.ReadingRejectedV1,
        assets.AgreementPublishedV1,
    ),
    "inspections": (inspections.InspectionDueV1, inspections.InspectionDoneV1, inspections.InspectionMissedV1),
    "incidents": (
        incidents.FaultOpenedV1,
        incidents.FaultAcknowledgedV1,
        incidents.FaultArrivedV1,
        incidents.SpareInstalledV1,
        incidents.FaultAnalysedV1,
        incidents.FaultPausedV1,
        incidents.FaultResumedV1,
        incidents.FaultResolvedV1,
        incidents.FaultReopenedV1,
        incidents.SlaWarnedV1,
        incidents.SlaBreachedV1,
        incidents.SlaBreachWithdrawnV1,
    ),
    "scoring": (scoring.ScorePostedV1, scoring.SettlementComputedV1),
    "notify": (notify.NoticeRequestedV1, notify.NoticeSentV1, notify.NoticeDeliveredV1, notify.NoticeFailedV1),
    "console": (),
}
EVENTS: dict[str, type[Event]] = {event.type(): event for events in OWNERS.values() for event in events}
TOPICS: tuple[str, ...] = tuple(sorted({event.TOPIC for event in EVENTS.values()}))


@cache
def owner_of(event: type[Event]) -> str:
    """The one service that may say this event."""
    return next(owner for owner, events in OWNERS.items() if event in events)
