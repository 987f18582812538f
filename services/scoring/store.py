"""What this room remembers, its indexes, and the queries that are more than a load by id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pymongo import ASCENDING, DESCENDING, IndexModel

from contracts.events.scoring import ScorePostedV1, SettlementComputedV1
from infra.runtime.ledger import Database
from infra.runtime.states import State
from services.scoring import evidence
from services.scoring.closing import Closing
from services.scoring.late import LateMonth, Settled
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


def site_month_at(id: str) -> SiteMonth:
    """A site's month that nothing was scored for yet, by its id."""
    agreement, lot, month, site = id.split("/")
    return SiteMonth(id=id, agreement=agreement, lot=lot, month=month, site=site)


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
    """Who asked for it, a person or late evidence; empty for the one that the close of the month made."""

    @property
    def scored(self) -> MonthScore:
        """As it was computed."""
        return MonthScore(self.scores, self.settlement)


_BY_LOT = [("month", ASCENDING), ("agreement", ASCENDING), ("lot", ASCENDING)]
INDEXES: dict[str, Sequence[IndexModel]] = {
    evidence.COLLECTION: evidence.INDEXES,
    Closing.COLLECTION: (),
    LateMonth.COLLECTION: (),
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


async def late_months_in(db: Database, lots: Sequence[str]) -> list[LateMonth]:
    """The settled months of these lots that late evidence came for and that are not reckoned again yet."""
    found = db[LateMonth.COLLECTION].find(_in(lots)).sort("_id", 1)
    return [LateMonth.of(document) async for document in found]


async def settled_since(db: Database, moment: datetime, sites: Collection[str]) -> list[Settled]:
    """The months with one of these sites that were settled and looked as far as this moment, each once."""
    query = {"revision": 1, "settlement.closed_at": {"$gte": moment}, "settlement.sites.site": {"$in": sorted(sites)}}
    wanted = {"agreement": 1, "lot": 1, "month": 1, "settlement.closed_at": 1, "settlement.sites.site": 1}
    return [_settled(document) async for document in db[Settlement.COLLECTION].find(query, wanted).sort("_id", 1)]


def _settled(document: dict[str, Any]) -> Settled:
    total = document["settlement"]
    sites = frozenset(site["site"] for site in total["sites"])
    return Settled(document["agreement"], document["lot"], document["month"], sites, total["closed_at"])


def _in(lots: Sequence[str]) -> dict[str, Any]:
    pairs = [lot.partition("/") for lot in lots]
    return {"$or": [{"agreement": agreement, "lot": lot} for agreement, _, lot in pairs] or [{"_id": None}]}
