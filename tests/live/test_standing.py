"""A service that stands still says by how much, and document, gauges, console and doctor all say the same numbers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from infra.runtime.bundles import Bundle
from infra.runtime.letters import Outgoing
from infra.runtime.standing import Standing
from services.console.asking import Asking
from tests.live.rooms import CONDUCTOR, settings_in, settle
from tests.live.test_console_room import running
from tests.live.test_runtime import START, Town, planned, town_of
from watchbill.commands.doctor import traffic

pytestmark = [pytest.mark.live, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
LETTER = Outgoing("1", "incidents", b"k", b"v", ())


class Told(Asking):
    """One service, which has told how it stands."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__({"incidents": "http://incidents"}, "")
        self._document = document

    async def standing(self, service: str) -> Standing:
        return Standing.model_validate(self._document)


async def stand_still(town: Town) -> None:
    """Incidents has two timers that are due, the first for two hours, and three records before it."""
    await town.move(START + timedelta(hours=3))
    for number in range(3):
        await town.post("inspections", "/plan", planned(f"late-{number}", 9))
    await settle([town.clients["inspections"]])


async def leave_behind(town: Town) -> None:
    """Four letters wait since yesterday to be said by a process that is gone; another goes on with them in a while."""
    since = int(datetime.now(UTC).timestamp() - 90_000) * 1_000_000
    await town.rooms["incidents"].ledger.db.outbox.insert_one(Bundle("forgotten", (LETTER,) * 4).row("gone-0", since))


async def gauges_of(town: Town) -> dict[str, float]:
    """Of incidents, by name."""
    shown = (await town.clients["incidents"].get("/metrics")).text
    found = re.findall(r'^watchbill_(\w+)\{service="incidents"(?:,topic="t\w+\.inspections")?\} (\S+)$', shown, re.M)
    return {name: float(value) for name, value in found}


async def lag_that_is(town: Town, records: int) -> None:
    """Returns when the gauge says so: a lookout asks Kafka now and then."""
    async with asyncio.timeout(30):
        while (await gauges_of(town)).get("lag_records") != records:
            await asyncio.sleep(0.1)


async def document_of(town: Town) -> dict[str, Any]:
    answer = await town.clients["incidents"].get("/runtime/state", headers=CONDUCTOR)
    return dict(answer.json())


@dataclass
class Stood:
    """How a service told that it stood: while nothing got on, and when all had."""

    document: dict[str, Any]
    gauges: dict[str, float]
    after: dict[str, Any]

    @property
    def topic(self) -> str:
        """The stream that it was behind on."""
        return str(self._stream["topic"])

    @property
    def places(self) -> tuple[int, int, int]:
        """The last record heard, the last that there was, and how many lay between them."""
        return self._stream["heard"], self._stream["end"], self._stream["lag"]

    @property
    def _stream(self) -> dict[str, Any]:
        (found,) = [one for one in self.document["streams"] if one["topic"].endswith("inspections")]
        return dict(found)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stood(platform: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stood]:
    settings = settings_in(tmp_path_factory.mktemp("town"), platform, kafka_partitions=1, stuck_after_seconds=4.0)
    async with town_of(settings) as town:
        for hours in (1, 2):
            await town.post("inspections", "/plan", planned(f"early-{hours}", hours))
        await town.post("inspections", "/plan", planned("poison"))
        await town.settle()
        async with town.rooms["incidents"].ledger.lock:  # no page and no timer gets on
            await stand_still(town)
            await lag_that_is(town, 3)
            await leave_behind(town)
            document, gauges = await document_of(town), await gauges_of(town)
        await town.settle()
        await lag_that_is(town, 0)
        yield Stood(document, gauges, await document_of(town))


async def test_document_counts_what_is_late(stood: Stood) -> None:
    timers, outbox = stood.document["timers"], stood.document["outbox"]
    assert (timers["overdue"], timers["oldest_overdue_seconds"]) == (2, 7200)
    assert (outbox["waiting"], stood.document["parked"]) == (4, 1)
    assert stood.places == (2, 5, 3)


async def test_gauges_count_the_same(stood: Stood) -> None:
    told = {"timers_overdue": 2, "outbox_waiting": 4, "parked_letters": 1, "lag_records": 3}
    assert {name: stood.gauges[name] for name in told} == told


async def test_nothing_is_late_when_all_got_on(stood: Stood) -> None:
    assert stood.after["timers"]["overdue"] == 0 and {one["lag"] for one in stood.after["streams"]} == {0}


async def test_console_shows_the_same(stood: Stood, platform: Any, tmp_path: Path) -> None:
    async with running(tmp_path, platform) as town:
        await town.room.api.state.asking.close()
        town.room.api.state.asking = Told(stood.document)
        page = (await (await town.sign_in("li")).get("/services")).text
    assert dict(re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", page)) == {
        "待发事件": "4 <small>最早 1 天 1 小时</small>",
        "逾期定时": "2 <small>2 小时</small>",
        "搁置": '<a id="p-incidents" href="/parked#incidents">1</a>',
        "落后": "3",
    }
    assert f"<code>{stood.topic}/0</code>" in page
    assert '<td class="number">3</td><td class="number">6</td><td class="number error">3</td>' in page


async def test_doctor_finds_the_same(stood: Stood, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "LOOK_SECONDS", 0)
    states = {"incidents": stood.document}
    asking: Any = SimpleNamespace(states=states, states_now=lambda: states)
    (timers,), (lag,) = traffic.check_timers(asking), traffic.check_lag(asking)
    assert (timers.state, timers.found.en) == ("bad", "timers are overdue: incidents 2")
    assert (lag.state, lag.found.en) == ("bad", f"behind and getting no further: incidents {stood.topic} 3")
