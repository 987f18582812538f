"""`watchbill simulate`: simulated loggers send to the gateway of the running installation, by the system's clock."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import httpx
import typer

from contracts.agreements.agreement import Agreement
from contracts.agreements.days import zone_of
from contracts.agreements.mistakes.mistake import nearest
from contracts.agreements.sites import Site
from infra.local.simulator.logger import LoggerLine
from infra.local.simulator.station import Station
from infra.local.trouble import Trouble
from watchbill.addresses import AWAY, Addresses, fail
from watchbill.exits import exits
from watchbill.secrets import Secrets
from watchbill.service_clock import clock_of
from watchbill.shown import AsJson, console, show_json, show_table

EXITS = exits("已发送 sent", "没有生效的协议，或系统时钟由演示控制 no agreement in force, or a demo moves the clock")
ZONE = zone_of("Asia/Shanghai")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
Once = Annotated[
    bool, typer.Option("--once", help="补发最近一小时（或 --days 天）后退出 / back-fill the last hour, and end")
]
Days = Annotated[int, typer.Option(help="先补发前几天 / begin with so many days before now", min=0, max=366)]
Speed = Annotated[
    float,
    typer.Option(help="补发速度：现实一秒发几秒；0 为尽快 / seconds of the past sent per second; 0: at once", min=0),
]
Sites = Annotated[list[str] | None, typer.Option("--site", help="只模拟这些站点 / these sites only")]
Seed = Annotated[int, typer.Option(help="随机种子 / seed")]


def simulate(
    once: Once = False,
    site: Sites = None,
    days: Days = 0,
    speed: Speed = 0.0,
    seed: Seed = 7,
    as_json: AsJson = False,
) -> None:
    """模拟站点：按系统时钟向网关发送报文，Ctrl-C 结束 / simulated stations send frames by the system's clock."""
    addresses = Addresses.read()
    _refuse_moved_clock(addresses)
    wanted = sites_of(agreements_in_force(addresses, datetime.now(ZONE).date()), site or [])
    passwords = Secrets(addresses.place.root).logger_passwords(one.logger.mn for one in wanted if one.logger)
    stations = [Station(one, passwords[one.logger.mn], seed) for one in wanted if one.logger]
    start = starts_at(datetime.now(UTC), days, once)
    try:
        rounds = asyncio.run(_send(addresses.gateway, stations, start, speed, once, quiet=as_json))
    except Trouble as trouble:
        raise fail(trouble.zh, trouble.en, AWAY) from trouble
    if as_json:
        show_json({"sites": [one.id for one in wanted], "starts": start.isoformat(), **rounds.record()})


def _refuse_moved_clock(addresses: Addresses) -> None:
    key = Secrets(addresses.place.root).key_of("conductor", "service")
    try:
        with httpx.Client(base_url=addresses.http["assets"], headers={"x-api-key": key}, timeout=30) as client:
            moved_to = clock_of(client).moved_to
    except httpx.HTTPError as error:
        raise fail(
            "服务 assets 没有应答，请用 watchbill doctor 查看", "assets does not answer: see `watchbill doctor`", AWAY
        ) from error
    if moved_to is not None:
        raise fail(
            f"这个系统的时钟由演示控制（现为 {moved_to:%Y-%m-%d %H:%M}），请对 watchbill up 启动的系统使用",
            f"A demo moves the clock of this installation (now {moved_to:%Y-%m-%d %H:%M}): use one of `watchbill up`",
        )


def agreements_in_force(addresses: Addresses, today: date) -> list[Agreement]:
    """The newest version of each published agreement whose term holds `today` (local)."""
    ids = sorted({row["agreement"] for row in addresses.get("assets", "/v1/agreements")})
    newest = [Agreement.model_validate(addresses.get("assets", f"/v1/agreements/{id}")) for id in ids]
    found = [one for one in newest if one.starts <= today <= one.ends]
    if not found:
        raise fail(
            "没有生效的协议，请先执行 watchbill agreement load 协议文件夹",
            "No agreement is in force: publish one by `watchbill agreement load FOLDER`",
        )
    return found


def sites_of(agreements: Iterable[Agreement], wanted: Sequence[str]) -> list[Site]:
    """The sites with a logger, all or those wanted. Exits (2) at a name that is none of them."""
    known = {site.id: site for one in agreements for lot in one.lots for site in lot.sites if site.logger}
    for name in wanted:
        if name not in known:
            near = nearest(name, known) or ", ".join(sorted(known))
            raise fail(f"没有带数采仪的站点 {name}；是否 {near}？", f"No site with a logger {name}; {near}?", 2)
    return [site for id, site in known.items() if not wanted or id in wanted]


def starts_at(now: datetime, days: int, once: bool) -> datetime:
    """What is due after this time is sent: so many days back; one hour; or from the top of this hour, that included."""
    if days:
        return now - timedelta(days=days)
    if once:
        return now - HOUR
    return now.replace(minute=0, second=0, microsecond=0) - timedelta(milliseconds=1)


def pieces_of(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The time from start to end, in pieces of an hour at most."""
    while start < end:
        yield start, min(start + HOUR, end)
        start += HOUR


@dataclass
class Rounds:
    """What was sent so far."""

    until: datetime
    frames: int = 0
    answered: int = 0

    def record(self) -> dict[str, object]:
        """For programs."""
        return {"until": self.until.isoformat(), "frames": self.frames, "answered": self.answered}


async def _send(
    gateway: str, stations: Sequence[Station], start: datetime, speed: float, once: bool, quiet: bool
) -> Rounds:
    """Catches up with the clock, then goes on with it until told to stop."""
    stop, rounds = asyncio.Event(), Rounds(start)
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    host, _, port = gateway.rpartition(":")
    lines = [LoggerLine(host, int(port)) for _ in stations]
    if not quiet:
        show_table(
            f"模拟站点，发往 / simulated stations, to {gateway}",
            ("站点 site", "名称 title", "MN"),
            [(one.site.id, one.site.title.model_dump(), one.site.logger and one.site.logger.mn) for one in stations],
        )
    try:
        while not stop.is_set():
            await _catch_up(rounds, stations, lines, speed, stop, quiet)
            if once:
                break
            await _pause(stop, MINUTE - (datetime.now(UTC) - datetime.now(UTC).replace(second=0, microsecond=0)))
    finally:
        await asyncio.gather(*(line.close() for line in lines))
    return rounds


async def _catch_up(
    rounds: Rounds,
    stations: Sequence[Station],
    lines: Sequence[LoggerLine],
    speed: float,
    stop: asyncio.Event,
    quiet: bool,
) -> None:
    for start, end in pieces_of(rounds.until, datetime.now(UTC)):
        if stop.is_set():
            return
        batches = [station.frames(start, end) for station in stations]
        sending = (line.send_all(batch) for line, batch in zip(lines, batches, strict=True) if batch)
        answered = sum(await asyncio.gather(*sending))
        rounds.until, frames = end, sum(map(len, batches))
        rounds.frames, rounds.answered = rounds.frames + frames, rounds.answered + answered
        if frames and not quiet:
            told = f"{end.astimezone(ZONE):%m-%d %H:%M}  发送 sent {frames}，应答 answered {answered}"
            console.print(told, highlight=False)
        if speed and end - start == HOUR:
            await _pause(stop, HOUR / speed)


async def _pause(stop: asyncio.Event, lasts: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(lasts.total_seconds()):
            await stop.wait()
