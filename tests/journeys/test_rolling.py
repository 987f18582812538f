"""Each service is restarted in its turn while loggers send and phones post: nothing is lost, and nothing is doubled."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGTERM
from typing import Any

import httpx
import pytest

from contracts.agreements.agreement import Agreement, Lot
from infra.local.place import Place
from infra.local.simulator.logger import LoggerLine
from infra.local.simulator.station import Sent, Station
from infra.processes import PROCESSES
from tests.journeys.conftest import Town
from watchbill.conductor import Conductor
from watchbill.installation import ROOT, Installation

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
HOURS = 6
SLICE = 4
_READING = re.compile(rb"CN=(\d{4});.*MN=([^;]+);.*DataTime=(\d+)")
CONTACTS = ROOT / "infra/local/demo_contacts.yaml"


async def test_rolling_restart_loses_and_doubles_nothing(tmp_path: Path, agreement: Agreement) -> None:
    async with Installation(Place.of(tmp_path), contacts=CONTACTS) as installation:
        key = installation.secrets.key_of("conductor", "service")
        async with Conductor(installation.http, key, installation.clock_file) as conductor:
            town = Town(installation, conductor)
            await town.publish(agreement)
            frames = await asyncio.to_thread(frames_of, installation, agreement.lots[0])
            restarted = asyncio.Event()
            rolling = asyncio.create_task(roll(installation, restarted))
            sent = [send(installation, station, restarted) for station in frames]
            called, *_ = await asyncio.gather(call(town, agreement.lots[0], restarted), *sent, rolling)
            await conductor.settle()
            await audit(town, readings_in(frames), called)


def frames_of(installation: Installation, lot: Lot) -> list[list[Sent]]:
    """What each station has to send of the last hours."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    sites = [site for site in lot.sites if site.logger]
    passwords = installation.secrets.logger_passwords(site.logger.mn for site in sites if site.logger)
    return [
        Station(site, passwords[site.logger.mn], 7).frames(now - timedelta(hours=HOURS), now)
        for site in sites
        if site.logger
    ]


async def roll(installation: Installation, restarted: asyncio.Event) -> None:
    for process in PROCESSES:
        installation.children.kill(process.name, SIGTERM)
        await installation.children.until_ready(process.name)
    restarted.set()


async def send(installation: Installation, frames: Sequence[Sent], restarted: asyncio.Event) -> None:
    """A few frames at a time, so that they last until the last service is back; then what is left."""
    async with LoggerLine("127.0.0.1", installation.gateway_port) as line:
        for start in range(0, len(frames), SLICE):
            await line.send_all(frames[start : start + SLICE])
            if not restarted.is_set():
                await asyncio.sleep(0.5)


async def call(town: Town, lot: Lot, restarted: asyncio.Event) -> list[str]:
    """Reports a fault on everything there is, one after the other, each until it is taken; returns the faults."""
    things = [(site.id, asset.id) for site in lot.sites for asset in site.assets]
    faults = []
    for site, asset in things:
        body = {"site": site, "asset": asset, "kind": "reported-fault", "text": "坏了", "at": _now()}
        faults.append(await _posted(town, body, str(uuid.uuid4())))
        if not restarted.is_set():
            await asyncio.sleep(0.2)
    return faults


def _now() -> str:
    return datetime.now(UTC).isoformat()


async def _posted(town: Town, body: dict[str, Any], key: str) -> str:
    async with asyncio.timeout(60):
        while True:
            try:
                async with town.client("incidents", "engineer", "supplier", "supplier-a") as phone:
                    answer = await phone.post("/v1/calls", json=body, headers={"idempotency-key": key})
            except httpx.TransportError:  # it is away: the phone tries again
                await asyncio.sleep(0.2)
                continue
            if answer.status_code in (200, 201):
                return str(answer.json()["id"])
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.2)


def readings_in(frames: Sequence[Sequence[Sent]]) -> int:
    """How many readings these frames carry: a reading in several packets counts once."""
    found = (_READING.search(frame.data) for station in frames for frame in station)
    return len({one.groups() for one in found if one})


async def forgotten(client: httpx.AsyncClient) -> dict[str, Any]:
    """The state of a service that has nothing left in its outbox; what it is after ten seconds where it has."""
    for _ in range(50):
        state: dict[str, Any] = (await client.get("/runtime/state")).json()
        if not state["outbox"]["waiting"]:
            break
        await asyncio.sleep(0.2)  # what was said last is deleted half a second later
    return state


async def audit(town: Town, carried: int, called: Sequence[str]) -> None:
    letters = await town.letters()
    of = {kind: [one for one in letters if one.type == kind] for kind in {one.type for one in letters}}
    readings = {one.event.reading for one in of["ReadingReceivedV1"]}  # type: ignore[union-attr]
    opened = Counter(one.event.fault for one in of["FaultOpenedV1"])  # type: ignore[union-attr]
    assert len(readings) == carried > 0
    assert [opened[fault] for fault in called] == [1] * len(called)
    ids = Counter(one.id for one in letters if one.topic != "readings")
    assert [id for id, times in ids.items() if times > 1] == []
    for process in PROCESSES:
        async with town.client(process.name, "installer", "administrator", "owner") as client:
            state = await forgotten(client)
            assert (state["faults"], state["parked"], state["outbox"]["waiting"]) == ({}, 0, 0), process.name
            assert sum(stream["lag"] for stream in state["streams"]) == 0
    async with town.client("notify", "installer", "administrator", "owner") as client:
        messages = (await client.get("/v1/messages", params={"limit": "500"})).json()
    assert messages and {message["attempts"] for message in messages} <= {0, 1}
    ends = {process.name: town.installation.children.state(process.name).last_exit for process in PROCESSES}
    assert set(ends.values()) == {0}, ends  # not at the deadline of a stop that did not finish
    log = "".join(town.installation.place.log(process.name).read_text("utf-8") for process in PROCESSES)
    assert log.count('"event": "service stops"') == len(PROCESSES) and '"event": "part given up"' not in log
