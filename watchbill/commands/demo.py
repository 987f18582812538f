"""`watchbill demo`: the month of the agreement `wuhan-air`, lived through on this machine."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.agreements.folder import read_agreement
from infra.local.place import Place
from infra.local.trouble import Trouble
from watchbill.addresses import fail
from watchbill.commands.up import show_addresses, until_told
from watchbill.demo.cast import CHAPTERS, ZONE, april
from watchbill.demo.play import AGREEMENT, Play, as_played
from watchbill.demo.report import Asking, outcome_of, show
from watchbill.installation import ROOT, Installation
from watchbill.shown import console, show_table

Once = Annotated[bool, typer.Option("--once", help="演完即退出 / end when the month is over")]
Seed = Annotated[int, typer.Option(help="随机种子 / seed")]
Days = Annotated[int, typer.Option(help="只演前几天 / play the first days only", min=1, max=30)]
Minutes = Annotated[int, typer.Option(help="分钟数据间隔 / length of a minute period", min=5, max=30)]
Out = Annotated[Path | None, typer.Option(help="结果写成 JSON / write the outcome as JSON")]
CONTACTS = ROOT / "infra" / "local" / "demo_contacts.yaml"


@dataclass(frozen=True)
class Casting:
    """Which play is given: its seed, how many of its days, and how long a "minute" period of its loggers is."""

    seed: int
    days: int
    minutes: int

    def play(self, town: Installation) -> Play:
        """The play in this town."""
        script = april(self.seed)
        if self.days < 30:
            script = replace(script, ends=script.starts + timedelta(days=self.days))
        return Play(town, script, self.seed, as_played(read_agreement(AGREEMENT), self.minutes))


def demo(once: Once = False, seed: Seed = 7, days: Days = 30, minutes: Minutes = 10, out: Out = None) -> None:
    """演示：七个站点的一个月，从报文到付款 / seven stations live through a month, from the frame to the payment."""
    place = Place.of(Place.of().root / "demo")
    shutil.rmtree(place.root, ignore_errors=True)
    try:
        asyncio.run(_demo(place, once, Casting(seed, days, minutes), out))
    except Trouble as trouble:
        raise fail(trouble.zh, f"{trouble.en}\n{trouble.tail}") from trouble


async def _demo(place: Place, once: bool, casting: Casting, out: Path | None) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    console.print("正在启动消息总线、数据库和所有服务 / starting broker, database and all services …")
    async with Installation(place, movable=True, contacts=CONTACTS) as town:
        play = casting.play(town)
        await _watch(play, stop)
        if stop.is_set():
            return
        await play.close()
        await asyncio.to_thread(_report, town, play, out, casting.days == 30)
        if not once:
            show_addresses(town)
            await until_told(stop)


async def _watch(play: Play, stop: asyncio.Event) -> None:
    """Plays with a progress display; a signal ends it."""
    started, total = time.monotonic(), (play.end - play.script.starts).total_seconds()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as display:
        task = display.add_task("2026-04-01", total=total)
        told: set[object] = set()

        def progress(now: datetime) -> None:
            display.update(
                task,
                completed=(now - play.script.starts).total_seconds(),
                description=f"{now.astimezone(ZONE):%m-%d %H:%M}",
            )
            for chapter in CHAPTERS:
                if chapter.starts <= now and chapter not in told:
                    told.add(chapter)
                    display.console.print(
                        f"{chapter.starts.astimezone(ZONE):%m-%d %H:%M}  {chapter.words}", highlight=False
                    )

        run = asyncio.ensure_future(play.run(progress))
        waiting = asyncio.ensure_future(stop.wait())
        await asyncio.wait((run, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not run.done():
            run.cancel()
            return
        run.result()
    figures = f"{play.steps} 步 steps，{play.frames} 帧 frames，内存 memory {_memory() / 2**20:.0f} MiB"
    console.print(f"用时 wall time {time.monotonic() - started:.1f} s，{figures}")


def _memory() -> int:
    """Memory of this process and all its children, each page that they share counted once where the kernel tells."""
    me = psutil.Process()
    total = 0
    for process in [me, *me.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def _report(town: Installation, play: Play, out: Path | None, whole: bool) -> None:
    asking = Asking(town)
    outcome = outcome_of(asking)
    names = {site.id: site.title.zh for site in play.lot.sites}
    if whole:
        show(outcome, asking, names)
    else:
        show_table(
            "故障 / faults",
            ("开始 opened", "对象 asset", "种类 kind"),
            [(f["opened_at"], f["asset"], f["kind"]) for f in outcome.faults],
        )
    if out:
        out.write_text(json.dumps(outcome.digest(), ensure_ascii=False, indent=1))
