"""The register is what the newest versions name, and nothing else."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from contracts.agreements.agreement import Agreement
from infra.runtime.ledger import Database
from services.assets.register import Register, loggers_of
from tests.assets.stations import AGREEMENT

FIRST, SECOND = loggers_of([AGREEMENT])[:2]


class Shelf:
    """The kept versions, as a collection of the database."""

    def __init__(self) -> None:
        self.kept: dict[str, Agreement] = {}

    async def find(self, *_: Any) -> AsyncIterator[Mapping[str, Any]]:
        await asyncio.sleep(0)
        for agreement in self.kept.values():
            yield {"agreement": agreement.id, "version": agreement.version}

    async def find_one(self, query: Mapping[str, str]) -> Mapping[str, Any] | None:
        found = self.kept.get(query["_id"])
        if found is None:
            return None
        terms = found.model_dump(mode="json")
        return {"_id": query["_id"], "_v": 1, "agreement": found.id, "version": found.version, "terms": terms}


class Shelves(dict[str, Shelf]):
    """A database of one collection; its name keeps it apart from those of other tests."""

    def __init__(self) -> None:
        super().__init__(agreements=Shelf())
        self.name = f"shelves-{uuid.uuid4().hex}"

    def keep(self, register: Register, agreement: Agreement) -> None:
        self["agreements"].kept[f"{agreement.id}@{agreement.version}"] = agreement
        register.expect(agreement.id, agreement.version)


def changed(version: int, mn: str, without: str = "", id: str = AGREEMENT.id) -> Agreement:
    """The agreement with another MN at the first site, and without a site."""
    (lot,) = AGREEMENT.lots
    sites = []
    for site in lot.sites:
        if site.id == FIRST.site and site.logger:
            site = site.model_copy(update={"logger": site.logger.model_copy(update={"mn": mn})})
        if site.id != without:
            sites.append(site)
    lots = (lot.model_copy(update={"sites": tuple(sites)}),)
    return AGREEMENT.model_copy(update={"id": id, "version": version, "lots": lots})


async def test_replaced_mn_and_removed_site_are_out() -> None:
    db = Shelves()
    register = Register(cast(Database, db))
    db.keep(register, changed(1, FIRST.mn))
    assert await register.by_mn(FIRST.mn) and await register.by_site(SECOND.site)
    db.keep(register, changed(2, "NEW-MN-1", without=SECOND.site))
    assert await register.by_mn(FIRST.mn) is None and await register.by_mn(SECOND.mn) is None
    assert await register.by_site(SECOND.site) is None
    renewed = await register.by_mn("NEW-MN-1")
    assert renewed and renewed.site == FIRST.site and await register.by_site(FIRST.site) == renewed


async def test_removed_site_is_out_when_it_is_asked_for_first() -> None:
    db = Shelves()
    register = Register(cast(Database, db))
    db.keep(register, changed(1, FIRST.mn))
    assert await register.by_site(SECOND.site)
    db.keep(register, changed(2, FIRST.mn, without=SECOND.site))
    assert await register.by_site(SECOND.site) is None


async def test_older_version_that_comes_late_changes_nothing() -> None:
    db = Shelves()
    register = Register(cast(Database, db))
    db.keep(register, changed(3, "NEW-MN-3"))
    assert await register.by_mn("NEW-MN-3")
    db.keep(register, changed(2, "NEW-MN-2"))
    await register.load()
    assert await register.by_mn("NEW-MN-3") and await register.by_mn("NEW-MN-2") is None


async def test_other_agreements_loggers_stay() -> None:
    db = Shelves()
    register = Register(cast(Database, db))
    db.keep(register, changed(1, "MN-A"))
    db.keep(register, changed(1, "MN-B", id="other"))
    assert await register.by_mn("MN-A") and await register.by_mn("MN-B")
    db.keep(register, changed(2, "MN-A2"))
    assert await register.by_mn("MN-A2") and await register.by_mn("MN-B") and await register.by_mn("MN-A") is None


async def test_what_another_process_heard_of_counts_here() -> None:
    db = Shelves()
    db["agreements"].kept[f"{AGREEMENT.id}@8"] = changed(8, "OLD-MN")
    register = Register(cast(Database, db))
    await register.load()
    watching = asyncio.create_task(register.watch(0))
    db["agreements"].kept[f"{AGREEMENT.id}@9"] = changed(9, "NEW-MN-9")
    while await register.by_mn("OLD-MN") is not None:
        await asyncio.sleep(0)
    watching.cancel()


async def test_stranger_is_looked_for() -> None:
    """Another process may have heard who it is; nobody watches here."""
    db = Shelves()
    register = Register(cast(Database, db))
    assert await register.by_mn("NEW-MN-9") is None
    db["agreements"].kept[f"{AGREEMENT.id}@9"] = changed(9, "NEW-MN-9")
    while await register.by_mn("NEW-MN-9") is None:
        await asyncio.sleep(0.01)
    assert await register.by_site(FIRST.site)


async def test_strangers_that_come_together_are_all_found() -> None:
    """What one looks for, the others wait for."""
    db = Shelves()
    register = Register(cast(Database, db))
    db["agreements"].kept[f"{AGREEMENT.id}@9"] = changed(9, "NEW-MN-9")
    assert all(
        await asyncio.gather(register.by_mn("NEW-MN-9"), register.by_mn(SECOND.mn), register.by_site(FIRST.site))
    )
