"""The book of a site: everything its score looks at, digested once from the recorded events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.sites import Site
from contracts.events.assets import ReadingReceivedV1
from contracts.events.event import Event
from contracts.events.incidents import FaultEvent
from contracts.events.inspections import InspectionEvent
from services.scoring.faults import Breach, FaultLife, lives_of, standing_breaches
from services.scoring.hours import Hours, Normal, hours_of, required_codes, values_of
from services.scoring.recorded import Recorded, in_order
from services.scoring.span import Span
from services.scoring.tasks import Task, tasks_of


@dataclass(frozen=True)
class Book:
    """What is known of one site for one month."""

    lot: Lot
    site: Site
    span: Span
    values: Mapping[str, Normal]
    lives: tuple[FaultLife, ...]
    breaches: tuple[Breach, ...]
    tasks: tuple[Task, ...]

    @cached_property
    def hours(self) -> dict[str, Hours]:
        """The hours of each required parameter."""
        codes = required_codes(self.site)
        return {code: hours_of(code, self.site, self.lot, self.span, self.values, self.lives) for code in codes}

    @cached_property
    def opened(self) -> tuple[FaultLife, ...]:
        """The faults that opened in the span."""
        return tuple(life for life in self.lives if self.span.holds(life.opened.at))

    @cached_property
    def closed_tasks(self) -> tuple[Task, ...]:
        """The tasks whose window closed in the span."""
        return tuple(task for task in self.tasks if self.span.ends(task.closes))


def book_of(agreement: Agreement, lot: Lot, site: Site, span: Span, events: Iterable[Recorded]) -> Book:
    """Digests the events of one site; those of other sites, lots and agreements are left out."""
    own = in_order(known for known in events if _is_of(known.event, agreement, lot, site))
    return Book(lot, site, span, values_of(own), lives_of(own), standing_breaches(own), tasks_of(own))


def _is_of(event: Event, agreement: Agreement, lot: Lot, site: Site) -> bool:
    if isinstance(event, FaultEvent | InspectionEvent):
        return (event.agreement, event.lot, event.site) == (agreement.id, lot.id, site.id)
    return isinstance(event, ReadingReceivedV1) and event.site == site.id
