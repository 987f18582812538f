"""A province: an agreement with as many stations as a benchmark wants, made from one station of wuhan-air."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import read_agreement
from contracts.agreements.sites import Site
from services.assets.hj212 import Upload, upload_frames
from watchbill.installation import ROOT, Installation

CODES = ("a34004", "a34002", "a21026", "a21004", "a21005", "a05024", "a01001", "a01002", "a01006", "a01007", "a01008")
_MIDDLE = {"a21005": 0.8, "a01006": 98.0}
AGREEMENT = read_agreement(ROOT / "contracts" / "agreements" / "wuhan-air")
_PATTERN = next(site for site in AGREEMENT.lots[0].sites if site.id == "caidian-suo-river")
_PASSWORD = "123456"


def province(stations: int) -> Agreement:
    """So many stations. A value marked faulty opens a critical fault at once, and every fault is told by itself."""
    lot = AGREEMENT.lots[0]
    kinds = tuple(kind.model_copy(update={"severity": "critical"}) for kind in lot.fault_kinds)
    rules = tuple(
        rule.model_copy(update={"lasts": timedelta(0)}) if rule.id == "marked-faulty" else rule
        for rule in lot.fault_rules
        if rule.when.test not in ("silence", "stuck")
    )
    notices = lot.notices.model_copy(update={"storm": 1_000_000})
    changed = {"fault_kinds": kinds, "fault_rules": rules, "notices": notices, "plans": ()}
    sites = tuple(map(_station, range(stations)))
    return AGREEMENT.model_copy(update={"lots": (lot.model_copy(update={**changed, "sites": sites}),)})


def _station(number: int) -> Site:
    assert _PATTERN.logger
    assets = tuple(
        asset.model_copy(update={"id": asset.id.replace(_PATTERN.id, f"s{number}")}) for asset in _PATTERN.assets
    )
    logger = _PATTERN.logger.model_copy(update={"mn": mn_of(number), "minute_interval": timedelta(minutes=1)})
    return _PATTERN.model_copy(update={"id": f"s{number}", "assets": assets, "logger": logger})


def mn_of(station: int) -> str:
    """The MN of a station's logger."""
    return f"BENCH{station:06d}"


def frames(station: int, start: datetime, count: int) -> Iterator[bytes]:
    """One packet of eleven parameters, all good and all different, for each of `count` minutes."""
    chance = random.Random(station)
    for number in range(count):
        yield frame(station, start + timedelta(minutes=number), chance)


def frame(station: int, time: datetime, chance: random.Random, flag: str = "N") -> bytes:
    """One packet; `flag` is the mark of its NO2."""
    values = {code: {"avg": f"{_MIDDLE.get(code, 20) * (1 + chance.random() / 10):.2f}", "flag": "N"} for code in CODES}
    values["a21004"]["flag"] = flag
    (data,) = upload_frames(Upload(mn_of(station), _PASSWORD, "2051", time, values), time + timedelta(minutes=1))
    return data


async def put_in_force(town: Installation, agreement: Agreement) -> None:
    """Publishes it, and waits until every service that runs has kept it."""
    token = town.secrets.token("installer", "administrator", "owner")
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(timeout=60, headers=headers) as client:
        url = f"{town.http['assets']}/v1/agreements"
        (await client.post(url, json=agreement.model_dump(mode="json"))).raise_for_status()
        while not (await client.get(f"{town.http['assets']}/v1/sites")).json():
            await asyncio.sleep(0.05)
