"""Routes of the agreements: a version is published once, and shown whole."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import digest_of
from contracts.events.assets import AgreementPublishedV1
from contracts.values import Words
from infra.runtime.acts import Act, Database
from infra.runtime.agreements import Reader, agreement_of
from infra.runtime.ledger import Entry
from infra.runtime.problems import Problem, not_found
from infra.runtime.security import Identity, allow
from services.assets import store

router = APIRouter(prefix="/v1", tags=["assets"])


class Published(BaseModel):
    """A version of an agreement that is in force."""

    agreement: str
    version: int
    digest: str


@router.post("/agreements", dependencies=[allow("administrator")], status_code=201)
async def publish_agreement(agreement: Agreement, act: Act) -> Published:
    """Publishes a version. The same version with the same content is answered as before; with another, 409."""

    async def publish(entry: Entry, caller: Identity) -> Published:
        digest = digest_of(agreement)
        known = await entry.load(store.Publication, f"{agreement.id}@{agreement.version}")
        if known and known.digest != digest:
            words = Words(
                zh="该版本已发布且内容不同，请提高版本号",
                en="This version is published with other content: raise the version",
            )
            raise Problem(409, "version-published", words, f"{agreement.id} version {agreement.version}")
        if known is None:
            entry.write(
                store.Publication(
                    id=f"{agreement.id}@{agreement.version}",
                    agreement=agreement.id,
                    version=agreement.version,
                    digest=digest,
                    by=caller.person,
                    at=entry.now,
                )
            )
            entry.say(
                AgreementPublishedV1(
                    at=entry.now, agreement=agreement.id, version=agreement.version, digest=digest, document=agreement
                )
            )
        return Published(agreement=agreement.id, version=agreement.version, digest=digest)

    return await act("publish_agreement", agreement, publish)


@router.get("/agreements", dependencies=[allow("buyer", "administrator", "auditor")])
async def list_agreements(db: Database) -> list[Published]:
    """Every published version."""
    rows = db.publications.find({}).sort("_id", 1)
    return [Published(agreement=row["agreement"], version=row["version"], digest=row["digest"]) async for row in rows]


@router.get("/agreements/{agreement}", dependencies=[allow("buyer", "administrator", "auditor")])
async def show_agreement(agreement: str, db: Database) -> Agreement:
    """The newest version, whole."""
    newest = await db.publications.find_one({"agreement": agreement}, sort=[("version", -1)])
    if newest is None:
        raise not_found(agreement)
    return await agreement_of(Reader(db), agreement, newest["version"])
