"""A service agreement as data: the root of the schema."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from contracts.agreements.calendar import Calendar
from contracts.agreements.clocks import SlaClause
from contracts.agreements.entry import Entry, Source, Term
from contracts.agreements.faults import FaultKind, FaultRule
from contracts.agreements.notices import Notices
from contracts.agreements.plans import InspectionPlan
from contracts.agreements.scores import Indicator, Payment, Sheet
from contracts.agreements.sites import Site
from contracts.values import Slug, Words


class Party(Term):
    """A buyer, a supplier, or an inspector; its id is the organisation in a person's token."""

    id: Slug
    title: Words
    source: Source | None = None


class Lot(Entry):
    """What one supplier maintains, how it is watched, scored and paid."""

    supplier: Slug
    sites: tuple[Site, ...] = Field(min_length=1)
    plans: tuple[InspectionPlan, ...] = ()
    fault_kinds: tuple[FaultKind, ...]
    fault_rules: tuple[FaultRule, ...] = ()
    sla: tuple[SlaClause, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    sheet: Sheet
    payment: Payment
    notices: Notices


class Agreement(Entry):
    """One version of a service agreement. A new version is a new document; what was decided under an old one stands."""

    version: int = Field(ge=1)
    starts: date
    ends: date
    """Last day of service, included."""
    buyer: Slug
    parties: tuple[Party, ...] = Field(min_length=2)
    calendar: Calendar
    lots: tuple[Lot, ...] = Field(min_length=1)

    def lot(self, lot: Slug) -> Lot:
        """The lot of this id; KeyError where there is none."""
        return _named(self.lots, lot)

    def party(self, party: Slug) -> Words:
        """The name of a party."""
        return next(known.title for known in self.parties if known.id == party)


def _named(lots: tuple[Lot, ...], lot: Slug) -> Lot:
    for known in lots:
        if known.id == lot:
            return known
    raise KeyError(lot)
