"""A month's score and settlement: one pure function over the agreement and the recorded events (W3, W8, W18)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.sites import Site
from contracts.events.assets import AgreementPublishedV1
from contracts.events.scoring import ScorePostedV1, SettlementComputedV1, SitePayment
from services.scoring.book import book_of
from services.scoring.days import days_of, share_of_days
from services.scoring.indicators import indicator_values
from services.scoring.lines import Earned, site_payment
from services.scoring.payment import NOTHING, month_in_year, share_of
from services.scoring.recorded import Recorded, of_type
from services.scoring.sheet import Filled, fill_sheet
from services.scoring.span import span_of


@dataclass(frozen=True, slots=True)
class MonthScore:
    """The scores of a lot's sites, in the lot's order, and what they make of the payment."""

    scores: tuple[ScorePostedV1, ...]
    settlement: SettlementComputedV1


@dataclass(frozen=True, slots=True)
class Frame:
    """What all sites of one scoring share."""

    agreement: Agreement
    lot: Lot
    month: str
    until: datetime | None
    revision: int
    provisional: bool

    @property
    def prefix(self) -> str:
        """The settlement's id, such as `wuhan-air/lot-1/2026-04/r1`; a provisional one has `p1` in place of `r1`."""
        kind = "p" if self.provisional else "r"
        return f"{self.agreement.id}/{self.lot.id}/{self.month}/{kind}{self.revision}"


def score_month(
    agreement: Agreement,
    lot_id: str,
    month: str,
    events: Iterable[Recorded],
    *,
    until: datetime | None,
    revision: int,
    provisional: bool,
) -> MonthScore:
    """Scores every site of a lot for a natural month, local time, and computes the settlement.

    `events` may come in any order and more than once, and may hold other sites' and months' too. `until` cuts what is
    known, for the month so far; None: up to the month's close. Withdrawals and late posts of work done in time count
    whenever they were heard. Raises KeyError for an unknown lot, ValueError for a month outside the term.
    """
    frame = Frame(agreement, agreement.lot(lot_id), month, until, revision, provisional)
    told = tuple(events)
    filled = [_score(frame, site, told) for site in frame.lot.sites]
    terms = _publication(frame.agreement, told)
    payments = tuple(_payment(frame, place, *pair, terms) for place, pair in enumerate(filled))
    return MonthScore(tuple(posted for posted, _ in filled), _settlement(frame, filled[0][0].at, payments))


def score_site(frame: Frame, site_id: str, events: Iterable[Recorded]) -> ScorePostedV1:
    """The score of one site, as `score_month` has it. Raises KeyError for an unknown site, ValueError for the month."""
    sites = {site.id: site for site in frame.lot.sites}
    return _score(frame, sites[site_id], events)[0]


def _score(frame: Frame, site: Site, events: Iterable[Recorded]) -> tuple[ScorePostedV1, Filled]:
    agreement, lot = frame.agreement, frame.lot
    span = span_of(agreement, lot, site, frame.month, frame.until)
    book = book_of(agreement, lot, site, span, events)
    values = indicator_values(book)
    filled = fill_sheet(lot.sheet, book, values)
    posted = ScorePostedV1(
        at=span.known,
        score=f"{frame.prefix}/{site.id}",
        agreement=agreement.id,
        agreement_version=agreement.version,
        lot=lot.id,
        site=site.id,
        month=frame.month,
        revision=frame.revision,
        provisional=frame.provisional,
        full=filled.full,
        points=filled.points,
        gated_by=filled.gated_by,
        lines=filled.lines,
        indicators=values,
    )
    return posted, filled


def _payment(frame: Frame, place: int, posted: ScorePostedV1, filled: Filled, terms: tuple[str, ...]) -> SitePayment:
    """Each site has its place in the fee, there or not: what one does not earn yet makes no other's share grow."""
    payment, sites = frame.lot.payment, frame.lot.sites
    whole = share_of(payment.annual_fee, month_in_year(frame.agreement, frame.month), place, len(sites))
    days = days_of(frame.agreement, sites[place], frame.month)
    return site_payment(payment.pricing, Earned(share_of_days(whole, days), days, terms), posted, filled)


def _publication(agreement: Agreement, events: Iterable[Recorded]) -> tuple[str, ...]:
    """The id under which this version of the agreement was published, where it is among the events."""
    published = of_type(events, AgreementPublishedV1)
    return tuple(sorted({id for id, e in published if (e.agreement, e.version) == (agreement.id, agreement.version)}))


def _settlement(frame: Frame, closed_at: datetime, sites: tuple[SitePayment, ...]) -> SettlementComputedV1:
    gross = sum((site.share for site in sites), NOTHING)
    payable = sum((site.payable for site in sites), NOTHING)
    return SettlementComputedV1(
        at=closed_at,
        settlement=frame.prefix,
        agreement=frame.agreement.id,
        agreement_version=frame.agreement.version,
        lot=frame.lot.id,
        month=frame.month,
        revision=frame.revision,
        currency=frame.lot.payment.currency,
        gross=gross,
        deducted=gross - payable,
        payable=payable,
        sites=sites,
        closed_at=closed_at,
    )
