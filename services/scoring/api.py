"""The API of scoring: scores, settlements, why they are so, the evidence itself, and computing a month again."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from contracts.events.scoring import ScorePostedV1, SettlementComputedV1
from contracts.values import Month, Slug, Words
from infra.runtime.acts import Act, Database
from infra.runtime.agreements import SitePlace, lots_of
from infra.runtime.ledger import Entry
from infra.runtime.problems import Problem, not_found
from infra.runtime.security import Caller, Identity, allow
from services.scoring.evidence import documents_of, line_of, recorded_of
from services.scoring.explain import explain_line, explain_settlement
from services.scoring.late import LateMonth
from services.scoring.restated import is_changed
from services.scoring.settling import latest_settlements, settle_again
from services.scoring.store import Settlement, late_months_in, scores_in, settlements_in
from services.scoring.tree import Branch

router = APIRouter(prefix="/v1")
READERS = allow("buyer", "supplier", "administrator", "auditor")


@router.get("/scores", dependencies=[READERS])
async def list_scores(caller: Caller, db: Database, month: Month) -> list[ScorePostedV1]:
    """The latest score of each site in a month; `provisional` is the month so far. A supplier sees its own lots."""
    return await scores_in(db, month, await _lots(caller, db))


@router.get("/settlements", dependencies=[READERS])
async def list_settlements(caller: Caller, db: Database, month: Month | None = None) -> list[SettlementComputedV1]:
    """Every revision of the settlements, of one month or of all."""
    return [found.settlement for found in await settlements_in(db, month, await _lots(caller, db))]


@router.get("/late-months", dependencies=[READERS])
async def list_late_months(caller: Caller, db: Database) -> list[LateMonth]:
    """The settled months that late evidence came for, each with the time at which it is settled again."""
    return await late_months_in(db, await _lots(caller, db))


@router.get("/settlements/{settlement:path}/explain", dependencies=[READERS])
async def explain(settlement: str, caller: Caller, db: Database, line: str | None = None) -> Branch:
    """The tree of reasons of a settlement, or of one payment line of it. 404 where there is none to be seen."""
    found = await _settlement(settlement, caller, db)
    sites = [site.site for site in found.settlement.sites]
    events = await recorded_of(db, f"{found.agreement}/{found.lot}", sites, found.month)
    if line is None:
        return explain_settlement(found.scored, events)
    try:
        return explain_line(found.scored, line, events)
    except KeyError:
        raise not_found(line) from None


@router.get("/settlements/{settlement:path}", dependencies=[READERS])
async def show_settlement(settlement: str, caller: Caller, db: Database) -> SettlementComputedV1:
    """One settlement, by its id such as `wuhan-air/lot-1/2026-04/r1`."""
    return (await _settlement(settlement, caller, db)).settlement


@router.get("/events", dependencies=[allow("buyer", "administrator", "auditor")])
async def export_events(caller: Caller, db: Database, month: Month, lot: str | None = None) -> StreamingResponse:
    """The evidence of a month as NDJSON, for all lots or one (`agreement/lot`): enough to compute it anew."""
    lots = [known for known in await _lots(caller, db) if lot in (None, known)]
    return StreamingResponse(_lines(db, lots, month), media_type="application/x-ndjson")


async def _lines(db: Database, lots: list[str], month: str) -> AsyncIterator[str]:
    """Each event once, though an agreement belongs to all of its lots."""
    told: set[str] = set()
    for lot in lots:
        agreement, _, name = lot.partition("/")
        sites = await db[SitePlace.COLLECTION].distinct("_id", {"agreement": agreement, "lot": name})
        async for document in documents_of(db, lot, sites, month):
            if document["event"] not in told:
                told.add(document["event"])
                yield line_of(document) + "\n"


class RecomputePost(BaseModel):
    """Which lot is computed again; every lot that the month was settled for, when left out."""

    agreement: Slug | None = None
    lot: Slug | None = None


class Recomputed(BaseModel):
    """The settlements as they stand now, and the ids of the new revisions: none, where nothing changed."""

    settlements: tuple[SettlementComputedV1, ...]
    changed: tuple[str, ...]


@router.post("/scores/{month}/recompute", dependencies=[allow("administrator")])
async def recompute(month: Month, act: Act, post: RecomputePost | None = None) -> Recomputed:
    """Computes a closed month again from the evidence that is there now. A new revision is posted where it differs.

    The version of the agreement stays that of the first settlement. 409 where the month is not closed yet.
    """
    asked = post or RecomputePost()

    async def again(entry: Entry, caller: Identity) -> Recomputed:
        last = await _latest(entry, month, asked)
        now = [await settle_again(known, caller.person, entry, is_changed) for known in last]
        changed = tuple(new.settlement.settlement for new, known in zip(now, last, strict=True) if new != known.scored)
        return Recomputed(settlements=tuple(new.settlement for new in now), changed=changed)

    return await act(f"recompute {month}", asked, again)


async def _latest(entry: Entry, month: str, asked: RecomputePost) -> list[Settlement]:
    named = {name: value for name, value in asked.model_dump().items() if value is not None}
    if last := await latest_settlements(entry, month, named):
        return last
    raise Problem(409, "not-closed", Words(zh="该月尚未结算", en="This month is not settled yet"), month)


async def _lots(caller: Identity, db: Database) -> list[str]:
    return await lots_of(db, caller.organisation if caller.role == "supplier" else None)


async def _settlement(id: str, caller: Identity, db: Database) -> Settlement:
    document = await db[Settlement.COLLECTION].find_one({"_id": id})
    found = Settlement.of(document) if document else None
    if found is None or f"{found.agreement}/{found.lot}" not in await _lots(caller, db):
        raise not_found(id)
    return found
