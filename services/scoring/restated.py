"""A month that is computed again: whether anything changed, and when the new figures became true."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from services.scoring.month import MonthScore

Priced = tuple[str, Decimal, Decimal, Decimal, tuple[tuple[str, Decimal, Decimal], ...]]
"""A site with its points, share and payable, and its lines with their points and amounts."""


def is_changed(before: MonthScore, again: MonthScore) -> bool:
    """Whether the same revision, computed again, says something else; when it was said does not count."""
    said = before.settlement.at
    return restated(again, said) != restated(before, said)


def is_priced_anew(before: MonthScore, again: MonthScore) -> bool:
    """Whether the same revision, computed again, comes to other points or other money, of a site or of one line."""
    return _priced(before) != _priced(again)


def _priced(scored: MonthScore) -> list[Priced]:
    return [
        (site.site, site.points, site.share, site.payable, tuple((n.line, n.points, n.amount) for n in site.lines))
        for site in scored.settlement.sites
    ]


def restated(scored: MonthScore, at: datetime) -> MonthScore:
    """The same figures, said at another time; `closed_at` stays the month's close."""
    scores = tuple(score.model_copy(update={"at": at}) for score in scored.scores)
    return replace(scored, scores=scores, settlement=scored.settlement.model_copy(update={"at": at}))
