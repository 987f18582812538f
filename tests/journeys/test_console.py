"""The console of a running installation, as its administrator uses it: how services stand, and what is parked."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import Result
from pymongo import AsyncMongoClient

from contracts.agreements.agreement import Agreement
from contracts.events.inspections import InspectionMissedV1
from infra.runtime.letters import seal
from tests.journeys.conftest import Town
from tests.watchbill.evidence import run
from watchbill.installation import ROOT

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
MORNING = datetime(2026, 4, 8, 7, 0, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
ODD = "one?/#2"
"""An id as a stranger might give it: it is one in a command and in an address too."""
KEPT = {"scoring": "evidence", "notify": "messages"}
"""Where these services keep what they make of a missed inspection."""


async def administrator(town: Town) -> httpx.AsyncClient:
    """The first administrator's browser, signed in with the password that the installation has left for its owner."""
    password = (town.installation.secrets.owner / "console-password").read_text().strip()
    browser = httpx.AsyncClient(
        base_url=town.installation.http["console"], headers={"accept": "text/html"}, timeout=30, trust_env=False
    )
    form = {"name": "admin", "password": password, "csrf": csrf_of(await browser.get("/login"))}
    assert (await browser.post("/login", data=form)).status_code == 303
    return browser


def csrf_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


async def say(town: Town, topic: str, body: bytes, **headers: bytes) -> None:
    """Anything at all, as somebody else would."""
    async with AIOKafkaProducer(bootstrap_servers=town.installation.platform.kafka) as producer:
        await producer.send_and_wait(topic, body, key=b"F", headers=list(headers.items()))


async def say_missed(town: Town) -> None:
    """An inspection was missed: notify tells people of it, scoring keeps it."""
    example = (ROOT / "contracts/events/examples/InspectionMissedV1.json").read_text()
    missed = InspectionMissedV1.model_validate_json(example)
    letter = seal(missed, id=ODD, said_at=MORNING, correlation=ODD, causation=ODD, trace={})
    await say(town, letter.topic, letter.value, **dict(letter.headers))


async def databases_refuse(town: Town, rule: dict[str, Any]) -> None:
    """From now on these services may write only what fits the rule."""
    async with AsyncMongoClient[dict[str, Any]](town.installation.platform.mongo) as client:
        for service, collection in KEPT.items():
            await client[f"watchbill_{service}"].command("collMod", collection, validator=rule)


async def kept(town: Town) -> dict[str, int]:
    """How many rows each service has made of the letter."""
    async with AsyncMongoClient[dict[str, Any]](town.installation.platform.mongo) as client:
        evidence = await client["watchbill_scoring"]["evidence"].count_documents({"_id": ODD})
        messages = await client["watchbill_notify"]["messages"].count_documents({"cause": ODD})
    return {"scoring": evidence, "notify": messages}


async def watchbill(town: Town, *words: str) -> Result:
    """A command of the installer."""
    return await asyncio.to_thread(run, *words, WATCHBILL_DATA=str(town.installation.place.root))


async def parked(town: Town, enough: Callable[[set[str]], bool]) -> dict[str, dict[str, Any]]:
    """By service what is parked of the letter, once it is enough."""
    async with asyncio.timeout(60):
        while True:
            rows = json.loads((await watchbill(town, "parked", "list", "--json")).output)
            found = {row["service"]: row for row in rows if row["id"].startswith(ODD)}
            if enough(set(found)):
                return found
            await asyncio.sleep(0.2)


async def poison_is_heard_again_in_vain(town: Town, browser: httpx.AsyncClient) -> None:
    await say(town, "incidents", b"{}", ce_id=b"poison", ce_type=b"SlaBreachedV1")
    async with asyncio.timeout(60):
        while 'href="/parked/notify/' not in (listed := (await browser.get("/parked")).text):
            await asyncio.sleep(0.2)
    assert "SlaBreachedV1 does not fit its schema" in listed
    letter = re.search(r'href="(/parked/notify/[^"]+)"', listed)
    assert letter
    page = await browser.get(letter[1])
    assert "重新处理" in page.text
    forged = await browser.post(letter[1], data={"csrf": "x"})
    assert forged.status_code == 403
    again = await browser.post(letter[1], data={"csrf": csrf_of(page)})
    assert again.status_code == 200 and "仍无法处理：SlaBreachedV1 does not fit its schema" in again.text

    services = (await browser.get("/services")).text
    assert services.count('class="card"') + services.count('class="card ill"') == 6
    assert ' href="/parked#notify">1</a>' in services and "incidents/0" in services


async def command_has_it_heard_again(town: Town) -> None:
    """Two services have parked the letter: scoring's is heard again by the command, once its database takes it."""
    await databases_refuse(town, {"never": True})
    await say_missed(town)
    rows = await parked(town, lambda services: services == set(KEPT))
    id = rows["scoring"]["id"]
    assert id == rows["notify"]["id"] and (await watchbill(town, "parked", "list")).output.count(id) == 2
    both = await watchbill(town, "parked", "show", id)
    assert both.exit_code == 1 and "scoring, notify: choose by --service" in both.output
    one = (id, "--service", "scoring")
    whole = json.loads((await watchbill(town, "parked", "show", *one)).output)
    assert "Document failed validation" in whole["reason"] and whole["headers"]["ce_id"] == ODD
    assert json.loads(whole["body"])["site"] == "mulan-lake"
    still = await watchbill(town, "parked", "redrive", *one)
    assert still.exit_code == 1 and "仍无法处理" in still.output and await kept(town) == {"scoring": 0, "notify": 0}
    await databases_refuse(town, {})
    done = await watchbill(town, "parked", "redrive", *one)
    assert (done.exit_code, done.output) == (0, "已处理 / handled\n"), done.output
    assert await kept(town) == {"scoring": 1, "notify": 0}
    assert set(await parked(town, lambda services: True)) == {"notify"}
    gone = await watchbill(town, "parked", "redrive", *one)
    assert gone.exit_code == 1 and f"No parked letter {id}" in gone.output


async def page_has_it_heard_again(town: Town, browser: httpx.AsyncClient) -> None:
    """Notify's is heard again by the page, and leaves it."""
    (letter,) = [one for one in re.findall(r'href="(/parked/notify/[^"]+)"', (await browser.get("/parked")).text)
                 if "one" in one]  # fmt: skip
    done = await browser.post(letter, data={"csrf": csrf_of(await browser.get(letter))})
    assert (done.status_code, done.headers["location"]) == (303, "/parked?handled=1")
    listed = (await browser.get(done.headers["location"])).text
    assert "已重新处理" in listed and letter not in listed
    assert (await browser.get(letter)).status_code == 404
    assert (found := await kept(town))["scoring"] == 1 and found["notify"] > 0


async def test_poison_is_seen_and_heard_again(town: Town, agreement: Agreement) -> None:
    await town.at(MORNING)
    await town.publish(agreement)
    browser = await administrator(town)
    await poison_is_heard_again_in_vain(town, browser)
    await command_has_it_heard_again(town)
    await page_has_it_heard_again(town, browser)
