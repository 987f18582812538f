"""The console of a running installation, as its administrator uses it: how services stand, and what is parked."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from contracts.agreements.agreement import Agreement
from tests.journeys.conftest import Town

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
MORNING = datetime(2026, 4, 8, 7, 0, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


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


async def say_poison(town: Town) -> None:
    """A letter that nobody can read."""
    producer = AIOKafkaProducer(bootstrap_servers=town.installation.platform.kafka)
    await producer.start()
    headers = [("ce_id", b"poison"), ("ce_type", b"SlaBreachedV1")]
    await producer.send_and_wait("incidents", b"{}", key=b"F", headers=headers)
    await producer.stop()


async def test_poison_is_seen_and_heard_again(town: Town, agreement: Agreement) -> None:
    await town.at(MORNING)
    await town.publish(agreement)
    await say_poison(town)
    browser = await administrator(town)
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
        assert '<a href="/parked#notify">1</a>' in services and "incidents/0" in services
