"""What this room hears, and what wakes it: evidence is kept, a finding makes a score so far, a month is closed, and
settled again where late evidence says otherwise."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from contracts.agreements.agreement import Agreement
from contracts.events.assets import AgreementPublishedV1
from contracts.events.event import Event
from contracts.events.incidents import SlaBreachedV1, SlaBreachWithdrawnV1
from contracts.events.inspections import InspectionMissedV1
from infra.runtime.agreements import SitePlace, agreement_of, keep_agreements, place_of
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry
from infra.runtime.letters import Letter
from infra.runtime.line import NotYet
from services.scoring.closing import Closing, month_to_close, version_for, with_version
from services.scoring.evidence import KEPT, is_kept, keep, kept, recorded_of, taken_back_by
from services.scoring.late import (
    BY_LATE_EVIDENCE,
    LATE_BUNDLE,
    LateMonth,
    may_be_late,
    oldest_moment,
    reached_by,
)
from services.scoring.month import Frame, score_site
from services.scoring.restated import is_priced_anew
from services.scoring.settling import latest_settlements, post_settlement, score_kept, settle_again
from services.scoring.span import close_of, month_ended_by, months_of
from services.scoring.store import SiteMonth, settled_since, site_month_at

BUNDLE = timedelta(seconds=2)
"""Findings of a site that come within this time make one provisional score."""
Finding = SlaBreachedV1 | SlaBreachWithdrawnV1 | InspectionMissedV1

ears = Ears("scoring")
keep_agreements(ears)


async def keep_evidence(batch: Sequence[tuple[Letter, Any]], entry: Entry) -> None:
    """Keeps a batch of events, each once, before anything is made of them."""
    counted = [(letter, event) for letter, event in batch if is_kept(event)]
    if counted:
        await keep(entry.db, [kept(letter, event) for letter, event in counted])
        events = [event for _, event in counted]
        await _mark_late_months([*events, *await taken_back_by(entry.db, events)], entry)


async def _mark_late_months(events: Sequence[Event], entry: Entry) -> None:
    """Remembers which settled months this evidence can change, new or heard again: whether it does, the figures say."""
    told = [event for event in events if may_be_late(event, entry.now)]
    if not told:
        return
    await _keep_from_closing({event.site for event in told}, entry)
    oldest = min(moment for event in told if (moment := oldest_moment(event)))
    for settled in await settled_since(entry.db, oldest, {event.site for event in told}):
        if not reached_by(told, settled):
            continue
        if known := await entry.load(LateMonth, settled.id):
            entry.write(known)  # another member that reckons it just now looks again
            continue
        due = entry.now + LATE_BUNDLE
        where = {"agreement": settled.agreement, "lot": settled.lot, "month": settled.month}
        entry.write(LateMonth(id=settled.id, **where, since=entry.now, due=due))
        entry.wake(due, "settle-again", settled.id)


async def _keep_from_closing(sites: Collection[str], entry: Entry) -> None:
    """A member that closes a month of these sites just now has not seen this evidence: its commit fails, and it looks
    again. One that was first made this page fail, which then finds the month settled (0023)."""
    await entry.page.fetch((SitePlace, site) for site in sites)
    places = [place for site in sorted(sites) if (place := await entry.load(SitePlace, site))]
    for lot in dict.fromkeys(f"{place.agreement}/{place.lot}" for place in places):
        if closing := await entry.load(Closing, lot):
            entry.write(closing)


@ears.wakes("settle-again", needs=lambda key: [(LateMonth, key)])
async def settle_again_on_late_evidence(wake: Wake, entry: Entry) -> None:
    """A new revision where points or money differ from the last one; else nothing is said. The mark goes."""
    late = await entry.load(LateMonth, wake.key)
    if late is None:
        return
    entry.erase(LateMonth, late.id)
    for known in await latest_settlements(entry, late.month, {"agreement": late.agreement, "lot": late.lot}):
        await settle_again(known, BY_LATE_EVIDENCE, entry, is_priced_anew)


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
    known = await entry.load(SiteMonth, id) or site_month_at(id)
    if known.final:
        return
    if known.pending:
        entry.write(known)  # another member that scores it just now looks again
        return
    asked = known.asked + 1
    entry.write(known.model_copy(update={"asked": asked, "pending": True}))
    entry.wake(max(entry.now, finding.at) + BUNDLE, "post-score", f"{id}/{asked}")


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


@ears.wakes("close-month", recurs=True, needs=lambda key: [(Closing, key.rpartition("/")[0])])
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
