"""A play of the demo's machinery from its first step to its settlement, in peace or with processes killed under it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.agreements.agreement import Agreement
from infra.local.embedded import Embedded
from infra.local.place import Place
from infra.processes import PROCESSES
from infra.runtime.settings import RuntimeSettings
from watchbill.backups.whole import back_up, restore
from watchbill.demo.cast import Script
from watchbill.demo.play import Play
from watchbill.demo.report import Asking, Outcome, outcome_of, show
from watchbill.installation import ROOT, Installation


@dataclass(frozen=True)
class Played:
    outcome: Outcome
    events: list[dict[str, Any]]
    restarts: int
    parked: int
    received: dict[str, list[str]]
    """What the SMS gateway and the mail server were given, by channel: the texts, each as often as it came."""


async def play(place: Place, script: Script, seed: int, agreement: Agreement, kills: Mapping[int, str]) -> Played:
    """Plays the script; at step n the process `kills[n]` is killed (-9) in the middle of what it does."""
    async with _town(place) as town:
        month = Play(town, script, seed, agreement)
        await month.begin()
        now: datetime = month.script.starts
        while now < month.end:
            killing = asyncio.create_task(kill(town, kills[month.steps])) if month.steps in kills else None
            now = await month.step(now)
            if killing:
                await killing
        return await _played(town, month)


async def _played(town: Installation, month: Play) -> Played:
    await month.close()
    asking = Asking(town)
    lines = await asyncio.to_thread(asking.lines, "scoring", "/v1/events", month="2026-04")
    outcome = await asyncio.to_thread(outcome_of, asking)
    await asyncio.to_thread(show, outcome, asking, {site.id: site.title.zh for site in month.lot.sites})
    parked = sum(len(asking.get(process.name, "/runtime/parked")) for process in PROCESSES)
    received = {name: sorted(received_by(town, name)) for name in ("sms", "mail")}
    return Played(outcome, lines, town.children.restart_count, parked, received)


async def drill(folder: Path, script: Script, seed: int, agreement: Agreement, at: int) -> Played:
    """Plays; while step `at` is at work a backup is taken, and then everything is lost. Goes on in a new place from
    that step on: loggers and phones send again what the backup may not hold."""
    lost, new, kept = Place.of(folder / "lost"), Place.of(folder / "new"), folder / "kept"
    async with _town(lost) as town:
        month = Play(town, script, seed, agreement)
        await month.begin()
        now: datetime = script.starts
        while month.steps < at:
            now = await month.step(now)
        working = asyncio.create_task(month.step(now))
        await asyncio.sleep(0.15)
        await back_up(_settings(town.platform), lost.root, kept)
        await working
        await month.close()
    async with Embedded(new) as platform:
        await restore(_settings(platform), new.root, kept)
    async with _town(new) as town:
        month = Play(town, replace(script, starts=now), seed, agreement)
        await month.begin()
        while now < month.end:
            now = await month.step(now)
        return await _played(town, month)


def _town(place: Place) -> Installation:
    return Installation(place, movable=True, contacts=ROOT / "infra/local/demo_contacts.yaml")


def _settings(platform: Embedded) -> RuntimeSettings:
    return RuntimeSettings(kafka_servers=platform.kafka, mongo_url=platform.mongo)


def received_by(town: Installation, sink: str) -> Iterator[str]:
    """In the file the last line of a key counts."""
    lines = (town.place.root / "sinks" / f"{sink}.jsonl").read_text("utf-8").splitlines()
    for message in {row["key"]: row for row in map(json.loads, lines)}.values():
        yield f"{message['to']} {message.get('title', '')} {message['text']}"


async def kill(town: Installation, process: str) -> None:
    await asyncio.sleep(0.15)
    town.children.kill(process)


def as_text(outcome: Outcome) -> list[str]:
    """Line by line, so that a difference is shown."""
    return json.dumps(outcome.digest(), ensure_ascii=False, indent=1).splitlines()
