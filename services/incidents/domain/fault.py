"""A fault, as it is remembered: how it opened, every step since, and what was already said of its clocks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Tag

from contracts.events.incidents import (
    FaultAcknowledgedV1,
    FaultAnalysedV1,
    FaultArrivedV1,
    FaultOpenedV1,
    FaultPausedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    FaultResumedV1,
    SpareInstalledV1,
)
from contracts.values import Frozen, Moment
from infra.runtime.states import State


def _step_type(step: Any) -> str:
    """Documents name the type of a step beside its fields."""
    return str(step["type"]) if isinstance(step, dict) else type(step).__name__


Step = Annotated[
    Annotated[FaultAcknowledgedV1, Tag("FaultAcknowledgedV1")]
    | Annotated[FaultArrivedV1, Tag("FaultArrivedV1")]
    | Annotated[SpareInstalledV1, Tag("SpareInstalledV1")]
    | Annotated[FaultAnalysedV1, Tag("FaultAnalysedV1")]
    | Annotated[FaultPausedV1, Tag("FaultPausedV1")]
    | Annotated[FaultResumedV1, Tag("FaultResumedV1")]
    | Annotated[FaultResolvedV1, Tag("FaultResolvedV1")]
    | Annotated[FaultReopenedV1, Tag("FaultReopenedV1")],
    Discriminator(_step_type),
]


class Warned(Frozen):
    """A warning that was said: never twice for one clause, due time and time left."""

    clause: str
    due: Moment
    at: Moment


class Alarm(Frozen):
    """A timer that is set for this fault. `key` is `fault|clause` and, for warnings, `|n`."""

    name: str
    key: str
    due: Moment


class Fault(State):
    """A fault and its recorded steps, in the order they were heard; its clocks are derived from these.

    `breached`: by clause, the due time of the breach that was said and not withdrawn.
    """

    COLLECTION: ClassVar[str] = "faults"
    supplier: str
    opened: FaultOpenedV1
    steps: tuple[Step, ...] = ()
    breached: dict[str, Moment] = {}
    warned: tuple[Warned, ...] = ()
    armed: tuple[Alarm, ...] = ()
    open: bool = True

    def document(self) -> dict[str, Any]:
        """As `State.document`, each step with its type."""
        plain = super().document()
        for step, recorded in zip(plain["steps"], self.steps, strict=True):
            step["type"] = type(recorded).__name__
        return plain

    @property
    def resolved(self) -> FaultResolvedV1 | None:
        """The step that ended it: the earliest resolution after the last reopening; those before it do not count."""
        since, steps = self.reopened_at, (step for step in self.steps if isinstance(step, FaultResolvedV1))
        return min((step for step in steps if since is None or step.at > since), key=lambda step: step.at, default=None)

    @property
    def reopened_at(self) -> datetime | None:
        """Up to when it is certain that it was not over, whatever was said; None where it was never opened again."""
        return max((step.at for step in self.steps if isinstance(step, FaultReopenedV1)), default=None)

    @property
    def resolved_at(self) -> datetime | None:
        """When it ended."""
        return self.resolved.at if self.resolved else None

    def has(self, **changes: Any) -> Fault:
        """This fault with these fields changed; they are known to be right."""
        return self.model_copy(update=changes)


def identity_of(opened: FaultOpenedV1) -> dict[str, Any]:
    """The fields that all events of one fault share."""
    return {
        "fault": opened.fault,
        "agreement": opened.agreement,
        "agreement_version": opened.agreement_version,
        "lot": opened.lot,
        "site": opened.site,
        "asset": opened.asset,
        "kind": opened.kind,
    }
