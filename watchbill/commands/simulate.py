"""`watchbill simulate`: simulated loggers send to the gateway of the running installation, by the system's clock."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
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
HOUR = timedelta(hours=1)
Now = Callable[[], datetime]
Once = Annotated[
    bool, typer.Option("--once", help="补发最近一小时（或 --days）后退出 / back-fill the last hour, and end")
]
Days = Annotated[int, typer.Option(help="先补发前几天 / begin with so many days before now", min=0, max=366)]
Speed = Annotated[
    float,
    typer.Option(help="每秒补发几秒的数据；0 为尽快 / seconds of the past sent per second; 0: at once", min=0),
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
    start = starts_at(_now(), days, once)
    drive = Drive(addresses.gateway, stations, start, _now, speed, quiet=as_json)
    if not as_json:
        _show_stations(addresses.gateway, stations)
    try:
        asyncio.run(drive.run(once))
    except Trouble as trouble:
        raise fail(trouble.zh, trouble.en, AWAY) from trouble
    if as_json:
        show_json({"sites": [one.id for one in wanted], "starts": start.isoformat(), **drive.record()})


def _now() -> datetime:
    return datetime.now(UTC)


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


class Drive:
    """Drives loggers from a time in the past on, and then with the clock."""

    def __init__(
        self,
        gateway: str,
        stations: Sequence[Station],
        start: datetime,
        now: Now,
        speed: float = 0.0,
        quiet: bool = True,
    ) -> None:
        host, _, port = gateway.rpartition(":")
        self._lines = [(station, LoggerLine(host, int(port))) for station in stations]
        self._now, self._speed, self._quiet = now, speed, quiet
        self.until, self.frames, self.answered = start, 0, 0

    def record(self) -> dict[str, object]:
        """What was sent, for programs."""
        return {"until": self.until.isoformat(), "frames": self.frames, "answered": self.answered}

    async def run(self, once: bool) -> None:
        """Until it is told to stop; or, `once`, until it has caught up with the clock. Trouble: the gateway is away."""
        work = asyncio.ensure_future(self._work(once))
        for sign in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(sign, work.cancel)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await work
        finally:
            await asyncio.gather(*(line.close() for _, line in self._lines))

    async def _work(self, once: bool) -> None:
        await self._catch_up()
        while not once:
            await asyncio.sleep(60 - self._now().second)
            await self._catch_up()

    async def _catch_up(self) -> None:
        for start, end in pieces_of(self.until, self._now()):
            await self._send(start, end)
            if self._speed and end - start == HOUR:
                await asyncio.sleep(HOUR.total_seconds() / self._speed)

    async def _send(self, start: datetime, end: datetime) -> None:
        batches = [(line, station.frames(start, end)) for station, line in self._lines]
        answered = sum(await asyncio.gather(*(line.send_all(batch) for line, batch in batches if batch)))
        frames = sum(len(batch) for _, batch in batches)
        self.until, self.frames, self.answered = end, self.frames + frames, self.answered + answered
        if frames and not self._quiet:
            told = f"{end.astimezone(ZONE):%m-%d %H:%M}  发送 sent {frames}，应答 answered {answered}"
            console.print(told, highlight=False)


def _show_stations(gateway: str, stations: Sequence[Station]) -> None:
    rows = [(one.site.id, one.site.title.model_dump(), one.site.logger and one.site.logger.mn) for one in stations]
    show_table(f"模拟站点，发往 / simulated stations, to {gateway}", ("站点 site", "名称 title", "MN"), rows)
