"""A whole backup, and a whole restore, in the order that makes them one moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from infra.runtime import bus
from infra.runtime.settings import RuntimeSettings
from watchbill.backups import databases, streams
from watchbill.backups.shelf import Shelf


async def back_up(settings: RuntimeSettings, root: Path, folder: Path) -> dict[str, Any]:
    """Writes a backup of the running installation into a new folder; returns its manifest. `Unfit` where it exists.

    The ends of the streams are read before the databases: nothing in it was said by a state that is not in it.
    """
    shelf = Shelf.new(folder)
    stretch = await streams.unheard(settings)
    kept = await asyncio.to_thread(databases.keep, settings, shelf)
    records = await streams.keep(settings, stretch, shelf)
    shelf.keep_secrets(root)
    partitions = max(Counter(where.topic for where in stretch).values(), default=settings.kafka_partitions)
    said = {"made_at": datetime.now(UTC).isoformat(), "version": version("watchbill"), "partitions": partitions}
    shelf.write_manifest(**said, prefix=settings.database_prefix, documents=kept, records=records)
    return shelf.manifest()


async def restore(settings: RuntimeSettings, root: Path, folder: Path) -> dict[str, Any]:
    """Writes a backup into an empty installation whose services do not run; returns its manifest. Topics that are not
    there yet are made. `Unfit`: it is not empty, its topics are in other parts, or the folder holds no backup."""
    shelf = Shelf(folder)
    manifest = shelf.manifest()
    await asyncio.to_thread(databases.check_empty, settings)
    await streams.check_fit(settings, manifest["partitions"])
    await bus.ensure_topics(settings.model_copy(update={"kafka_partitions": manifest["partitions"]}))
    await streams.give(settings, shelf)
    await asyncio.to_thread(databases.give, settings, shelf)
    shelf.give_secrets(root)
    return manifest
