"""Routes of the register: sites, instruments, loggers."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from contracts.values import Words
from infra.runtime.acts import Database
from infra.runtime.agreements import Place, Reader, SitePlace, place_of
from infra.runtime.problems import not_found
from infra.runtime.security import PEOPLE, Caller, Identity, allow

router = APIRouter(prefix="/v1", tags=["assets"])


class InstrumentView(BaseModel):
    """An instrument or other asset of a site."""

    id: str
    title: Words
    maker: str
    model: str
    serial: str | None
    codes: list[str]


class SiteView(BaseModel):
    """A site with its logger's MN."""

    id: str
    title: Words
    kind: str
    agreement: str
    lot: str
    mn: str | None


class WholeSiteView(SiteView):
    """The same with its instruments."""

    instruments: list[InstrumentView]


def _site_view(place: Place) -> SiteView:
    site = place.site
    return SiteView(
        id=site.id, title=site.title, kind=site.kind, agreement=place.agreement.id, lot=place.lot.id,
        mn=site.logger.mn if site.logger else None,
    )  # fmt: skip


def _whole_site_view(place: Place) -> WholeSiteView:
    instruments = [
        InstrumentView(
            id=asset.id,
            title=asset.title,
            maker=asset.maker,
            model=asset.model,
            serial=asset.serial,
            codes=[measure.code for measure in asset.measures],
        )
        for asset in place.site.assets
    ]
    return WholeSiteView(**dict(_site_view(place)), instruments=instruments)


async def visible(db: Database, caller: Identity, site: str) -> Place:
    """The site, if the caller may see it; else it is not found."""
    place = await place_of(Reader(db), site)
    if place is None or not caller.sees(place.lot.supplier):
        raise not_found(site)
    return place


@router.get("/sites", dependencies=[allow(*PEOPLE)])
async def list_sites(db: Database, caller: Caller) -> list[SiteView]:
    """The register: a supplier sees its own sites only."""
    query = {"supplier": caller.organisation} if caller.role == "supplier" else {}
    rows = [SitePlace.of(row) async for row in db.places.find(query).sort("_id", 1)]
    places = [await place_of(Reader(db), row.id) for row in rows]
    return [_site_view(place) for place in places if place]


@router.get("/sites/{site}", dependencies=[allow(*PEOPLE)])
async def show_site(site: str, db: Database, caller: Caller) -> WholeSiteView:
    """A site with its instruments."""
    return _whole_site_view(await visible(db, caller, site))
