"""A month that is computed again: whether anything changed, and when the new figures became true."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.scoring.month import MonthScore


def is_changed(before: MonthScore, again: MonthScore) -> bool:
    """Whether the same revision, computed again, says something else; when it was said does not count."""
    said = before.settlement.at
    return restated(again, said) != restated(before, said)


def restated(scored: MonthScore, at: datetime) -> MonthScore:
    """The same figures, said at another time; `closed_at` stays the month's close."""
    scores = tuple(score.model_copy(update={"at": at}) for score in scored.scores)
    return replace(scored, scores=scores, settlement=scored.settlement.model_copy(update={"at": at}))
