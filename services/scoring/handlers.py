"""What this room hears, and what wakes it: evidence is kept, a finding makes a score so far, a month is closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from contracts.agreements.agreement import Agreement
from contracts.events.assets import AgreementPublishedV1
from contracts.events.incidents import SlaBreachedV1, SlaBreachWithdrawnV1
from contracts.events.inspections import InspectionMissedV1
from infra.runtime.agreements import agreement_of, keep_agreements, place_of
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry
from infra.runtime.letters import Letter
from infra.runtime.line import NotYet
from services.scoring.closing import Closing, month_to_close, version_for, with_version
from services.scoring.evidence import KEPT, is_kept, keep, kept, recorded_of
from services.scoring.month import Frame, MonthScore, score_month, score_site
from services.scoring.span import close_of, month_ended_by, months_of
from services.scoring.store import Settlement, SiteMonth

BUNDLE = timedelta(seconds=2)
"""Findings of a site that come within this time make one provisional score."""
Finding = SlaBreachedV1 | SlaBreachWithdrawnV1 | InspectionMissedV1

ears = Ears("scoring")
keep_agreements(ears)


async def keep_evidence(batch: Sequence[tuple[Letter, Any]], entry: Entry) -> None:
    """Keeps a batch of events, each once, before anything is made of them."""
    documents = [kept(letter, event) for letter, event in batch if is_kept(event)]
    if documents:
        await keep(entry.db, documents)


for _event in KEPT:
    ears.gathers(_event)(keep_evidence)


def site_month_of(finding: Finding) -> str:
    """The id of the site's month that a finding belongs to: the one its deadline ended in."""
    deadline = finding.closes if isinstance(finding, InspectionMissedV1) else finding.due
    return f"{finding.agreement}/{finding.lot}/{month_ended_by(deadline)}/{finding.site}"


def _needs(finding: Finding) -> list[tuple[type[SiteMonth], str]]:
    return [(SiteMonth, site_month_of(finding))]


@ears.hears(SlaBreachedV1, needs=_needs)
async def ask_for_score_on_breach(breached: SlaBreachedV1, entry: Entry) -> None:
    await _ask_for_score(breached, entry)


@ears.hears(SlaBreachWithdrawnV1, needs=_needs)
async def ask_for_score_on_withdrawal(withdrawn: SlaBreachWithdrawnV1, entry: Entry) -> None:
    await _ask_for_score(withdrawn, entry)


@ears.hears(InspectionMissedV1, needs=_needs)
async def ask_for_score_on_missed_inspection(missed: InspectionMissedV1, entry: Entry) -> None:
    await _ask_for_score(missed, entry)


async def _ask_for_score(finding: Finding, entry: Entry) -> None:
    id = site_month_of(finding)
    known = await entry.load(SiteMonth, id) or _site_month(id)
    if known.final or known.pending:
        return
    asked = known.asked + 1
    entry.write(known.model_copy(update={"asked": asked, "pending": True}))
    entry.wake(max(entry.now, finding.at) + BUNDLE, "post-score", f"{id}/{asked}")


def _site_month(id: str) -> SiteMonth:
    agreement, lot, month, site = id.split("/")
    return SiteMonth(id=id, agreement=agreement, lot=lot, month=month, site=site)


@ears.wakes("post-score", needs=lambda key: [(SiteMonth, key.rpartition("/")[0])])
async def post_score_when_bundled(wake: Wake, entry: Entry) -> None:
    known = await entry.load(SiteMonth, wake.key.rpartition("/")[0])
    if known is None or known.final:
        return
    score = None
    if frame := await _frame_so_far(known, wake.due, entry):
        events = await recorded_of(entry.db, f"{known.agreement}/{known.lot}", [known.site], known.month)
        score = score_site(frame, known.site, events)
        entry.say(score)
    entry.write(known.model_copy(update={"pending": False, "score": score or known.score}))


async def _frame_so_far(known: SiteMonth, until: datetime, entry: Entry) -> Frame | None:
    """None for a month outside the term. Raises `NotYet` for a site that no agreement named so far."""
    place = await place_of(entry, known.site)
    if place is None:
        raise NotYet(f"no agreement names the site {known.site} yet")
    if known.month not in months_of(place.agreement):
        return None
    return Frame(place.agreement, place.lot, known.month, until, known.asked, provisional=True)


def _closings(published: AgreementPublishedV1) -> list[tuple[type[Closing], str]]:
    return [(Closing, f"{published.agreement}/{lot.id}") for lot in published.document.lots]


@ears.hears(AgreementPublishedV1, needs=_closings)
async def arm_close_on_published(published: AgreementPublishedV1, entry: Entry) -> None:
    for lot in published.document.lots:
        id = f"{published.agreement}/{lot.id}"
        known = await entry.load(Closing, id) or Closing(id=id, agreement=published.agreement, lot=lot.id)
        newest = max((version.version for version in known.versions), default=0)
        known = with_version(known, published)
        if published.version >= newest:
            known = arm(known, published.document, entry)
        entry.write(known)


def arm(closing: Closing, agreement: Agreement, entry: Entry) -> Closing:
    """Wakes this room at the close of the lot's next month; one that is armed already keeps its place."""
    month = closing.next or month_to_close(agreement, closing, entry.now)
    if month is not None:
        entry.wake(close_of(agreement.lot(closing.lot), month), "close-month", f"{closing.id}/{month}")
    return closing.model_copy(update={"next": month})


@ears.wakes("close-month", needs=lambda key: [(Closing, key.rpartition("/")[0])])
async def settle_when_month_closes(wake: Wake, entry: Entry) -> None:
    lot, _, month = wake.key.rpartition("/")
    closing = await entry.load(Closing, lot)
    if closing is None or closing.next != month:
        return
    agreement = await agreement_of(entry, closing.agreement, version_for(closing, month))
    await post_settlement(await score_kept(agreement, closing.lot, month, 1, entry), "", entry)
    closed = closing.model_copy(update={"closed": month, "next": None})
    newest = await agreement_of(entry, closing.agreement, closing.versions[-1].version)
    entry.write(arm(closed, newest, entry))


async def score_kept(agreement: Agreement, lot: str, month: str, revision: int, entry: Entry) -> MonthScore:
    """The final score of a lot's month from the evidence that is kept."""
    sites = [site.id for site in agreement.lot(lot).sites]
    events = await recorded_of(entry.db, f"{agreement.id}/{lot}", sites, month)
    return score_month(agreement, lot, month, events, until=None, revision=revision, provisional=False)


async def post_settlement(scored: MonthScore, by: str, entry: Entry) -> None:
    """Remembers and says the scores of all sites, then the settlement."""
    total = scored.settlement
    where = {"agreement": total.agreement, "lot": total.lot, "month": total.month}
    for score in scored.scores:
        id = f"{score.agreement}/{score.lot}/{score.month}/{score.site}"
        known = await entry.load(SiteMonth, id) or _site_month(id)
        entry.write(known.model_copy(update={"final": True, "pending": False, "score": score}))
        entry.say(score)
    entry.write(
        Settlement(id=total.settlement, **where, revision=total.revision, settlement=total, scores=scored.scores, by=by)
    )
    entry.say(total)
