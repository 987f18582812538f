"""`watchbill backup` and `watchbill restore`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from infra.local.embedded import Embedded
from infra.local.place import Place
from infra.local.trouble import Trouble
from infra.runtime.settings import RuntimeSettings
from watchbill.addresses import Addresses, fail
from watchbill.backups.shelf import Unfit
from watchbill.backups.whole import back_up, restore
from watchbill.exits import exits
from watchbill.shown import AsJson, show_json, show_table

USAGE = 2
EXITS = exits("已完成 done", "不能完成，原因已说明 it cannot be done, and why")
New = Annotated[Path, typer.Argument(help="新文件夹 / a new folder", file_okay=False)]
Kept = Annotated[Path, typer.Argument(help="备份文件夹 / a backup's folder", exists=True, file_okay=False)]


Kafka = Annotated[
    str, typer.Option(help="非 up 启动的 Kafka 地址:端口 / host:port of a broker that `up` did not start")
]
Mongo = Annotated[str, typer.Option(help="非 up 启动的 MongoDB 地址 / URL of a database that `up` did not start")]


def backup_command(folder: New, kafka: Kafka = "", mongo: Mongo = "", as_json: AsJson = False) -> None:
    """备份运行中的系统 / back up the running installation, at one moment, with its secrets."""
    root, settings = _elsewhere(kafka, mongo) or _here()
    _do(back_up(settings, root, folder), as_json, "已备份 / backed up")


def restore_command(folder: Kept, kafka: Kafka = "", mongo: Mongo = "", as_json: AsJson = False) -> None:
    """恢复到空的系统，再启动服务 / restore into an empty installation, then start the services."""
    elsewhere = _elsewhere(kafka, mongo)
    work = restore(elsewhere[1], elsewhere[0], folder) if elsewhere else _restore(Place.of(), folder)
    _do(work, as_json, "已恢复，请启动服务（watchbill up）/ restored: start the services")


def _do(work: Coroutine[Any, Any, dict[str, Any]], as_json: bool, title: str) -> None:
    try:
        _show(asyncio.run(work), as_json, title)
    except Unfit as unfit:
        raise fail(unfit.words.zh, unfit.words.en) from unfit
    except Trouble as trouble:
        raise fail(trouble.zh, f"{trouble.en}\n{trouble.tail}") from trouble
    except (KafkaError, PyMongoError, ConnectionError) as error:
        reason = str(error).partition(", full error")[0]
        raise fail(
            f"Kafka 或 MongoDB 无应答或拒绝：{reason}", f"Kafka or MongoDB does not answer, or refuses: {reason}"
        ) from error


def _elsewhere(kafka: str, mongo: str) -> tuple[Path, RuntimeSettings] | None:
    """A platform that `up` did not start; where it is secured, the variables of a service say how to reach it."""
    if bool(kafka) != bool(mongo):
        raise fail("--kafka 与 --mongo 须同时给出", "--kafka and --mongo are given together", USAGE)
    return (Place.of().root, RuntimeSettings(kafka_servers=kafka, mongo_url=mongo)) if kafka else None


def _here() -> tuple[Path, RuntimeSettings]:
    addresses = Addresses.read()
    return addresses.place.root, RuntimeSettings(kafka_servers=addresses.kafka, mongo_url=addresses.mongo)


async def _restore(place: Place, folder: Path) -> dict[str, Any]:
    async with Embedded(place) as platform:
        settings = RuntimeSettings(kafka_servers=platform.kafka, mongo_url=platform.mongo)
        return await restore(settings, place.root, folder)


def _show(manifest: dict[str, Any], as_json: bool, title: str) -> None:
    if as_json:
        return show_json(manifest)
    rows = [*manifest["documents"].items(), ("Kafka", manifest["records"])]
    return show_table(f"{title} ({manifest['made_at'][:19]})", ("来源 source", "条数 number"), rows)
