"""Plays the month: one clock, in steps, and the next step only when all is quiet."""

from __future__ import annotations

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.folder import read_agreement
from contracts.agreements.sites import Site
from infra.local.simulator.station import Station
from watchbill.conductor import Conductor
from watchbill.demo.cast import ZONE, Call, Deed, Script, deeds_for
from watchbill.demo.loggers import Loggers
from watchbill.demo.rounds import Post, post_for
from watchbill.installation import Installation

AGREEMENT = Path(__file__).parents[2] / "contracts" / "agreements" / "wuhan-air"
CLOSES = timedelta(hours=8)
STRIDE = 3
"""Hours that the loggers send at once: every decision goes by event time, so that it does not matter to the result."""
Progress = Callable[[datetime], None]


@dataclass(frozen=True, slots=True)
class Nearing:
    """A clock warns: nothing is done, but the play stops here, so that it warns before it is breached."""

    fault: str


Doing = Deed | Call | Post | Nearing


@dataclass(order=True)
class Due:
    """Something that the cast will do at a moment."""

    at: datetime
    order: int
    what: Doing = field(compare=False)


def as_played(agreement: Agreement, minutes: int = 5) -> Agreement:
    """The agreement as the demo plays it: the month is closed `CLOSES` after its end, not on the 5th, and "minute"
    periods are so long (HJ 212-2017 MinInterval: 1 to 30 minutes)."""

    def site_as_played(site: Site) -> Site:
        interval = {"minute_interval": timedelta(minutes=minutes)}
        logger = site.logger.model_copy(update=interval) if site.logger else None
        return site.model_copy(update={"logger": logger})

    def lot_as_played(lot: Lot) -> Lot:
        payment = lot.payment.model_copy(update={"closes": CLOSES})
        return lot.model_copy(update={"sites": tuple(map(site_as_played, lot.sites)), "payment": payment})

    return agreement.model_copy(update={"lots": tuple(map(lot_as_played, agreement.lots))})


class Play:
    """One month of one agreement in one installation."""

    def __init__(self, town: Installation, script: Script, seed: int, agreement: Agreement | None = None) -> None:
        self.town, self.script, self.end = town, script, script.ends
        self.agreement = agreement or as_played(read_agreement(AGREEMENT))
        self.lot = self.agreement.lots[0]
        self.conductor = Conductor(town.http, town.secrets.key_of("conductor", "service"), town.clock_file)
        self._due: list[Due] = []
        self._order = 0
        self._seen: set[str] = set()
        self._incidents = -1
        self._inspections = 0
        self.steps = 0
        self.frames = 0
        sites = [site for site in self.lot.sites if site.logger]
        passwords = town.secrets.logger_passwords(site.logger.mn for site in sites if site.logger)
        stations = [Station(site, passwords[site.logger.mn], seed, script.troubles) for site in sites if site.logger]
        self.loggers = Loggers(stations, "127.0.0.1", town.gateway_port, script.starts)
        self._people = self._client("engineer-wang", "supplier", self.lot.supplier)
        self._office = self._client("supervisor-li", "buyer", self.agreement.buyer)

    def _client(self, person: str, role: Any, organisation: str) -> dict[str, httpx.AsyncClient]:
        token = self.town.secrets.token(person, role, organisation)
        headers = {"authorization": f"Bearer {token}"}
        return {
            name: httpx.AsyncClient(base_url=url, headers=headers, timeout=60) for name, url in self.town.http.items()
        }

    async def run(self, progress: Progress) -> None:
        """Plays from the first of the month to its close."""
        await self.begin()
        now = self.script.starts
        while now < self.end:
            now = await self.step(now)
            progress(now)

    async def begin(self) -> None:
        """Publishes the agreement and puts the month's rounds on the programme."""
        await self.conductor.move(self.script.starts, self.script.starts)
        await self.conductor.settle()
        token = self.town.secrets.token("installer", "administrator", "owner")
        async with httpx.AsyncClient(base_url=self.town.http["assets"], timeout=60) as client:
            headers = {"authorization": f"Bearer {token}", "idempotency-key": f"publish-{self.agreement.version}"}
            answer = await client.post("/v1/agreements", json=self.agreement.model_dump(mode="json"), headers=headers)
            answer.raise_for_status()
        await self.conductor.settle()
        for call in self.script.calls:
            self._plan(call.at, call)
        await self._notice_faults()  # where the play goes on from a backup, there are some

    def _plan(self, at: datetime, what: Doing) -> None:
        self._order += 1
        heapq.heappush(self._due, Due(at, self._order, what))

    async def step(self, now: datetime) -> datetime:
        """Goes on to the next hour, timer or deed: what comes in is heard before timers fire."""
        self.steps += 1
        if touched := await self._act(now):
            await self.conductor.settle(touched)
        target = min(_next_stride(now), self.end)
        if self._due and self._due[0].at < target:
            target = self._due[0].at
        await self.conductor.move(target, now)
        self.frames += await self.loggers.send(target)
        next_timer = await self.conductor.settle({"assets"})
        if self._due and self._due[0].at <= target:
            await self._fire(next_timer, target, target - timedelta(milliseconds=1))
            next_timer = await self.conductor.settle(await self._act(target))
        await self._fire(next_timer, target, target)
        await self._notice_faults()
        await self._notice_tasks(target)
        return target

    async def _fire(self, next_timer: datetime | None, now: datetime, horizon: datetime) -> None:
        """Lets the timers fire that are due up to the horizon."""
        while next_timer and next_timer <= horizon:
            self.conductor.turn(now, horizon)
            next_timer = await self.conductor.settle(())

    async def _act(self, now: datetime) -> set[str]:
        """Does what is due, in order; returns the services that were told of it."""
        due: list[Doing] = []
        while self._due and self._due[0].at <= now:
            due.append(heapq.heappop(self._due).what)
        rounds: dict[str, list[Doing]] = defaultdict(list)
        for what in due:
            rounds[what.site if isinstance(what, Post) else ""].append(what)
        await asyncio.gather(*map(self._do_in_turn, rounds.values()))
        told = {Post: "inspections", Deed: "incidents", Call: "incidents"}
        return {told[type(what)] for what in due if type(what) in told}

    async def _do_in_turn(self, round_of_one: Sequence[Doing]) -> None:
        """What one site's phone posts keeps its order; the sites post at once, and nothing rests on their order."""
        for what in round_of_one:
            await self._do(what)

    async def _do(self, what: Doing) -> None:
        if isinstance(what, Post):
            await self._post(self._people["inspections"], f"/v1/tasks/{what.task}/result", what.body, what.task)
        elif isinstance(what, Call):
            body = {"site": what.site, "kind": what.kind, "at": what.at.isoformat(), "text": what.text}
            await self._post(self._office["incidents"], "/v1/calls", body, f"call-{what.site}-{what.at:%d%H%M}")
        elif isinstance(what, Deed):
            body = {"at": what.at.isoformat(), "note": what.note}
            await self._post(
                self._people["incidents"], f"/v1/faults/{what.fault}/{what.step}", body, f"{what.fault}-{what.step}"
            )

    async def _post(self, client: httpx.AsyncClient, path: str, body: Any, key: str) -> None:
        """Posts until there is an answer, with one idempotency key: a phone does the same. 409: no longer needed."""
        async with asyncio.timeout(120):
            while True:
                try:
                    answer = await client.post(path, json=body, headers={"idempotency-key": key})
                except httpx.TransportError:
                    await asyncio.sleep(0.2)
                    continue
                if answer.status_code == 503:
                    await asyncio.sleep(0.2)
                    continue
                if answer.is_error and answer.status_code != 409:
                    raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
                return

    async def _notice_faults(self) -> None:
        """The engineers see what has opened, and plan what they will do about it."""
        said = self.conductor.said_on("incidents")
        if said == self._incidents:
            return
        self._incidents = said
        for fault in await self._rows("incidents", "/v1/faults", state="open", limit=500):
            if fault["id"] not in self._seen and not _heals_by_itself(fault):
                self._seen.add(fault["id"])
                for deed in deeds_for(fault, datetime.fromisoformat(fault["opened_at"]), self.script.habits):
                    self._plan(deed.posted, deed)
                for clock in fault["clocks"]:
                    for at in clock["warns"]:
                        self._plan(datetime.fromisoformat(at), Nearing(fault["id"]))

    async def _notice_tasks(self, now: datetime) -> None:
        """Phones fetch the list when something was put on it: what falls due is planned."""
        said = self.conductor.said_on("inspections")
        if now.astimezone(ZONE).hour != 0 and self._inspections:
            return
        self._inspections = said
        for task in await self._rows("inspections", "/v1/tasks", state="due", limit=500):
            if task["task"] not in self._seen:
                self._seen.add(task["task"])
                if post := post_for(task, self.lot, self.script, now):
                    self._plan(post.posted, post)

    async def _rows(self, service: str, path: str, **params: Any) -> Sequence[dict[str, Any]]:
        async with asyncio.timeout(120):
            while True:
                try:
                    answer = await self._people[service].get(path, params=params)
                    if answer.status_code == 200:
                        return [dict(row) for row in answer.json()]
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.2)

    async def close(self) -> None:
        """Waits until nobody has anything left to do, and hangs up."""
        await self.conductor.settle()
        await self.loggers.close()
        for client in (*self._people.values(), *self._office.values()):
            await client.aclose()


def _next_stride(now: datetime) -> datetime:
    """The next full hour that is a multiple of the stride, local time."""
    local_hour = now.astimezone(ZONE).replace(minute=0, second=0, microsecond=0)
    return (local_hour + timedelta(hours=STRIDE - local_hour.hour % STRIDE)).astimezone(UTC)


def _heals_by_itself(fault: dict[str, Any]) -> bool:
    """Nobody drives out for a power cut or a cut line: they are followed up by telephone."""
    return fault["family"] in ("power", "communication")
