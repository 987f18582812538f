"""Settling a lot's month from the evidence that is kept: the first time, and again when somebody or something asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.agreements.agreement import Agreement
from infra.runtime.agreements import agreement_of
from infra.runtime.ledger import Entry
from services.scoring.evidence import recorded_of
from services.scoring.month import MonthScore, score_month
from services.scoring.restated import restated
from services.scoring.store import Settlement, SiteMonth, site_month_at


async def score_kept(agreement: Agreement, lot: str, month: str, revision: int, entry: Entry) -> MonthScore:
    """The final score of a lot's month from the evidence that is kept."""
    sites = [site.id for site in agreement.lot(lot).sites]
    events = await recorded_of(entry.db, f"{agreement.id}/{lot}", sites, month)
    return score_month(agreement, lot, month, events, until=None, revision=revision, provisional=False)


async def latest_settlements(entry: Entry, month: str, named: Mapping[str, Any]) -> list[Settlement]:
    """The last revision of each lot's settlement of a month; `named` narrows the agreement or the lot."""
    found = await entry.find(Settlement, {"month": month, **named})
    last = {(known.agreement, known.lot): known for known in sorted(found, key=lambda known: known.revision)}
    return list(last.values())


async def settle_again(
    known: Settlement, by: str, entry: Entry, differs: Callable[[MonthScore, MonthScore], bool]
) -> MonthScore:
    """Reckons a settled month again, under its version of the agreement; posts a new revision where it `differs`.

    Returns the settlement that stands now: the new one, or the one that was there.
    """
    agreement = await agreement_of(entry, known.agreement, known.settlement.agreement_version)
    if not differs(known.scored, await score_kept(agreement, known.lot, known.month, known.revision, entry)):
        return known.scored
    scored = restated(await score_kept(agreement, known.lot, known.month, known.revision + 1, entry), entry.now)
    await post_settlement(scored, by, entry)
    return scored


async def post_settlement(scored: MonthScore, by: str, entry: Entry) -> None:
    """Remembers and says the scores of all sites, then the settlement."""
    total = scored.settlement
    where = {"agreement": total.agreement, "lot": total.lot, "month": total.month}
    for score in scored.scores:
        id = f"{score.agreement}/{score.lot}/{score.month}/{score.site}"
        known = await entry.load(SiteMonth, id) or site_month_at(id)
        entry.write(known.model_copy(update={"final": True, "pending": False, "score": score}))
        entry.say(score)
    entry.write(
        Settlement(id=total.settlement, **where, revision=total.revision, settlement=total, scores=scored.scores, by=by)
    )
    entry.say(total)
