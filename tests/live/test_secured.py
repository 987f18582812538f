"""Services on a broker and a database that know who asks: TLS, passwords, and rights of their own only."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import trustme
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from contracts.agreements.folder import read_agreement
from infra.deploy import rights
from infra.local.child import Child
from infra.local.children import Supervisor, http_answers
from infra.local.ports import LOOPBACK
from infra.runtime.connections import kafka_options, mongo_client
from infra.runtime.room import Room
from infra.runtime.settings import RuntimeSettings
from services.assets.app import room_for as assets_room
from services.assets.settings import AssetsSettings
from services.console.app import room_for as console_room
from services.console.settings import ConsoleSettings
from services.incidents.app import room_for as incidents_room
from services.incidents.settings import IncidentsSettings
from services.inspections.app import room_for as inspections_room
from services.inspections.settings import InspectionsSettings
from services.notify.app import room_for as notify_room
from services.notify.settings import NotifySettings
from services.scoring.app import room_for as scoring_room
from tests.journeys.leaks import leaks
from tests.live.rooms import free_port, opened, settings_in, settle, token
from tests.live.secured import PRINCIPALS, Secured, own, reach_kafka, reach_mongo, secured
from tests.watchbill.evidence import run
from watchbill.backups.whole import back_up
from watchbill.installation import ROOT
from watchbill.secrets import Secrets

pytestmark = [pytest.mark.live, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    async with secured(tmp_path_factory.mktemp("secured")) as made:
        yield made


async def test_rights_on_file_are_current() -> None:
    assert rights.KAFKA.read_text() == rights.kafka_commands()
    assert rights.MONGO.read_text() == rights.mongo_commands()


def rooms_of(town: Secured, secrets: Path) -> dict[str, Room]:
    """The room of every service, each under its own name."""

    def options(name: str, **more: Any) -> dict[str, Any]:
        return town.options(name, secrets=secrets, **more)

    return {
        "assets": assets_room(AssetsSettings(**options("assets", gateway_port=0))),
        "inspections": inspections_room(InspectionsSettings(**options("inspections"))),
        "incidents": incidents_room(IncidentsSettings(**options("incidents"))),
        "scoring": scoring_room(RuntimeSettings(**options("scoring"))),
        "notify": notify_room(NotifySettings(**options("notify"))),
        "console": console_room(ConsoleSettings(**options("console"))),
    }


async def test_services_speak_under_their_names(town: Secured, tmp_path: Path) -> None:
    """What assets says is heard by all others, each with its own rights at broker and database."""
    secrets = Secrets(tmp_path)
    secrets.make()
    rooms = rooms_of(town, secrets.shared)
    says, *hear = rooms.values()
    agreement = read_agreement(ROOT / "contracts" / "agreements" / "wuhan-air")
    headers = {"authorization": f"Bearer {secrets.token('installer', 'administrator', 'owner')}"}
    async with opened(says) as client, AsyncExitStack() as stack:
        for room in hear:
            await stack.enter_async_context(opened(room))
        body = agreement.model_dump(mode="json")
        assert (await client.post("/v1/agreements", json=body, headers=headers)).status_code == 201
        async with asyncio.timeout(60):
            for room in hear:
                while not await room.ledger.db.agreements.count_documents({}):
                    await asyncio.sleep(0.05)
        assert {name: room.health.report() for name, room in rooms.items()} == {name: {} for name in rooms}
    kept = await back_up(town.settings(rights.BACKUP), tmp_path, tmp_path / "kept")
    assert set(kept["documents"]) == set(rooms) and all(kept["documents"].values())


async def test_backup_is_restored_behind_passwords(town: Secured, platform: Any, tmp_path: Path) -> None:
    """From the embedded pair: the owner makes topics and rights, `restore` writes, services go on under their names."""
    (tmp_path / "secrets").mkdir()
    old = settings_in(tmp_path / "secrets", platform)
    administrator = token(old, "administrator", "owner")
    async with opened(assets_room(AssetsSettings(**old.model_dump(), gateway_port=0))) as assets:
        body = read_agreement(ROOT / "contracts" / "agreements" / "wuhan-air").model_dump(mode="json")
        assert (await assets.post("/v1/agreements", json=body, headers=administrator)).status_code == 201
        await settle([assets])
    here = {"WATCHBILL_DATA": str(tmp_path), "WATCHBILL_DATABASE_PREFIX": old.database_prefix}
    kept, prefix = tmp_path / "kept", f"{old.database_prefix}new"
    await typed(0, "backup", kept, "--kafka", platform.kafka, "--mongo", platform.mongo, **here)
    await own(town, prefix)
    there = {"WATCHBILL_DATA": str(tmp_path / "new"), "WATCHBILL_DATABASE_PREFIX": prefix}
    for principal, code in (("assets", 1), (rights.BACKUP, 1), (rights.RESTORE, 0)):
        who = town.variables(principal)
        await typed(code, "restore", kept, "--kafka", town.nodes[0], "--mongo", town.mongo, **there, **who)
    known = {"database_prefix": prefix, "secrets": tmp_path / "new" / "secrets", "clock": "movable"}
    async with (
        opened(assets_room(AssetsSettings(**town.options("assets", **known, gateway_port=0)))) as assets,
        opened(inspections_room(InspectionsSettings(**town.options("inspections", **known)))) as inspections,
    ):
        await settle([assets, inspections])
        agreements = (await assets.get("/v1/agreements", headers=administrator)).json()
        assert [(one["agreement"], one["version"]) for one in agreements] == [("wuhan-air", 1)]
        assert (await inspections.get("/v1/plans", headers=administrator)).json()


async def typed(code: int, *command: str | Path, **environment: str) -> None:
    """What an operator types ends with this code, and never in a traceback."""
    told = await asyncio.to_thread(run, *command, **environment)
    assert told.exit_code == code and (told.exception is None or isinstance(told.exception, SystemExit)), told.output


async def test_principal_writes_only_what_it_says(town: Secured) -> None:
    async with AIOKafkaProducer(**kafka_options(town.settings("incidents"))) as producer:
        assert (await producer.send_and_wait("incidents", b"{}")).topic == "incidents"
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait("readings", b"{}")


async def test_principal_reads_only_what_it_hears(town: Secured) -> None:
    options: dict[str, Any] = {"group_id": "watchbill.assets.try", "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer("notices", **kafka_options(town.settings("assets")), **options) as consumer:
        with pytest.raises(TopicAuthorizationFailedError):
            async with asyncio.timeout(20):
                await consumer.getone()
    foreign = AIOKafkaConsumer("readings", **kafka_options(town.settings("assets")), group_id="watchbill.scoring.try")
    with pytest.raises(GroupAuthorizationFailedError):
        await foreign.start()
    await foreign.stop()


async def test_user_knows_only_its_database(town: Secured) -> None:
    client = mongo_client(town.settings("assets"), "try")
    await client["watchbill_assets"].things.insert_one({"_id": 1})
    with pytest.raises(OperationFailure, match="not authorized"):
        await client["watchbill_incidents"].faults.find_one({})
    client.close()


async def test_wrong_password_opens_nothing(town: Secured, tmp_path: Path) -> None:
    """The service waits and says why; the password it tried stands nowhere in that."""
    secrets, wrong = Secrets(tmp_path), tmp_path / "wrong"
    secrets.make()
    wrong.write_text("not-the-password\n")
    bad = {"secrets": secrets.shared, "kafka_password_file": wrong, "mongo_password_file": wrong}
    settings = town.settings("assets", **bad)
    with pytest.raises(KafkaError):
        await reach_kafka(settings)
    with pytest.raises(OperationFailure, match="Authentication failed"):
        await reach_mongo(settings)
    room = assets_room(AssetsSettings(**town.options("assets", **bad, gateway_port=0)))
    async with room.api.router.lifespan_context(room.api), asyncio.timeout(30):
        while "Authentication failed" not in (told := str(room.health.report())):
            await asyncio.sleep(0.05)
    assert "not-the-password" not in told


@asynccontextmanager
async def process(town: Secured, folder: Path, password: Path) -> AsyncIterator[Child]:
    """Inspections as a process of its own, which says all that it can say."""
    secrets, port = Secrets(folder), free_port()
    secrets.make()
    own = {"secrets": secrets.shared, "http_port": port, "log_level": "DEBUG"}
    given = own | {"kafka_password_file": password, "mongo_password_file": password}
    environment = town.variables("inspections") | {f"WATCHBILL_{name.upper()}": str(one) for name, one in given.items()}
    command = (sys.executable, "-m", "services.inspections")
    ready, log = http_answers(f"http://{LOOPBACK}:{port}/health/live"), folder / "inspections.log"
    children = Supervisor()
    try:
        made = Child(name="inspections", command=command, env=environment, cwd=ROOT, log=log, ready=ready)
        await children.add(made)
        yield made
    finally:
        await children.stop()


@pytest.mark.parametrize(("typed", "says"), [("", "service open"), ("mistyped-password", "Authentication failed")])
async def test_password_stands_in_no_log(town: Secured, tmp_path: Path, typed: str, says: str) -> None:
    """Neither the right one nor one that was mistyped: not in the service's log or health, nor in the servers' logs."""
    file = tmp_path / "typed" if typed else town.password("inspections")
    if typed:
        file.write_text(typed)
    async with process(town, tmp_path, file) as started, httpx.AsyncClient(trust_env=False) as client:
        address = f"http://{LOOPBACK}:{started.env['WATCHBILL_HTTP_PORT']}/health/ready"
        told = b""
        async with asyncio.timeout(60):
            while says.encode() not in told + started.log.read_bytes():
                told = (await client.get(address)).content
                await asyncio.sleep(0.1)
    logs = [(path.name, path.read_bytes()) for path in (started.log, *town.folder.glob("*.log"))]
    passwords = {name: town.password(name).read_text().strip() for name in PRINCIPALS}
    passwords |= {"typed": file.read_text().strip()}
    assert {name for name, text in logs if text} >= {"inspections.log", "mongo.log", "kafka-1.log"}
    assert leaks(passwords, [("health", told), *logs]) == []


async def test_plain_text_is_refused(town: Secured) -> None:
    settings = town.settings("assets", kafka_ca=None, mongo_ca=None)
    with pytest.raises(KafkaError):
        await reach_kafka(settings)
    with pytest.raises(ServerSelectionTimeoutError):
        await reach_mongo(settings)


async def test_foreign_authority_is_not_trusted(town: Secured, tmp_path: Path) -> None:
    foreign = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(foreign))
    settings = town.settings("assets", kafka_ca=foreign, mongo_ca=foreign)
    with pytest.raises(KafkaError):
        await reach_kafka(settings)
    with pytest.raises(ServerSelectionTimeoutError, match="certificate verify failed"):
        await reach_mongo(settings)
