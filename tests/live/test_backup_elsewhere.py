"""A backup is restored into a running platform that `up` did not start, and goes on there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from contracts.agreements.folder import read_agreement
from infra.runtime import bus
from infra.runtime.connections import kafka_options
from services.assets.app import room_for as assets_room
from services.assets.settings import AssetsSettings
from services.inspections.app import room_for as inspections_room
from services.inspections.settings import InspectionsSettings
from tests.live.rooms import move, opened, settings_in, settle, token
from tests.watchbill.evidence import run
from watchbill.backups.shelf import Shelf, Unfit
from watchbill.backups.whole import restore
from watchbill.installation import ROOT

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
AGREEMENT = read_agreement(ROOT / "contracts" / "agreements" / "wuhan-air")
NOW = datetime(2026, 4, 8, tzinfo=UTC)


async def test_backup_goes_on_in_another_platform(platform: Any, tmp_path: Path) -> None:
    """What one had said and the other had not heard at the moment of the backup is heard after it, once."""
    (tmp_path / "secrets").mkdir(mode=0o700)
    old = settings_in(tmp_path / "secrets", platform, kafka_partitions=2)
    new = old.model_copy(update={"database_prefix": f"{old.database_prefix}new"})
    said = AssetsSettings(**old.model_dump(), gateway_port=0)
    async with opened(assets_room(said)) as assets:
        body = AGREEMENT.model_dump(mode="json")
        headers = token(old, "administrator", "owner")
        assert (await assets.post("/v1/agreements", json=body, headers=headers)).status_code == 201
        await settle([assets])
    where = ("--kafka", platform.kafka, "--mongo", platform.mongo)
    kept = tmp_path / "kept"
    told = await asyncio.to_thread(
        run, "backup", kept, *where, WATCHBILL_DATA=str(tmp_path), WATCHBILL_DATABASE_PREFIX=old.database_prefix
    )
    assert told.exit_code == 0, told.output
    into = {"WATCHBILL_DATA": str(tmp_path / "new"), "WATCHBILL_DATABASE_PREFIX": new.database_prefix}
    restored = await asyncio.to_thread(run, "restore", kept, *where, **into)
    assert restored.exit_code == 0, restored.output
    assert (tmp_path / "new" / "secrets" / "keys.json").exists()
    again = await asyncio.to_thread(run, "restore", kept, *where, **into)
    assert again.exit_code == 1  # it is not empty any more
    async with (
        opened(assets_room(AssetsSettings(**new.model_dump(), gateway_port=0))) as assets,
        opened(inspections_room(InspectionsSettings(**new.model_dump()))) as inspections,
    ):
        await move([assets, inspections], NOW)
        await settle([assets, inspections])
        headers = token(new, "administrator", "owner")
        agreements = (await assets.get("/v1/agreements", headers=headers)).json()
        assert [(one["agreement"], one["version"]) for one in agreements] == [("wuhan-air", 1)]
        assert (await inspections.get("/v1/plans", headers=headers)).json()
    ends = await bus.ends(new)
    assert sum(end + 1 for where, end in ends.items() if where.startswith(f"{new.streams}agreements/")) == 1


async def test_unfit_streams_are_not_restored_into(platform: Any, tmp_path: Path) -> None:
    """Keys would lie on other partitions, or old records would be heard by what does not know them."""
    settings = settings_in(tmp_path, platform, kafka_partitions=2)
    kept = Shelf.new(tmp_path / "kept")
    kept.write_manifest(partitions=3)
    await bus.ensure_topics(settings)
    with pytest.raises(Unfit, match="has 2 partitions, the backup is of 3"):
        await restore(settings, tmp_path / "new", kept.folder)
    kept.write_manifest(partitions=2)
    async with AIOKafkaProducer(**kafka_options(settings)) as producer:
        await producer.send_and_wait(f"{settings.streams}notices", b"{}")
    with pytest.raises(Unfit, match="hold records"):
        await restore(settings, tmp_path / "new", kept.folder)
    assert not (tmp_path / "new").exists()


def test_half_an_address_is_wrong_use(tmp_path: Path) -> None:
    told = run("backup", tmp_path / "kept", "--kafka", "127.0.0.1:1", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 2 and "--mongo" in told.output + told.stderr
