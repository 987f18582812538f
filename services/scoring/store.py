"""What this room remembers, its indexes, and the queries that are more than a load by id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pymongo import ASCENDING, DESCENDING, IndexModel

from contracts.events.scoring import ScorePostedV1, SettlementComputedV1
from infra.runtime.ledger import Database
from infra.runtime.states import State
from services.scoring import evidence
from services.scoring.closing import Closing
from services.scoring.month import MonthScore


class SiteMonth(State):
    """A site's month (`id` is `agreement/lot/month/site`): its latest score. `asked` provisional ones were asked for;
    while one is `pending`, what happens is bundled into it. A `final` month gets no more provisional scores."""

    COLLECTION: ClassVar[str] = "site_months"
    agreement: str
    lot: str
    month: str
    site: str
    asked: int = 0
    pending: bool = False
    final: bool = False
    score: ScorePostedV1 | None = None


class Settlement(State):
    """One revision of a lot's settlement (`id` is `agreement/lot/month/r1`) with the scores it was made of."""

    COLLECTION: ClassVar[str] = "settlements"
    agreement: str
    lot: str
    month: str
    revision: int
    settlement: SettlementComputedV1
    scores: tuple[ScorePostedV1, ...]
    by: str = ""
    """Who asked for it; empty for the one that the close of the month made."""

    @property
    def scored(self) -> MonthScore:
        """As it was computed."""
        return MonthScore(self.scores, self.settlement)


_BY_LOT = [("month", ASCENDING), ("agreement", ASCENDING), ("lot", ASCENDING)]
INDEXES: dict[str, Sequence[IndexModel]] = {
    evidence.COLLECTION: evidence.INDEXES,
    Closing.COLLECTION: (),
    SiteMonth.COLLECTION: (IndexModel([*_BY_LOT, ("site", ASCENDING)]),),
    Settlement.COLLECTION: (IndexModel([*_BY_LOT, ("revision", DESCENDING)]),),
}


async def scores_in(db: Database, month: str, lots: Sequence[str]) -> list[ScorePostedV1]:
    """The latest score of each site of these lots (`agreement/lot`), by lot and site."""
    found = db[SiteMonth.COLLECTION].find({**_in(lots), "month": month, "score": {"$ne": None}}).sort("_id", 1)
    return [ScorePostedV1.model_validate(document["score"]) async for document in found]


async def settlements_in(db: Database, month: str | None, lots: Sequence[str]) -> list[Settlement]:
    """The settlements of these lots, every revision, oldest month first."""
    query = {**_in(lots), **({"month": month} if month else {})}
    found = db[Settlement.COLLECTION].find(query).sort([("month", 1), ("_id", 1)])
    return [Settlement.of(document) async for document in found]


def _in(lots: Sequence[str]) -> dict[str, Any]:
    pairs = [lot.partition("/") for lot in lots]
    return {"$or": [{"agreement": agreement, "lot": lot} for agreement, _, lot in pairs] or [{"_id": None}]}
