"""The commands against one running installation: what they ask for, and what they compute from its export."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import Result

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import read_agreement
from infra.local.place import Place
from infra.local.simulator.station import Station
from services.assets.hj212 import Upload, upload_frames
from services.scoring.domain import read_recorded
from services.scoring.span import close_of
from tests.journeys.conftest import AGREEMENT, Town
from tests.scoring.plain import settle_plainly
from tests.watchbill.evidence import run, walk
from watchbill.commands.simulate import HOUR, Drive
from watchbill.conductor import Conductor
from watchbill.installation import ROOT, Installation
from watchbill.said import is_of

pytestmark = [pytest.mark.live, pytest.mark.timeout(280)]
MORNING = datetime(2026, 4, 8, 7, 0, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
SITE, OTHER = "caidian-suo-river", "mulan-lake"
SETTLEMENT = "wuhan-air/lot-1/2026-04/r1"


def at_once(agreement: Agreement) -> Agreement:
    """The agreement with the flag rule firing on the first flagged value, and no silence to be seen."""
    lot = agreement.lots[0]
    seen = [rule for rule in lot.fault_rules if rule.when.test != "silence"]
    rules = tuple(
        rule.model_copy(update={"lasts": timedelta(0)}) if rule.id == "marked-faulty" else rule for rule in seen
    )
    return agreement.model_copy(update={"lots": (lot.model_copy(update={"fault_rules": rules}),)})


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    contacts = ROOT / "infra" / "local" / "demo_contacts.yaml"
    installation = Installation(Place.of(tmp_path / "data"), movable=True, contacts=contacts)
    async with installation:
        key = installation.secrets.key_of("conductor", "service")
        async with Conductor(installation.http, key, installation.clock_file) as conductor:
            yield Town(installation, conductor)


@dataclass(frozen=True)
class Shell:
    """Where somebody types commands, beside a running installation."""

    data: str

    async def command(self, *words: str | Path) -> Result:
        return await asyncio.to_thread(run, *words, WATCHBILL_DATA=self.data)

    async def asked(self, *words: str | Path) -> Any:
        """What a command says to programs."""
        told = await self.command(*words, "--json")
        assert told.exit_code == 0, told.output + told.stderr
        return json.loads(told.output)


async def test_commands_tell_what_services_know(town: Town, tmp_path: Path) -> None:
    """One month of one installation, which takes longer to play than all commands together."""
    shell, terms = Shell(str(town.installation.place.root)), at_once(read_agreement(AGREEMENT))
    await town.at(MORNING)
    assert (await shell.command("simulate", "--once")).exit_code == 1
    await town.publish(terms)
    await _send(town, terms)
    await _one_fault(town, terms)
    await town.at(MORNING + timedelta(hours=4))
    closes = close_of(terms.lots[0], "2026-04")
    await town.at(closes - HOUR)  # what the month holds is heard before it is closed
    await town.at(closes)
    file = await _exported(shell, tmp_path)
    _check_order(file)
    await _check_whole(file, town)
    (settlement,) = await _settlements(town)
    _check_sums(file, terms, settlement)
    await _check_score(shell, file, terms, settlement)
    await _check_clock(shell, file)
    await _check_doctor(shell, town)


async def _exported(shell: Shell, folder: Path) -> Path:
    """The month's file: the same twice, and shorter without minutes."""
    month, file = ("events", "export", "--month", "2026-04"), folder / "april.jsonl"
    whole = await shell.asked(*month, "--out", file)
    again = await shell.asked(*month, "--out", folder / "again.jsonl")
    assert whole["sha256"] == again["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    few = await shell.asked(*month, "--no-minutes", "--out", folder / "short.jsonl")
    assert whole["lines"] - few["lines"] == 15  # a flagged minute in its two parts, and the twelve of an hour
    return file


async def _check_score(shell: Shell, file: Path, terms: Agreement, settlement: dict[str, Any]) -> None:
    line = next(
        one["line"] for site in settlement["sites"] for one in site["lines"] if one["deduction"] == "late-solution"
    )
    online = await shell.asked("score", "explain", line)
    offline = await shell.asked("score", "explain", line, "--events", file)
    assert online["trees"] == offline["trees"] and online["readings"] == offline["readings"]
    ((key, reading),) = online["readings"].items()
    assert ("reading", key) in walk(online["trees"][0]) and key == f"{SITE}/minute/20260407T225500Z"
    assert reading["values"]["a21004"]["flag"] == "D" and len(reading["digest"]) == 64
    shown = await shell.command("score", "explain", line)
    assert f"SHA-256 {reading['digest']}" in shown.output and "扣款" in shown.output
    whole = await shell.asked("score", "explain", SETTLEMENT)
    assert len(whole["trees"][0]["branches"]) == len(terms.lots[0].sites)
    assert (await shell.command("score", "explain", f"{SETTLEMENT}/nowhere/x/y")).exit_code == 1


async def _check_clock(shell: Shell, file: Path) -> None:
    fault = next(json.loads(one) for one in file.read_text().splitlines() if '"FaultOpenedV1"' in one)["data"]["fault"]
    (told,) = await shell.asked("clock", "explain", fault)
    (recomputed,) = await shell.asked("clock", "explain", "--events", file)
    assert await shell.asked("clock", "explain", fault[:8]) == [told], "as an SMS says it"
    dues = [{one["clock"]["clause"]: one["clock"]["due"] for one in each["clocks"]} for each in (told, recomputed)]
    assert dues[0] == dues[1] and dues[0]["solve-4h"] == "2026-04-08T03:00:00Z"
    assert "到期时刻：2026-04-08 11:00:00" in (await shell.command("clock", "explain", fault)).output
    assert (await shell.command("clock", "explain", "no-such-fault")).exit_code == 1


async def _check_doctor(shell: Shell, town: Town) -> None:
    report = await shell.asked("doctor")
    states = {one["check"]: one["state"] for one in report["findings"]}
    wrong = [one for one in report["findings"] if one["state"] == "bad"]
    assert report["exit_code"] == 0, wrong
    assert states["clocks"] == states["kafka"] == states["mongo"] == states["service"] == states["outbox"] == "ok"
    assert (states["stations"], states["calendar"]) == ("warn", "warn")
    town.installation.secrets.shared.chmod(0o755)
    assert (await shell.command("doctor")).exit_code == 1


async def _send(town: Town, terms: Agreement) -> None:
    """The last hour of one simulated station, as `watchbill simulate --once` sends it."""
    site = next(site for site in terms.lots[0].sites if site.id == OTHER)
    assert site.logger
    password = town.installation.secrets.logger_passwords([site.logger.mn])[site.logger.mn]
    gateway = f"127.0.0.1:{town.installation.gateway_port}"
    drive = Drive(gateway, [Station(site, password, 7)], MORNING - HOUR, lambda: MORNING)
    await drive.run(once=True)
    assert (drive.frames, drive.until) == (drive.answered, MORNING) and drive.frames >= 13
    await town.conductor.settle()


async def _one_fault(town: Town, terms: Agreement) -> None:
    logger = next(site.logger for site in terms.lots[0].sites if site.id == SITE)
    assert logger
    password = town.installation.secrets.logger_passwords([logger.mn])[logger.mn]
    values = {"a21004": {"avg": "31", "flag": "D"}}
    upload = Upload(logger.mn, password, "2051", MORNING - timedelta(minutes=5), values)
    assert b"CN=9014" in await town.send([b"noise\r\n", *upload_frames(upload, MORNING)], answers=1)


async def _settlements(town: Town) -> list[dict[str, Any]]:
    async with town.client("scoring", "li", "buyer", "wuhan-emc") as client:
        found: list[dict[str, Any]] = (await client.get("/v1/settlements", params={"month": "2026-04"})).json()
        return found


def _check_order(file: Path) -> None:
    """Every line is an event of the catalog, told once, by the time it became true."""
    known = list(read_recorded(file.read_text().splitlines()))
    times = [one.event.at for one in known]
    assert times == sorted(times) and len({one.id for one in known}) == len(known)


async def _check_whole(file: Path, town: Town) -> None:
    """Nothing that was said of the month is missing, whoever said it."""
    told = {json.loads(line)["id"] for line in file.read_text().splitlines()}
    of_month = [one for one in await town.letters() if one.event is not None and is_of(one.event, "2026-04")]
    assert {one.type for one in of_month if one.id not in told} == set()
    assert {"ScorePostedV1", "SettlementComputedV1", "ReadingRejectedV1", "NoticeRequestedV1"} <= {
        one.type for one in of_month
    }


def _check_sums(file: Path, terms: Agreement, settlement: dict[str, Any]) -> None:
    """The slow way over the export comes to the same yuan."""
    events = [json.loads(line) for line in file.read_text().splitlines()]
    document = json.loads(terms.model_dump_json())
    plain = settle_plainly(events, document, month="2026-04")["lot-1/2026-04"]
    assert {name: settlement[name] for name in ("gross", "deducted", "payable")} == {
        name: plain[name] for name in ("gross", "deducted", "payable")
    }
    assert [site["points"] for site in settlement["sites"]] == [site["points"] for site in plain["sites"].values()]
