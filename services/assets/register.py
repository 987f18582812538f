"""The register of loggers: who a frame's MN is, and how that logger speaks."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from math import inf
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

from pymongo.errors import PyMongoError

from contracts.agreements.agreement import Agreement
from contracts.agreements.sites import Measure, Site
from infra.runtime.agreements import AgreementKept, Reader, agreement_of
from infra.runtime.ledger import Database
from infra.runtime.security import hash_of_key
from services.assets.hj212 import Dialect

LOOK_SECONDS = 1.0
WATCH_SECONDS = 2.0
STRANGER_SECONDS = 0.25


@dataclass(frozen=True)
class Known:
    """A logger of the register. `measures` by code and by alias."""

    site: str
    mn: str
    crc: Dialect
    minute: timedelta
    since: datetime
    measures: dict[str, Measure]
    factors: dict[str, Decimal]

    @cached_property
    def ranges(self) -> dict[str, tuple[Decimal, Decimal, str]]:
        """Lowest, highest and the register's code of each measure that needs no factor, by code and by alias."""
        return {
            name: (measure.low, measure.high, measure.code)
            for name, measure in self.measures.items()
            if measure.code not in self.factors
        }


def measures_of(site: Site) -> dict[str, Measure]:
    """What is measured at a site, by code and by alias."""
    measures = [measure for asset in site.assets for measure in asset.measures] + list(site.room)
    by_alias = {alias: measure for measure in measures for alias in measure.aliases}
    return by_alias | {measure.code: measure for measure in measures}


def known_of(site: Site, zone: ZoneInfo) -> Known | None:
    """What the gateway has to know of a site; None where it has no logger."""
    if site.logger is None:
        return None
    since = datetime.combine(site.since, time(0), zone).astimezone(UTC)
    logger = site.logger
    return Known(site.id, logger.mn, logger.crc, logger.minute_interval, since, measures_of(site), dict(logger.factors))


def loggers_of(agreements: Iterable[Agreement]) -> list[Known]:
    """Every logger that these agreements name."""
    found = (
        known_of(site, ZoneInfo(agreement.calendar.timezone))
        for agreement in agreements
        for lot in agreement.lots
        for site in lot.sites
    )
    return [known for known in found if known]


class Register:
    """All known loggers, in memory; read anew from the database when a newer agreement was heard of."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, Known] = {}
        self._sites: dict[str, Known] = {}
        self._held: dict[str, int] = {}
        self._expected: dict[str, int] = {}
        self._is_behind = False
        self._looked_at = -inf
        self._looking = asyncio.Lock()

    def expect(self, agreement: str, version: int) -> None:
        """A version is being kept: do not answer from an older one."""
        self._expected[agreement] = max(version, self._expected.get(agreement, 0))
        self._is_behind = self._lacks_something()

    async def by_mn(self, mn: str) -> Known | None:
        """The logger of this MN, or None."""
        if self._is_behind or mn not in self._known:
            await self._look()
        return self._known.get(mn)

    async def by_site(self, site: str) -> Known | None:
        """The logger of this site, or None."""
        if self._is_behind or site not in self._sites:
            await self._look()
        return self._sites.get(site)

    async def _look(self) -> None:
        """Another process of this service may have heard who it is: strangers are looked for, but not each of them."""
        asked_at = monotonic()
        async with self._looking:
            if self._is_behind or asked_at - self._looked_at > STRANGER_SECONDS:
                await self.load()

    def _lacks_something(self) -> bool:
        return any(self._held.get(agreement, 0) < version for agreement, version in self._expected.items())

    async def watch(self, pause_seconds: float = WATCH_SECONDS) -> None:
        """For ever: what is published is heard by one process of the service, and counts for all of them."""
        while True:
            await asyncio.sleep(pause_seconds)
            with suppress(PyMongoError):  # what is known goes on
                await self.load()

    async def load(self) -> None:
        """Reads the register anew: exactly what the newest kept version of each agreement names."""
        self._looked_at = monotonic()
        newest: dict[str, int] = {}
        async for row in self._db[AgreementKept.COLLECTION].find({}, {"agreement": 1, "version": 1}):
            newest[row["agreement"]] = max(row["version"], newest.get(row["agreement"], 0))
        if newest == self._held:
            return
        reader = Reader(self._db)
        agreements = [await agreement_of(reader, name, version) for name, version in sorted(newest.items())]
        loggers = loggers_of(agreements)
        self._known = {known.mn: known for known in loggers}
        self._sites = {known.site: known for known in loggers}
        self._held = newest
        self._is_behind = self._lacks_something()


class Passwords:
    """The loggers' passwords, as `loggers.json` of the secrets: {"<MN>": "<HMAC-SHA256 hex>"}; a change counts within
    `LOOK_SECONDS`."""

    def __init__(self, secrets: Path) -> None:
        self._secrets = secrets
        self._looked_at = self._read_at = -inf
        self._hashes: dict[str, str] = {}
        self._right: set[tuple[str, str]] = set()

    def fits(self, mn: str, password: str | None) -> bool:
        """Whether this is the logger's password. A logger without one in the file is let in by its MN alone."""
        self._read_when_changed()
        expected = self._hashes.get(mn)
        if expected is None:
            return True
        if password is None:
            return False
        if (mn, password) in self._right:
            return True
        secret = (self._secrets / "keys.secret").read_bytes()
        if hmac.compare_digest(expected, hash_of_key(password, secret)):
            self._right.add((mn, password))
            return True
        return False

    def _read_when_changed(self) -> None:
        if monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = monotonic()
        path = self._secrets / "loggers.json"
        changed = path.stat().st_mtime if path.exists() else 0.0
        if changed != self._read_at:
            self._read_at = changed
            self._hashes = json.loads(path.read_text()) if changed else {}
            self._right.clear()
