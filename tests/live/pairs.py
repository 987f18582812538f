"""A town whose five services have two members each: the first a process that is to die, the second in the test's own.

The group gives the first part of each stream to the first member, so those that die are those that fire the timers.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx
from aiokafka.partitioner import DefaultPartitioner

from contracts.agreements.agreement import Agreement
from contracts.agreements.clocks import Within
from contracts.agreements.notices import Group, Notices, Route
from contracts.agreements.sites import Logger
from infra.local.leash import leashed
from infra.local.sinks.both import Sinks
from infra.local.sinks.mood import Order
from infra.runtime.letters import Letter
from infra.runtime.room import Room
from infra.runtime.security import hash_of_key
from infra.runtime.settings import RuntimeSettings
from services.assets.app import room_for as assets_room
from services.assets.settings import AssetsSettings
from services.incidents.app import room_for as incidents_room
from services.incidents.settings import IncidentsSettings
from services.inspections.app import room_for as inspections_room
from services.inspections.settings import InspectionsSettings
from services.notify.app import room_for as notify_room
from services.notify.settings import NotifySettings
from services.scoring.app import room_for as scoring_room
from services.scoring.settings import Settings as ScoringSettings
from services.scoring.span import first_day, midnight, month_after, month_of
from tests.chaos.doom import Kill, Plan
from tests.chaos.victim import FOLDER
from tests.incidents.clock_stories import SOURCE, words
from tests.incidents.site_stories import FLAG, SOLVE, TOWN, agreement, lot
from tests.live.rooms import free_port, letters_on, opened, settings_in, token
from watchbill.installation import ROOT

SERVICES = ("assets", "inspections", "incidents", "scoring", "notify")
PARTS = list(range(RuntimeSettings().kafka_partitions))


def _is_with_the_first(site: str) -> bool:
    """Whether its readings are the first member's: the group gives each member every second part."""
    return DefaultPartitioner()(site.encode(), PARTS, PARTS) % 2 == 0


_LAKES = [f"lake-{number:02}" for number in range(40)]
EARLY = _LAKES[:3]
LATE = [lake for lake in _LAKES[3:] if _is_with_the_first(lake)][:3]
SITES = [*EARLY, *LATE]
STEPS, BAD_FROM = 4, 1
DUE_IN = timedelta(seconds=4)
STEP = timedelta(seconds=1)
"""Periods begin with any second here, so that a fault is due so soon after it is reported, whenever that is."""
PHONE = "19900000001"
TOLD = {
    "FaultOpened": "fault-opened",
    "SlaBreached": "sla-breached",
    "SettlementComputed": "settlement-computed",
}


def rooms(settings: RuntimeSettings, contacts: Path, sms_url: str) -> dict[str, Room]:
    """A member of each."""
    said = settings.model_dump()
    notify = NotifySettings(**said, contacts=contacts, sms_url=sms_url, join_seconds=0.0)
    return {
        "assets": assets_room(AssetsSettings(**said)),
        "inspections": inspections_room(InspectionsSettings(**said)),
        "incidents": incidents_room(IncidentsSettings(**said)),
        "scoring": scoring_room(ScoringSettings(**said)),
        "notify": notify_room(notify),
    }


@dataclass
class Pairs:
    settings: RuntimeSettings
    folder: Path
    sinks: Sinks
    rooms: dict[str, Room]
    """The members that live."""
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    victims: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def contacts(self) -> Path:
        return self.folder / "contacts.yaml"

    async def start(self, service: str, stack: AsyncExitStack) -> None:
        """Its first member."""
        port = free_port()
        names = {
            "kafka_servers": self.settings.kafka_servers, "mongo_url": self.settings.mongo_url,
            "database_prefix": self.settings.database_prefix, "secrets": str(self.settings.secrets),
            "http_port": str(port), "instance": "0",
        }  # fmt: skip
        if service == "notify":
            names |= {"contacts": str(self.contacts), "sms_url": self.sinks.sms_url, "join_seconds": "0"}
        environment = {f"WATCHBILL_{name.upper()}": value for name, value in names.items()}
        with (self.folder / f"{service}.log").open("ab") as log:
            self.processes[service] = process = await asyncio.create_subprocess_exec(
                *leashed((sys.executable, "-m", "tests.chaos.victim", f"services.{service}")), cwd=ROOT, stdout=log,
                stderr=log, env={**environment, FOLDER: str(self.folder), "PATH": "/usr/bin"},
            )  # fmt: skip
        stack.push_async_callback(_end, process)
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20)
        self.victims[service] = await stack.enter_async_context(client)

    async def until_ready(self, service: str) -> None:
        async with asyncio.timeout(90):
            while True:
                try:
                    if (await self.victims[service].get("/health/ready")).is_success:
                        return
                except httpx.HTTPError:
                    assert self.processes[service].returncode is None, (self.folder / f"{service}.log").read_text()
                await asyncio.sleep(0.1)

    async def join(self, service: str, stack: AsyncExitStack) -> None:
        """Its second member."""
        self.clients[service] = await stack.enter_async_context(opened(self.rooms[service]))

    def dooms(self, points: Mapping[str, tuple[str, int]]) -> None:
        """By service, the point at which the first member is to die, and at which passing of it."""
        for service, (point, passing) in points.items():
            Plan(self.folder, service).write([Kill(service, service, point, passing)])

    async def strike(self, patience_seconds: float = 8.0) -> list[str]:
        """All first members die, those that do not come to their points in time too; returns those that did."""
        ends = [asyncio.create_task(process.wait()) for process in self.processes.values()]
        await asyncio.wait(ends, timeout=patience_seconds)
        died = [service for service, process in self.processes.items() if process.returncode is not None]
        for service in self.processes.keys() - set(died):
            self.processes[service].send_signal(SIGKILL)
        await asyncio.gather(*ends)
        return died

    async def post(self, service: str, path: str, body: Any, headers: Mapping[str, str]) -> httpx.Response:
        """As somebody does who tries the other member where one does not answer."""
        asked = {**headers, "idempotency-key": path}
        try:
            return await self.victims[service].post(path, json=body, headers=asked)
        except httpx.HTTPError:
            return await self.clients[service].post(path, json=body, headers=asked)

    async def report(self, site: str) -> None:
        """What its logger sends: from `BAD_FROM` on the analyser is marked, and the fault is due soon."""
        start = datetime.now(UTC).replace(microsecond=0) - STEPS * STEP
        body = {"readings": [_posted(start + step * STEP, step >= BAD_FROM) for step in range(STEPS)]}
        path, key = f"/v1/sites/{site}/readings", {"x-api-key": f"{site}-key"}
        async with asyncio.timeout(20):
            while (taken := await self.post("assets", path, body, key)).status_code == 403:  # not heard of yet
                await asyncio.sleep(0.1)
        assert (taken.status_code, taken.json()) == (202, {"taken": STEPS, "refused": []}), taken.text

    async def said(self) -> list[Letter]:
        """Every letter on every stream, in the order of its partition."""
        return await letters_on(self.settings, "inspections", "incidents", "scores", "notices")

    async def messages(self) -> list[dict[str, Any]]:
        """Of every message notify has: what became of it."""
        found = self.rooms["notify"].ledger.db.messages.find({})
        return [row async for row in found]

    async def left(self) -> dict[str, int]:
        """What should not be there in the end, by service."""
        counts = {}
        for name, room in self.rooms.items():
            db = room.ledger.db
            for kept, query in (("outbox", {}), ("parked", {}), ("timers", {"due": {"$lte": datetime.now(UTC)}})):
                if count := await db[kept].count_documents(query):
                    counts[f"{name} {kept}"] = count
        return counts


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


def _posted(time: datetime, is_bad: bool) -> dict[str, Any]:
    values = {"so2": {"value": "3", "flag": "D" if is_bad else "N"}}
    return {"kind": "minute", "time": time.isoformat(), "values": values}


def terms(closes: timedelta) -> Agreement:
    """The agreement of the town: a marked analyser is a fault, due soon; people are told by SMS. `closes`: how long
    after a month's end it is settled."""
    limit = (STEPS - BAD_FROM - 1) * STEP + DUE_IN
    solve = SOLVE.model_copy(update={"limits": (Within(time=limit),), "warns": (DUE_IN / 2,), "excludes": ()})
    entry = {"title": words("all"), "source": SOURCE}
    group = Group(id="all", party="blue-sky", **entry)
    routes = tuple(
        Route(id=template, on=on, to=("all",), channels=("sms",), template=template, **entry)
        for on, template in TOLD.items()
    )
    made = lot((FLAG,), (solve,))
    payment = made.payment.model_copy(update={"closes": closes})
    notices = Notices(groups=(group,), routes=routes, storm=1000)
    sites = tuple(TOWN.model_copy(update=_own(site)) for site in SITES)
    of = made.model_copy(update={"sites": sites, "payment": payment, "notices": notices})
    year = datetime.now(UTC).year
    term = {"starts": date(year - 1, 1, 1), "ends": date(year + 1, 12, 31), "id": "air"}
    return agreement(of).model_copy(update=term)


def _own(site: str) -> dict[str, Any]:
    assets = tuple(asset.model_copy(update={"id": f"{asset.id}-{site}"}) for asset in TOWN.assets)
    return {"id": site, "assets": assets, "logger": Logger(mn=f"MN-{site}", minute_interval=STEP)}


def last_month() -> str:
    """The month before this one."""
    return month_of(midnight(first_day(month_of(datetime.now(UTC)))) - timedelta(days=1))


def closes_in(soon: timedelta) -> timedelta:
    """How long after its end last month has to be settled for that to be so soon."""
    return datetime.now(UTC) + soon - midnight(first_day(month_after(last_month())))


def administrator(town: Pairs) -> dict[str, str]:
    return token(town.settings, "administrator", "city")


@asynccontextmanager
async def pairs_in(folder: Path, platform: Any) -> AsyncIterator[Pairs]:
    """Both members of all five, at work."""
    base = settings_in(folder, platform)
    settings = base.model_copy(update={"clock": "system", "instance": "1"})
    keys = json.loads((folder / "keys.json").read_text())
    for site in SITES:
        key = f"{site}-key"
        keys[key[:8]] = {"hash": hash_of_key(key, b"s"), "role": "logger", "name": site}
    (folder / "keys.json").write_text(json.dumps(keys))
    person = {"id": "ann", "name": "Ann", "organisation": "blue-sky", "groups": ["all"], "phones": [PHONE]}
    (folder / "contacts.yaml").write_text(json.dumps({"people": [person]}))
    async with AsyncExitStack() as stack:
        sinks = await stack.enter_async_context(Sinks(folder / "sinks"))
        sinks.sms.mood.take(Order(mode="forgetful"))
        town = Pairs(settings, folder, sinks, rooms(settings, folder / "contacts.yaml", sinks.sms_url))
        await asyncio.gather(*(town.start(service, stack) for service in SERVICES))
        await asyncio.gather(*(town.join(service, stack) for service in SERVICES))
        await asyncio.gather(*(town.until_ready(service) for service in SERVICES))
        yield town
