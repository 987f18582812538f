"""`watchbill up`: broker, database, sinks and all services on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from infra.local.place import Place
from infra.local.trouble import Trouble
from infra.processes import PROCESSES
from watchbill.addresses import fail
from watchbill.installation import Installation
from watchbill.secrets import ADMINISTRATOR, ADMINISTRATOR_PASSWORD
from watchbill.shown import console, show_table

Single = Annotated[bool, typer.Option("--single", help="所有服务在一个进程内 / all services in one process")]
Contacts = Annotated[Path | None, typer.Option(help="联系人文件 / contacts file (YAML)", exists=True)]
Sinks = Annotated[bool, typer.Option(help="短信和邮件进入本地收件箱 / SMS and mail go to local sinks")]


def up(single: Single = False, contacts: Contacts = None, sinks: Sinks = True) -> None:
    """启动全部：消息总线、数据库、所有服务 / start everything; Ctrl-C ends it."""
    try:
        asyncio.run(_up(Installation(Place.of(), sinks=sinks, contacts=contacts, single=single)))
    except Trouble as trouble:
        raise fail(trouble.zh, f"{trouble.en}\n{trouble.tail}") from trouble


async def _up(town: Installation) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    console.print("正在启动 / starting …")
    async with town:
        show_addresses(town)
        await until_told(stop)


async def until_told(stop: asyncio.Event) -> None:
    """Waits for the end, and says that it has come: the children take a few seconds."""
    console.print("按 Ctrl-C 结束 / Ctrl-C ends it")
    await stop.wait()
    console.print("正在停止 / stopping …")


def show_addresses(town: Installation) -> None:
    """Where everything is."""
    rows = [
        (process.name, f"{town.http[process.name]}/docs", f"{town.http[process.name]}/asyncapi")
        for process in PROCESSES
    ]
    file = town.secrets.owner / ADMINISTRATOR_PASSWORD
    console.print(
        f"控制台 / console: {town.http['console']}/  {ADMINISTRATOR}，密码见 / password in {file}",
        highlight=False,
        soft_wrap=True,
    )
    show_table("服务 / services", ("服务 service", "接口 API", "事件 events"), rows)
    other = [
        ("数采仪网关 gateway (HJ 212)", f"127.0.0.1:{town.gateway_port}"),
        ("Kafka", town.platform.kafka),
        ("MongoDB", town.platform.mongo),
    ]
    if town.sinks:
        other.append(("短信与邮件收件箱 SMS and mail sinks", f"http://127.0.0.1:{town.ports['sink-web']}/"))
    show_table("其他 / others", ("名称 name", "地址 address"), [*other, ("数据 data", os.fspath(town.place.root))])
