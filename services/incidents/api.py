"""The API of incidents: faults and their clocks, calls, and what people record of a fault (W5)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from contracts.agreements.days import day_starts
from contracts.values import Words
from infra.runtime.acts import Act, Database, Doing
from infra.runtime.agreements import Place, Reader, agreement_of, place_of
from infra.runtime.ledger import Entry
from infra.runtime.problems import Problem, not_found
from infra.runtime.security import PEOPLE, Caller, Identity, allow
from services.incidents.clock import Explanation, explain
from services.incidents.domain import Fault, Found, Refused
from services.incidents.domain.opening import kind_of
from services.incidents.domain.steps import AHEAD, check_age
from services.incidents.posts import (
    AcknowledgementPost,
    AnalysisPost,
    ArrivalPost,
    CallPost,
    PausePost,
    Posted,
    ResolutionPost,
    ResumptionPost,
    SparePost,
)
from services.incidents.rules import Watch, fault_id
from services.incidents.sittings import remember, sitting_at, watch_of
from services.incidents.store import Wanted, fault_of, faults_that
from services.incidents.views import FaultView, clocks_known, view_of

router = APIRouter(prefix="/v1", tags=["incidents"])
READERS = allow("buyer", "supplier", "administrator", "auditor")
CALLERS = allow("buyer", "supplier", "administrator")
WORKERS = allow("supplier", "administrator")


@router.get("/faults", dependencies=[READERS])
async def list_faults(caller: Caller, db: Database, act: Act, wanted: Annotated[Wanted, Query()]) -> list[FaultView]:
    """Faults, newest first; a supplier sees those of its own lots."""
    if caller.role == "supplier":
        wanted = wanted.model_copy(update={"supplier": caller.organisation})
    return [await _view(db, fault, act) for fault in await faults_that(db, wanted)]


@router.get("/faults/{fault}", dependencies=[allow(*PEOPLE, "service")])
async def get_fault(fault: str, caller: Caller, db: Database, act: Act) -> FaultView:
    """One fault with its steps and clocks."""
    return await _view(db, await _visible(db, fault, caller), act)


@router.get("/faults/{fault}/clocks", dependencies=[READERS])
async def explain_clocks(fault: str, caller: Caller, db: Database, act: Act) -> list[Explanation]:
    """How each due time came about, line by line."""
    found = await _visible(db, fault, caller)
    agreement = await agreement_of(Reader(db), found.opened.agreement, found.opened.agreement_version)
    clocks, _ = clocks_known(found, agreement, act.now)
    return [explain(clock, agreement.calendar) for clock in clocks]


@router.post("/calls", dependencies=[CALLERS], status_code=201)
async def post_call(post: CallPost, act: Act) -> FaultView:
    """Reports a fault; one whose closing is in doubt is opened again. 409 where it is known already, by `fault`."""

    async def open_fault_on_call(entry: Entry, caller: Identity) -> FaultView:
        place = await place_of(entry, post.site)
        if place is None or not caller.sees(place.lot.supplier):
            raise not_found(f"site {post.site}")
        _check_call(post, place)
        _check_time_of_call(post.at, place, act.now, caller)
        sitting = await sitting_at(entry, place, await watch_of(entry, post.site))
        found = _found(post, place, caller)
        if await entry.load(Fault, found.fault) is not None or (opened := sitting.find(found)) is None:
            known = _known(sitting.watch, found)
            words = Words(zh="该故障已登记", en="This fault is known already")
            raise Problem(409, "already-known", words, fault=known)
        remember(entry, place, sitting.rule())
        return view_of(sitting.fault(opened.id), sitting.agreement(opened.id), entry.now)

    return await act("post_call", post, open_fault_on_call)


@router.post("/faults/{fault}/acknowledgement", dependencies=[WORKERS], status_code=201)
async def post_acknowledgement(fault: str, post: AcknowledgementPost, act: Act) -> FaultView:
    """The supplier has taken the fault."""
    return await _record(fault, post, act)


@router.post("/faults/{fault}/arrival", dependencies=[WORKERS], status_code=201)
async def post_arrival(fault: str, post: ArrivalPost, act: Act) -> FaultView:
    """Somebody of the supplier is on site."""
    return await _record(fault, post, act)


@router.post("/faults/{fault}/spare", dependencies=[WORKERS], status_code=201)
async def post_spare(fault: str, post: SparePost, act: Act) -> FaultView:
    """A spare instrument measures in the place of the faulty one."""
    return await _record(fault, post, act)


@router.post("/faults/{fault}/analysis", dependencies=[WORKERS], status_code=201)
async def post_analysis(fault: str, post: AnalysisPost, act: Act) -> FaultView:
    """The cause is found and reported."""
    return await _record(fault, post, act)


@router.post("/faults/{fault}/pause", dependencies=[WORKERS], status_code=201)
async def post_pause(fault: str, post: PausePost, act: Act) -> FaultView:
    """Something keeps the supplier from working; it must be shown."""
    return await _record(fault, post, act)


@router.post("/faults/{fault}/resume", dependencies=[WORKERS], status_code=201)
async def post_resume(fault: str, post: ResumptionPost, act: Act) -> FaultView:
    """The reason has gone."""
    return await _record(fault, post, act)


@router.post("/faults/{fault}/resolution", dependencies=[WORKERS], status_code=201)
async def post_resolution(fault: str, post: ResolutionPost, act: Act) -> FaultView:
    """The fault is over."""
    return await _record(fault, post, act)


async def _record(fault: str, post: Posted, act: Doing) -> FaultView:
    """Records a step, in one entry with all that follows from it."""

    async def record_step(entry: Entry, caller: Identity) -> FaultView:
        known = await entry.load(Fault, fault)
        if known is None or not caller.sees(known.supplier):
            raise not_found(f"fault {fault}")
        place = await place_of(entry, known.opened.site)
        if place is None:
            raise not_found(f"site {known.opened.site}")
        sitting = await sitting_at(entry, place, await watch_of(entry, known.opened.site))
        agreement = await agreement_of(entry, known.opened.agreement, known.opened.agreement_version)
        sitting.admit(known, agreement)
        try:
            step = post.step(known, caller.person, entry.now)
            sitting.step(fault, step, however_late=_may_be_late(caller))
        except Refused as refused:
            raise _problem(refused) from refused
        remember(entry, place, sitting.rule())
        return view_of(sitting.fault(fault), agreement, entry.now)

    return await act(f"{type(post).__name__} {fault}", post.content(), record_step)


def _may_be_late(caller: Identity) -> bool:
    return caller.role == "administrator"


def _problem(refused: Refused) -> Problem:
    return Problem(refused.status, refused.code, refused.words)


def _check_call(post: CallPost, place: Place) -> None:
    kinds = {kind.id for kind in place.lot.fault_kinds if kind.reportable}
    if post.kind not in kinds:
        words = Words(zh="该类故障不接受人工报修", en="This kind of fault is not reported by call")
        raise _unfit("kind", words, sorted(kinds))
    assets = {place.site.id, *(asset.id for asset in place.site.assets)}
    if post.asset is not None and post.asset not in assets:
        raise _unfit("asset", Words(zh="该站点没有此设备", en="The site has no such asset"), sorted(assets))


def _check_time_of_call(at: datetime, place: Place, now: datetime, caller: Identity) -> None:
    if at > now + AHEAD:
        raise _unfit("at", Words(zh="该时间尚未到来", en="This time has not come yet"), [now.isoformat()])
    begins = day_starts(place.agreement.calendar, max(place.site.since, place.agreement.starts))
    if at < begins:
        words = Words(zh="该时间早于站点启用或合同生效", en="This time lies before the station or the agreement")
        raise _unfit("at", words, [begins.isoformat()])
    if not _may_be_late(caller):
        try:
            check_age(at, now)
        except Refused as refused:
            raise _problem(refused) from refused


def _unfit(field: str, words: Words, expected: list[str]) -> Problem:
    return Problem(422, f"unfit-{field}", words, f"{field}: {', '.join(expected)}")


def _found(post: CallPost, place: Place, caller: Identity) -> Found:
    asset = post.asset or post.site
    return Found(
        fault=fault_id(place.agreement.id, asset, post.kind, post.at),
        asset=asset,
        kind=kind_of(place.lot, post.kind).id,
        source="call",
        since=post.at,
        at=post.at,
        detail=post.told,
        opened_by=caller.person,
    )


def _known(watch: Watch, found: Found) -> str:
    doubt = watch.doubt_on(found.asset, found.kind)
    known = watch.fault_on(found.asset, found.kind) or (doubt and doubt.fault)
    return known.fault if known else found.fault


async def _visible(db: Database, fault: str, caller: Identity) -> Fault:
    found = await fault_of(db, fault)
    if found is None or not caller.sees(found.supplier):
        raise not_found(f"fault {fault}")
    return found


async def _view(db: Database, fault: Fault, act: Doing) -> FaultView:
    agreement = await agreement_of(Reader(db), fault.opened.agreement, fault.opened.agreement_version)
    return view_of(fault, agreement, act.now)
