"""Clocks that jump: the service clock by a day, and the machine's own clock back."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.runtime.bundles import Bundle
from infra.runtime.clock import SystemClock
from infra.runtime.connections import mongo_client
from infra.runtime.ledger import Ledger
from tests.incidents.site_stories import PM, at
from tests.live.rooms import settings_in
from tests.live.test_cluster import due
from tests.live.test_incidents_room import Town, gas_fault, town_in

pytestmark = pytest.mark.live
Story = Callable[[Town], Awaitable[object]]


async def report_a_fault(town: Town) -> None:
    body = {"site": town.site, "asset": town.asset(PM), "kind": "analyser-fault", "text": "no display"}
    answer = await town.post("/v1/calls", "buyer", "city", "call", **body, at=at("04:50").isoformat())
    assert answer.status_code == 201


async def faults_after(story: Story, folder: Path, platform: Any, times: Sequence[datetime]) -> dict[str, Any]:
    """By kind, what became of faults that nobody took care of, when the clock has passed through these times."""
    async with town_in(folder, platform) as town:
        await town.publish()
        await story(town)
        for time in times:
            await town.move(time)
        came = {}
        for fault in await town.get(f"/v1/faults?site={town.site}"):
            told = await town.get(f"/v1/faults/{fault['id']}/clocks")
            steps = [{**step, "posted_at": "whenever"} for step in fault["steps"]]
            text = (
                json.dumps({**fault, "steps": steps, "told": told})
                .replace(fault["id"], "id")
                .replace(town.name, "here")
            )
            came[fault["kind"]] = json.loads(text)
        return came


@pytest.mark.parametrize(
    ("story", "breached_at"),
    [(report_a_fault, "2026-03-03T00:50:00Z"), (gas_fault, None)],
    ids=["breached", "paused by the silence"],
)
async def test_overdue_timers_fire_as_if_in_time(
    platform: Any, tmp_path: Path, story: Story, breached_at: str | None
) -> None:
    """A clock that jumps a day comes to the same as one that goes by hours, each moment at its true time."""
    hours = [at("06:10") + timedelta(hours=hour) for hour in range(1, 25)]
    by_hours = await faults_after(story, tmp_path / "hours", platform, hours)
    by_one_jump = await faults_after(story, tmp_path / "jump", platform, hours[-1:])
    assert by_one_jump == by_hours
    (clock,) = by_one_jump["analyser-fault"]["clocks"]
    assert clock["breached_at"] == breached_at


async def test_outbox_keeps_its_order_when_the_clock_goes_back(platform: Any, tmp_path: Path) -> None:
    """What a dead process left in the outbox, by a clock that ran ahead, is said before what comes after it."""
    settings = settings_in(tmp_path, platform)
    client = mongo_client(settings, "incidents")
    for task, ahead in (("before", timedelta(days=1)), ("after", timedelta(0))):
        ledger = Ledger(client, f"{settings.database_prefix}_incidents", SystemClock(), "incidents-0")
        await ledger.prepare(set(), 30)
        page = ledger.page()
        entry = page.entry(task, "plan", task)
        entry.say(due(task))
        page.accept(entry)
        await ledger.commit(page)
        if ahead:
            await ledger.db.outbox.update_many({}, {"$inc": {"seq": int(ahead.total_seconds() * 1_000_000)}})
    rows = await ledger.db.outbox.find({}).sort("seq", 1).to_list(None)
    client.close()
    assert [letter.key for row in rows for letter in Bundle.of(row).letters] == [b"before", b"after"]
