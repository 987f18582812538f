"""A play of the demo's machinery from its first step to its settlement, in peace or with processes killed under it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.agreements.agreement import Agreement
from infra.local.place import Place
from infra.processes import PROCESSES
from watchbill.demo.cast import Script
from watchbill.demo.play import Play
from watchbill.demo.report import Asking, Outcome, outcome_of
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
    async with Installation(place, movable=True, contacts=ROOT / "infra/local/demo_contacts.yaml") as town:
        month = Play(town, script, seed, agreement)
        await month.begin()
        now: datetime = month.script.starts
        while now < month.end:
            killing = asyncio.create_task(kill(town, kills[month.steps])) if month.steps in kills else None
            now = await month.step(now)
            if killing:
                await killing
        await month.close()
        asking = Asking(town)
        lines = await asyncio.to_thread(asking.lines, "scoring", "/v1/events", month="2026-04")
        outcome = await asyncio.to_thread(outcome_of, asking)
        parked = sum(len(asking.get(process.name, "/runtime/parked")) for process in PROCESSES)
        received = {name: sorted(received_by(town, name)) for name in ("sms", "mail")}
        return Played(outcome, lines, town.children.restart_count, parked, received)


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
