"""What people post about faults. `at`: when it was done, by the device; `phone` sets a wrong wall clock right."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from contracts.agreements.faults import PauseReason
from contracts.events.incidents import (
    FaultAcknowledgedV1,
    FaultAnalysedV1,
    FaultArrivedV1,
    FaultPausedV1,
    FaultResolvedV1,
    FaultResumedV1,
    SpareInstalledV1,
)
from contracts.events.inspections import Position
from contracts.masks import MASKED, initial
from contracts.values import Moment, Slug
from services.incidents.domain import Fault
from services.incidents.domain.fault import Step, identity_of
from services.incidents.domain.phone import Phone, done_at

Text = Annotated[str, Field(max_length=2000), MASKED]
Telling = Annotated[str, Field(min_length=1, max_length=2000), MASKED]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Degrees = Annotated[Decimal, Field(max_digits=30)]


class PositionPost(Position):
    """WGS 84, degrees and metres."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    latitude: Annotated[Degrees, Field(ge=-90, le=90)]
    longitude: Annotated[Degrees, Field(ge=-180, le=180)]
    accuracy_metres: Annotated[Degrees, Field(ge=0, le=100_000)]


class Posted(BaseModel):
    """What every post carries. `photos`: SHA-256 digests."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    at: Moment
    phone: Phone | None = None
    note: Text = ""
    photos: Annotated[tuple[Digest, ...], Field(max_length=100)] = ()

    def content(self) -> Self:
        """What an idempotency key stands for: a phone that tries again reads its clock anew."""
        if self.phone is None:
            return self
        done = self.phone.done_seconds
        return self.model_copy(update={"phone": Phone(done_seconds=done, sent_seconds=done)})

    def step(self, fault: Fault, by: str, now: datetime) -> Step:
        """The step this post makes."""
        raise TypeError(f"{type(self).__name__} makes no step")

    def _shared(self, fault: Fault, by: str, now: datetime) -> dict[str, object]:
        at = done_at(self.at, self.phone, now)
        return {**identity_of(fault.opened), "at": at, "by": by, "posted_at": now, "note": self.note}


class AcknowledgementPost(Posted):
    """The supplier has taken the fault."""

    def step(self, fault: Fault, by: str, now: datetime) -> Step:
        return FaultAcknowledgedV1.model_validate({**self._shared(fault, by, now), "evidence": self.photos})


class ArrivalPost(Posted):
    """Somebody is on site."""

    position: PositionPost | None = None

    def step(self, fault: Fault, by: str, now: datetime) -> Step:
        shown = {"position": self.position, "photos": self.photos}
        return FaultArrivedV1.model_validate({**self._shared(fault, by, now), **shown})


class SparePost(Posted):
    """A spare instrument measures in its place."""

    spare: Annotated[str, Field(min_length=1, max_length=200), MASKED]

    def step(self, fault: Fault, by: str, now: datetime) -> Step:
        fields = {**self._shared(fault, by, now), "evidence": self.photos, "spare": self.spare}
        return SpareInstalledV1.model_validate(fields)


class AnalysisPost(Posted):
    """The cause is found and reported."""

    note: Telling

    def step(self, fault: Fault, by: str, now: datetime) -> Step:
        return FaultAnalysedV1.model_validate({**self._shared(fault, by, now), "evidence": self.photos})


class PausePost(Posted):
    """From `at` on, something keeps the supplier from working; `evidence` says what shows it."""

    reason: PauseReason
    evidence: Telling

    def step(self, fault: Fault, by: str, now: datetime) -> Step:
        fields = {**self._shared(fault, by, now), "reason": self.reason, "evidence": (self.evidence, *self.photos)}
        return FaultPausedV1.model_validate(fields)


class ResumptionPost(Posted):
    """The reason has gone."""

    reason: PauseReason

    def step(self, fault: Fault, by: str, now: datetime) -> Step:
        fields = {**self._shared(fault, by, now), "reason": self.reason, "evidence": self.photos}
        return FaultResumedV1.model_validate(fields)


class ResolutionPost(Posted):
    """The fault is over."""

    def step(self, fault: Fault, by: str, now: datetime) -> Step:
        return FaultResolvedV1.model_validate({**self._shared(fault, by, now), "evidence": self.photos})


class CallPost(BaseModel):
    """Somebody reports a fault. `caller`: who called, where it was not the one who posts; an event shows an initial."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    site: Slug
    asset: Slug | None = None
    """None: the site as a whole."""
    kind: Slug
    at: Moment
    text: Telling
    caller: Annotated[str, Field(max_length=100)] = ""

    @property
    def told(self) -> str:
        """The text, and of a caller as much as an event may show."""
        return f"{self.text} ({initial(self.caller)})" if self.caller else self.text
