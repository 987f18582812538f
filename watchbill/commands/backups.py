"""`watchbill backup` and `watchbill restore`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.local.embedded import Embedded
from infra.local.place import Place
from infra.local.trouble import Trouble
from infra.runtime.settings import RuntimeSettings
from watchbill.addresses import Addresses, fail
from watchbill.backups.shelf import Unfit
from watchbill.backups.whole import back_up, restore
from watchbill.exits import exits
from watchbill.shown import AsJson, show_json, show_table

EXITS = exits("已完成 done", "不能完成，原因已说明 it cannot be done, and why")
New = Annotated[Path, typer.Argument(help="新文件夹 / a new folder", file_okay=False)]
Kept = Annotated[Path, typer.Argument(help="备份文件夹 / a backup's folder", exists=True, file_okay=False)]


def backup_command(folder: New, as_json: AsJson = False) -> None:
    """备份运行中的系统 / back up the running installation, at one moment, with its secrets."""
    addresses = Addresses.read()
    settings = RuntimeSettings(kafka_servers=addresses.kafka, mongo_url=addresses.mongo)
    try:
        _show(asyncio.run(back_up(settings, addresses.place.root, folder)), as_json, "已备份 / backed up")
    except Unfit as unfit:
        raise fail(unfit.words.zh, unfit.words.en) from unfit


def restore_command(folder: Kept, as_json: AsJson = False) -> None:
    """恢复到空的数据文件夹，再 watchbill up / restore into an empty data folder."""
    try:
        _show(
            asyncio.run(_restore(Place.of(), folder)), as_json, "已恢复，请执行 watchbill up / restored: `watchbill up`"
        )
    except Unfit as unfit:
        raise fail(unfit.words.zh, unfit.words.en) from unfit
    except Trouble as trouble:
        raise fail(trouble.zh, f"{trouble.en}\n{trouble.tail}") from trouble


async def _restore(place: Place, folder: Path) -> dict[str, Any]:
    async with Embedded(place) as platform:
        settings = RuntimeSettings(kafka_servers=platform.kafka, mongo_url=platform.mongo)
        return await restore(settings, place.root, folder)


def _show(manifest: dict[str, Any], as_json: bool, title: str) -> None:
    if as_json:
        return show_json(manifest)
    rows = [*manifest["documents"].items(), ("Kafka", manifest["records"])]
    return show_table(f"{title} ({manifest['made_at'][:19]})", ("来源 source", "条数 number"), rows)
