"""The databases of an installation, all read at one moment."""

from __future__ import annotations

from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from infra.processes import PROCESSES
from infra.runtime.connections import mongo_options
from infra.runtime.settings import RuntimeSettings
from watchbill.backups.shelf import Shelf, Unfit

KIND = "databases"
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_BATCH = 1000


def keep(settings: RuntimeSettings, shelf: Shelf) -> dict[str, int]:
    """Writes every collection of every service to the shelf; returns how many documents each database had."""
    with _client(settings) as client, client.start_session(snapshot=True) as moment:
        kept = {}
        for process in PROCESSES:
            database = client[f"{settings.database_prefix}_{process.name}"]
            kept[process.name] = sum(
                shelf.write(
                    KIND, process.name, name,
                    database.get_collection(name, codec_options=_RAW).find({}, session=moment),
                )
                for name in sorted(database.list_collection_names())
            )  # fmt: skip
        return kept


def _client(settings: RuntimeSettings) -> MongoClient[dict[str, Any]]:
    return MongoClient(settings.mongo_url, w="majority", **mongo_options(settings))


def check_empty(settings: RuntimeSettings) -> None:
    """`Unfit` where any service has kept anything."""
    with _client(settings) as client:
        for process in PROCESSES:
            database = client[f"{settings.database_prefix}_{process.name}"]
            for name in database.list_collection_names():
                if database[name].find_one({}, {"_id": 1}) is not None:
                    raise Unfit(
                        f"数据库 {database.name} 已有数据，只能恢复到空的系统",
                        f"{database.name} holds data: only an empty installation can be restored into",
                    )


def give(settings: RuntimeSettings, shelf: Shelf) -> int:
    """Writes everything back; returns how many documents."""
    count = 0
    with _client(settings) as client:
        for service, name in shelf.names(KIND):
            collection = client[f"{settings.database_prefix}_{service}"].get_collection(name, codec_options=_RAW)
            batch: list[RawBSONDocument] = []
            for document in shelf.read(KIND, service, name):
                batch.append(document)
                if len(batch) == _BATCH:
                    count += len(collection.insert_many(batch).inserted_ids)
                    batch = []
            if batch:
                count += len(collection.insert_many(batch).inserted_ids)
    return count
