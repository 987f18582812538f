"""A week, played in peace or under a seeded chance, and what it came to."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import structlog

from contracts.agreements.agreement import Agreement
from infra.local.place import Place
from infra.local.simulator.troubles import Damage, Flagged, LineCut, PowerCut, RoomHot, Stuck
from services.scoring.late import LATE_BUNDLE
from tests.chaos.audit import Account, account_of
from tests.chaos.chance import BadNetwork, Chance, ClockJump, FullDisk, Misfortune, Pair, Strike
from tests.chaos.doom import Kill
from tests.chaos.town import Town
from watchbill.demo.cast import Call, Script, local
from watchbill.demo.play import CLOSES, Play, as_played

log = structlog.get_logger()
FEED = 11
"""The seed of the air and of the frames: the same in every run, so that runs can be compared."""


AFTERWARDS = LATE_BUNDLE + timedelta(minutes=30)
"""In peace. Evidence that was heard again after the close of the month, as after a kill, is reckoned again by then."""
FEW_DAYS_EVERY = 6
"""Of the steps of the last days something happens at each sixth only: they are to be short."""


def last_week() -> Script:
    """April 24 to 30 and the month's close: a breach, a power cut across a deadline, cut lines with back-fill, a feed
    that is damaged, calls, missed rounds, a withdrawn breach."""
    return Script(
        starts=local(24, 0),
        ends=local(30, 0) + timedelta(days=1, hours=8),
        troubles=(
            LineCut("huangpi-yunwu-hill", local(24, 10), local(25, 10)),
            Flagged("xinzhou-changgang-hill", "a21004", "D", local(26, 14), local(26, 17, 45)),
            RoomHot("mobile", local(25, 13), local(25, 15), 8.0),
            *_last_days(),
        ),
        calls=(call(25, 9), call(30, 8)),
        skipped=frozenset({("remote-check", "mobile", date(2026, 4, day)) for day in (25, 28)}),
        long_lists_on=date(2026, 4, 27),
    )


def last_days() -> Script:
    """April 28 to 30 and the month's close, with most of the same in it."""
    return Script(
        starts=local(28, 0),
        ends=local(30, 0) + timedelta(days=1, hours=8),
        troubles=_last_days(),
        calls=(call(30, 8),),
        skipped=frozenset({("remote-check", "mobile", date(2026, 4, 28))}),
        long_lists_on=date(2026, 4, 29),
    )


def _last_days() -> tuple[Stuck | Flagged | PowerCut | LineCut | Damage, ...]:
    return (
        Stuck("caidian-suo-river", "a34004", local(28, 5), local(28, 13, 30)),
        Flagged("jiangxia-xin-river", "a34002", "D", local(29, 9), local(29, 15, 45)),
        PowerCut("jiangxia-xin-river", local(29, 11, 30), local(29, 14, 30), timedelta(hours=8)),
        LineCut("huangpi-yunwu-hill", local(28, 10), local(28, 18)),
        Damage("roadside", local(28, 8), local(28, 14), share=0.3),
    )


def call(day: int, hour: int) -> Call:
    """Somebody reports a fault."""
    return Call(local(day, hour, 10), "mulan-lake", "reported-fault", "空调不制冷 / the air-conditioner does not cool")


@dataclass(frozen=True)
class Week:
    """What a play came to."""

    account: Account
    passed: frozenset[Pair]
    deaths: Sequence[Kill] = ()
    misfortunes: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    frames: int = 0


async def play_week(place: Place, script: Script, agreement: Agreement, chance: Chance | None = None) -> Week:
    """Plays the script, under this chance where there is one."""
    starts = script.starts.astimezone(local(1, 0).tzinfo).date()
    played = as_played(agreement, minutes=10).model_copy(update={"starts": starts})
    misfortunes: Counter[str] = Counter()
    if chance:
        script = _spoilt(script, played, chance, misfortunes)
    async with Town(place) as town:
        play = Play(town, script, FEED, played)
        await play.begin()
        now: datetime = script.starts
        while now < play.end:
            step, started = play.steps, time.monotonic()
            befalling = _shake(town, chance, step, misfortunes) if chance else []
            now = await play.step(now)
            await asyncio.gather(*befalling)
            log.info("step played", step=step, now=now.isoformat(), seconds=round(time.monotonic() - started, 1))
        await town.calms_down()
        play.end = now + AFTERWARDS
        while now < play.end:
            now = await play.step(now)
        await play.close()
        misfortunes.update({f"{server} died of its full disk": times for server, times in town.choked.items()})
        misfortunes["points misled by a clock"] = town.misled()
        account = await asyncio.to_thread(account_of, town)
        passed = frozenset(town.passed())
        return Week(account, passed, town.deaths(), misfortunes, town.children.restart_count, play.frames)


def _spoilt(script: Script, agreement: Agreement, chance: Chance, misfortunes: Counter[str]) -> Script:
    sites = [site.id for site in agreement.lots[0].sites if site.logger]
    spells = chance.feeds(sites, script.starts, script.ends - CLOSES)
    misfortunes.update(f"feed {type(spell).__name__.lower()}ed" for spell in spells)
    return replace(script, troubles=(*script.troubles, *spells))


def _shake(town: Town, chance: Chance, step: int, misfortunes: Counter[str]) -> list[asyncio.Task[None]]:
    if step % chance.every == 0:
        town.set_clocks_right()
    town.dooms(kills := chance.kills(step))
    misfortune = chance.misfortune(step)
    log.info("step begins", step=step, kills=[f"{kill.service} {kill.point}" for kill in kills], befalls=misfortune)
    if misfortune is None:
        return []
    misfortunes[_name(misfortune)] += 1
    return [asyncio.create_task(_befall(town, misfortune))]


def _name(misfortune: Misfortune) -> str:
    if isinstance(misfortune, Strike):
        return f"{misfortune.child} killed"
    if isinstance(misfortune, FullDisk):
        return f"{misfortune.server} disk full"
    if isinstance(misfortune, ClockJump):
        return "clock jumped"
    return f"{misfortune.server} network {misfortune.network}"


async def _befall(town: Town, misfortune: Misfortune) -> None:
    await asyncio.sleep(misfortune.wait_seconds)
    if isinstance(misfortune, Strike):
        town.strike(misfortune.child)
    elif isinstance(misfortune, FullDisk):
        async with town.full_disk(misfortune.server):
            await asyncio.sleep(misfortune.lasts_seconds)
    elif isinstance(misfortune, ClockJump):
        town.plans[misfortune.service].set_clock(misfortune.by)
    elif isinstance(misfortune, BadNetwork):
        town.proxies[misfortune.server].becomes(misfortune.network)
        await asyncio.sleep(misfortune.lasts_seconds)
        town.proxies[misfortune.server].becomes("open")
