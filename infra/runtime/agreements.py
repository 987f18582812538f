"""Each service's own copy of the agreements, every version of them, and where each site stands in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.sites import Site
from contracts.events.assets import AgreementPublishedV1
from infra.runtime.ears import Ears
from infra.runtime.ledger import Database, Entry
from infra.runtime.line import NotYet
from infra.runtime.states import State

S = TypeVar("S", bound=State)


class AgreementKept(State):
    """One version of an agreement; `id` is `agreement@version`."""

    COLLECTION: ClassVar[str] = "agreements"
    agreement: str
    version: int
    terms: dict[str, Any]


class SitePlace(State):
    """Where a site (`id`) stands: the newest version that names it."""

    COLLECTION: ClassVar[str] = "places"
    agreement: str
    version: int
    lot: str
    supplier: str


class LotKept(State):
    """A lot (`id` is `agreement/lot`) and whose it is: what a supplier may see."""

    COLLECTION: ClassVar[str] = "lots"
    agreement: str
    lot: str
    version: int
    supplier: str


@dataclass(frozen=True, slots=True)
class Place:
    """A site with the agreement and lot it is maintained under."""

    agreement: Agreement
    lot: Lot
    site: Site

    @property
    def version(self) -> int:
        """The version of the agreement that is in force here."""
        return self.agreement.version


class Loads(Protocol):
    """What can load states: an entry, or a reader over the database."""

    @property
    def db(self) -> Database:
        """The database they are in."""
        ...

    async def load(self, model: type[S], id: str) -> S | None:
        """The state of this id, or None."""
        ...


_parsed: dict[tuple[str, str, int], Agreement] = {}
_places: dict[tuple[str, str, int, str], Place] = {}
"""By database: several rooms may live in one process, and each has its own copies."""


def keep_agreements(ears: Ears) -> None:
    """Makes a service keep its own copy of what is published."""

    @ears.hears(AgreementPublishedV1)
    async def keep_agreement_on_published(published: AgreementPublishedV1, entry: Entry) -> None:
        agreement = published.document
        terms = agreement.model_dump(mode="json")
        entry.write(
            AgreementKept(
                id=f"{agreement.id}@{agreement.version}", agreement=agreement.id, version=agreement.version, terms=terms
            )
        )
        for lot in agreement.lots:
            await _keep_lot(agreement, lot, entry)


async def _keep_lot(agreement: Agreement, lot: Lot, entry: Entry) -> None:
    known = await entry.load(LotKept, f"{agreement.id}/{lot.id}")
    if known and known.version > agreement.version:
        return
    shared = {"agreement": agreement.id, "version": agreement.version, "lot": lot.id, "supplier": lot.supplier}
    entry.write(LotKept(id=f"{agreement.id}/{lot.id}", **shared))
    for site in lot.sites:
        entry.write(SitePlace(id=site.id, **shared))


async def agreement_of(entry: Loads, agreement: str, version: int) -> Agreement:
    """A version of an agreement; `NotYet` where it has not been heard of here."""
    key = (entry.db.name, agreement, version)
    if key not in _parsed:
        kept = await entry.load(AgreementKept, f"{agreement}@{version}")
        if kept is None:
            raise NotYet(f"agreement {agreement} version {version} has not been heard of yet")
        _parsed[key] = Agreement.model_validate(kept.terms, extra="ignore")
    return _parsed[key]


async def place_of(entry: Loads, site: str) -> Place | None:
    """Where a site stands, or None where no agreement names it."""
    found = await entry.load(SitePlace, site)
    if found is None:
        return None
    key = (entry.db.name, found.agreement, found.version, site)
    if key not in _places:
        agreement = await agreement_of(entry, found.agreement, found.version)
        lot = agreement.lot(found.lot)
        _places[key] = Place(agreement, lot, next(one for one in lot.sites if one.id == site))
    return _places[key]


class Reader:
    """Loads states straight from a database, for queries."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def load(self, model: type[S], id: str) -> S | None:
        """The committed state of this id."""
        document = await self.db[model.COLLECTION].find_one({"_id": id})
        return model.of(document) if document else None


async def lots_of(db: Database, supplier: str | None) -> list[str]:
    """The lots (`agreement/lot`) of a supplier; of everybody when None."""
    query = {} if supplier is None else {"supplier": supplier}
    return [row["_id"] async for row in db.lots.find(query, {"_id": 1}).sort("_id", 1)]
