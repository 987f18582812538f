"""`watchbill doctor` on a running installation, of which one thing after the other is really broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from signal import SIGCONT, SIGSTOP, SIGTERM
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pymongo import MongoClient

from infra.local.place import Place
from tests.watchbill.evidence import run
from watchbill.installation import Installation

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@dataclass
class Patient:
    """The installation, and what the doctor says of it."""

    town: Installation

    async def seen(self) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        """The exit code, and the findings by check."""
        told = await asyncio.to_thread(run, "doctor", "--json", WATCHBILL_DATA=str(self.town.place.root))
        found: dict[str, list[dict[str, Any]]] = {}
        for one in json.loads(told.output)["findings"]:
            found.setdefault(one["check"], []).append(one)
        return told.exit_code, found

    async def wrong(self, check: str) -> tuple[int, list[str], str]:
        """The exit code, the states of this check, and what it says in English, with the advice."""
        code, found = await self.seen()
        said = [f"{one['found']['en']} {(one['todo'] or {}).get('en', '')}" for one in found[check]]
        return code, [one["state"] for one in found[check]], "; ".join(said)

    def database(self, service: str) -> Any:
        return MongoClient[dict[str, Any]](self.town.platform.mongo)[f"watchbill_{service}"]

    async def set(self, topic: str, **config: str) -> None:
        """Changes a topic; what is not named goes back to the broker's own."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.town.platform.kafka)
        await admin.start()
        named = {name.replace("_", "."): value for name, value in config.items()}
        kept = {"max.message.bytes": "4100000", **named}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, kept)])
        await admin.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Patient]:
    async with Installation(Place.of(tmp_path_factory.mktemp("patient"))) as town:
        yield Patient(town)


async def test_healthy_installation_has_nothing_bad(patient: Patient) -> None:
    code, found = await patient.seen()
    states = {check: {one["state"] for one in findings} for check, findings in found.items()}
    assert code == 0, [one for findings in found.values() for one in findings if one["state"] == "bad"]
    checked = {
        "service", "code", "clocks", "hosts", "kafka", "topics", "mongo", "indexes", "lag", "outbox", "timers",
        "parked", "secrets", "disk", "versions", "libraries", "folder",
    }  # fmt: skip
    assert {check for check in checked if states[check] == {"ok"}} == checked, found
    assert set(found["hosts"][0]["data"]) == {"Kafka", "MongoDB"}


async def test_dropped_index_is_missed(patient: Patient) -> None:
    faults = patient.database("incidents").timers
    faults.drop_index("due_1__id_1")
    code, states, said = await patient.wrong("indexes")
    assert (code, states) == (1, ["bad"]) and "incidents.timers lacks the index due 1, _id 1" in said
    assert "start incidents again" in said
    faults.create_index([("due", 1), ("_id", 1)])


async def test_foreign_index_is_noticed(patient: Patient) -> None:
    messages = patient.database("notify").messages
    messages.create_index("text")
    code, states, said = await patient.wrong("indexes")
    assert (code, states) == (0, ["warn"]) and "notify.messages has a foreign index text 1" in said
    messages.drop_index("text_1")


async def test_badly_made_topics_are_told(patient: Patient) -> None:
    await patient.set("scores", max_message_bytes="1000", cleanup_policy="compact", retention_ms="1000")
    code, states, said = await patient.wrong("topics")
    assert (code, sorted(states)) == (1, ["bad", "bad", "warn"])
    assert all(words in said for words in ("4,000,000 bytes", "compacts events away", "less than seven days"))
    await patient.set("scores")
    assert (await patient.wrong("topics"))[1] == ["ok"]


async def test_parked_letter_is_counted(patient: Patient) -> None:
    async with AIOKafkaProducer(bootstrap_servers=patient.town.platform.kafka) as producer:
        await producer.send_and_wait("inspections", b"no event of anybody's", key=b"x")
    parked = patient.database("incidents").parked
    async with asyncio.timeout(30):
        while not parked.count_documents({}):
            await asyncio.sleep(0.1)
    code, states, said = await patient.wrong("parked")
    assert (code, states) == (1, ["bad"]) and "incidents 1" in said and "parked list" in said
    for service in ("incidents", "scoring", "notify"):
        patient.database(service).parked.delete_many({})


async def test_open_secret_is_told(patient: Patient) -> None:
    password = patient.town.secrets.shared / "sms-password"
    password.chmod(0o644)
    code, states, said = await patient.wrong("secrets")
    assert (code, states) == (1, ["bad"]) and "secrets/sms-password" in said and "chmod -R go-rwx" in said
    password.chmod(0o600)


async def test_service_that_stands_still_is_named(patient: Patient) -> None:
    patient.town.children.kill("scoring", SIGSTOP)
    try:
        code, states, said = await patient.wrong("service")
    finally:
        patient.town.children.kill("scoring", SIGCONT)
    assert (code, states) == (1, ["bad"]) and "scoring does not answer" in said


@pytest.mark.parametrize(("server", "says"), [("kafka", "does not answer"), ("mongo", "does not answer")])
async def test_server_that_stands_still_is_named(patient: Patient, server: str, says: str) -> None:
    patient.town.children.kill(server, SIGSTOP)
    try:
        code, states, said = await patient.wrong(server)
    finally:
        patient.town.children.kill(server, SIGCONT)
    assert (code, states) == (1, ["bad"]) and says in said


async def test_missing_topic_is_named(patient: Patient) -> None:
    """And comes back as the doctor advises. The last of these tests: what was said on it is gone."""
    admin = AIOKafkaAdminClient(bootstrap_servers=patient.town.platform.kafka)
    await admin.start()
    await admin.delete_topics(["notices"])
    await admin.close()
    code, found = await patient.seen()
    (kafka,) = found["kafka"]
    assert (code, kafka["state"], kafka["data"]["missing"]) == (1, "bad", ["notices"])
    assert (kafka["found"]["zh"], kafka["found"]["en"]) == ("Kafka 缺少主题：notices", "Kafka lacks the topics notices")
    assert "重启任一服务" in kafka["todo"]["zh"] and "start a service again" in kafka["todo"]["en"]
    patient.town.children.kill("scoring", SIGTERM)
    await patient.town.children.until_ready("scoring")
    assert (await patient.wrong("kafka"))[1] == ["ok"]
