"""When the months of a lot are closed, and under which version of the agreement."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from contracts.agreements.agreement import Agreement
from contracts.events.assets import AgreementPublishedV1
from contracts.values import Frozen, Moment
from infra.runtime.states import State
from services.scoring.span import first_day, midnight, month_after, months_of


class Version(Frozen):
    """A version of the agreement, in force from `at`."""

    version: int
    at: Moment


class Closing(State):
    """A lot (`id` is `agreement/lot`): the month that is closed next, and the last one that was."""

    COLLECTION: ClassVar[str] = "closings"
    agreement: str
    lot: str
    versions: tuple[Version, ...] = ()
    next: str | None = None
    closed: str | None = None


def with_version(closing: Closing, published: AgreementPublishedV1) -> Closing:
    """The lot with one more version of its agreement; hearing one twice changes nothing."""
    others = [known for known in closing.versions if known.version != published.version]
    versions = sorted([*others, Version(version=published.version, at=published.at)], key=lambda known: known.version)
    return closing.model_copy(update={"versions": tuple(versions)})


def version_for(closing: Closing, month: str) -> int:
    """The newest version that was published before the month ended; else the oldest there is."""
    ended = midnight(first_day(month_after(month)))
    in_force = [known.version for known in closing.versions if known.at < ended]
    return max(in_force, default=closing.versions[0].version)


def month_to_close(agreement: Agreement, closing: Closing, now: datetime) -> str | None:
    """The month after the last one that was closed; for a new lot the first that has not ended. None after the term."""
    for month in months_of(agreement):
        if closing.closed is not None:
            if month > closing.closed:
                return month
        elif midnight(first_day(month_after(month))) > now:
            return month
    return None
