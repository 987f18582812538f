"""Two members of each service, as StatefulSets of two: they share streams and timers; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.agreements.clocks import Within
from contracts.events.assets import AgreementPublishedV1
from contracts.events.event import Event
from contracts.events.scoring import SettlementComputedV1
from infra.runtime.letters import Letter
from infra.runtime.room import Room
from infra.runtime.settings import RuntimeSettings
from services.incidents.api import router
from services.incidents.handlers import ears
from services.incidents.store import INDEXES
from services.scoring.closing import Closing
from services.scoring.month import score_month
from services.scoring.span import first_day, midnight, month_of
from tests.incidents.site_stories import FLAG, SOLVE, STEP, TOWN, agreement, lot, measured, reading
from tests.live import pairs
from tests.live.pairs import Pairs, administrator, closes_in, pairs_in, terms
from tests.live.rooms import CONDUCTOR, letters_on, opened, settings_in, token
from tests.live.test_incidents_room import teller

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
SITES = [f"lake-{number}" for number in range(12)]
STEPS, BAD_FROM = 12, 2
DUE_IN = timedelta(seconds=8)
FIRST = {"scoring": ("before mark", 1), "notify": ("after sms hand-over", 5)}
THEN = {
    "assets": ("after frame hand-over", 1),
    "inspections": ("after commit", 1),
    "incidents": ("after commit", 1),
}
"""Where the first member of each dies, at which passing: what it has done nobody knows, what it committed nobody has
heard."""
EXPECTED = {
    "InspectionDoneV1": 1,
    "FaultOpenedV1": len(pairs.SITES) + 1,
    "SlaBreachedV1": len(pairs.SITES) + 1,
    "ScorePostedV1": 2 * len(pairs.SITES) + 1,
    "SettlementComputedV1": 1,
    "NoticeRequestedV1": 2 * len(pairs.SITES) + 3,
    "NoticeSentV1": 2 * len(pairs.SITES) + 3,
}
"""Provisional scores after the breaches, final ones with the settlement; an SMS for each fault, breach, settlement."""


@dataclass
class Town:
    """A town on the system's clock, whose incidents are two processes' work."""

    settings: RuntimeSettings
    tells: httpx.AsyncClient
    members: dict[str, AsyncExitStack] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)

    async def join(self, member: str) -> None:
        settings = self.settings.model_copy(update={"instance": member})
        self.rooms[member] = Room("incidents", ears, router, INDEXES, settings)
        self.members[member] = stack = AsyncExitStack()
        await stack.enter_async_context(opened(self.rooms[member]))

    async def leave(self, member: str) -> None:
        await self.members.pop(member).aclose()

    async def tell(self, *events: Event) -> None:
        story = {"tells": [(event.type(), event.model_dump(mode="json")) for event in events]}
        (await self.tells.post("/tell", json=story, headers=CONDUCTOR)).raise_for_status()

    async def publish(self) -> datetime:
        """Puts the sites under an agreement; returns when the first period starts, so that faults are due soon."""
        now = datetime.now(UTC).replace(microsecond=0)
        limit = (STEPS - BAD_FROM - 1) * STEP + DUE_IN
        solve = SOLVE.model_copy(update={"limits": (Within(time=limit),), "warns": (DUE_IN / 2,), "excludes": ()})
        sites = tuple(TOWN.model_copy(update={"id": site, "assets": _assets(site)}) for site in SITES)
        terms = agreement(lot((FLAG,), (solve,)).model_copy(update={"sites": sites}))
        await self.tell(AgreementPublishedV1(at=now, agreement=terms.id, version=1, digest="d", document=terms))
        return now - STEPS * STEP

    async def hear(self, start: datetime, steps: range) -> None:
        """A reading of each site for each step; from `BAD_FROM` on its analyser is marked."""
        for step in steps:
            value = measured(3, "D" if step >= BAD_FROM else "N")
            heard = (reading(start + step * STEP, so2=value).model_copy(update={"site": site}) for site in SITES)
            await self.tell(*heard)

    async def until_said(self, wanted: int) -> list[Letter]:
        """All that incidents have said, once it is so much and nothing waits any more."""
        async with asyncio.timeout(90):
            while True:
                said = await letters_on(self.settings, "incidents")
                if len({letter.id for letter in said}) >= wanted and await self._nothing_waits():
                    return said
                await asyncio.sleep(0.2)

    async def _nothing_waits(self) -> bool:
        db = next(iter(self.rooms.values())).ledger.db
        if await db.outbox.find_one({}) or await db.timers.find_one({"due": {"$lte": datetime.now(UTC)}}):
            return False
        return not any(room.ledger.lock.locked() or room.health.report() for room in self.rooms.values())

    async def parked(self) -> int:
        return int(await next(iter(self.rooms.values())).ledger.db.parked.count_documents({}))


def _assets(site: str) -> tuple[Any, ...]:
    return tuple(asset.model_copy(update={"id": f"{asset.id}-{site}"}) for asset in TOWN.assets)


@pytest.fixture
async def town(platform: Any, tmp_path: Path) -> AsyncIterator[Town]:
    settings = settings_in(tmp_path, platform).model_copy(update={"clock": "system"})
    async with opened(teller(settings)) as tells:
        made = Town(settings, tells)
        await asyncio.gather(*(made.join(member) for member in ("0", "1")))
        yield made
        for member in list(made.members):
            await made.leave(member)


def once_a_site(*types: str) -> Counter[str]:
    """Each of these events as often as there are sites."""
    return Counter(dict.fromkeys(types, len(SITES)))


async def test_each_of_two_may_die_in_the_middle(platform: Any, tmp_path: Path) -> None:
    """A member of each of the five services dies with something in hand, and never returns. What one member alone would
    have said is said, each once, in order; a phone rings twice only where the message says that it may."""
    async with pairs_in(tmp_path, platform) as town:
        await _month_to_settle(town)
        published = terms(closes_in(timedelta(seconds=20)))
        body = published.model_dump(mode="json")
        assert (await town.post("assets", "/v1/agreements", body, administrator(town))).status_code == 201
        assert not any(room.leads for room in town.rooms.values()), "the first members fire"
        town.dooms(FIRST)
        await asyncio.gather(*(town.report(site) for site in pairs.EARLY))
        await _until(town, FaultOpenedV1=3, SlaWarnedV1=3, SlaBreachedV1=3)
        town.dooms(THEN)
        await asyncio.gather(_inspect(town), *(town.report(site) for site in pairs.LATE))
        assert sorted(await town.strike()) == sorted([*FIRST, *THEN])
        said = await _until(town, **EXPECTED)
        counts = Counter(letter.type for letter in {letter.id: letter for letter in said}.values())
        assert {name: counts[name] for name in EXPECTED} == EXPECTED
        assert all(room.leads for room in town.rooms.values())
        _in_order(said)
        (settled,) = {letter.id: letter.event for letter in said if letter.type == "SettlementComputedV1"}.values()
        alone = score_month(published, "lot-1", pairs.last_month(), [], until=None, revision=1, provisional=False)
        assert isinstance(settled, SettlementComputedV1) and settled.payable == alone.settlement.payable
        await _all_told(town)


async def _month_to_settle(town: Pairs) -> None:
    """As if the month before last had been settled: the last one is next."""
    last = midnight(first_day(pairs.last_month()))
    closed = Closing(id="air/lot-1", agreement="air", lot="lot-1", closed=month_of(last - timedelta(days=1)))
    await town.rooms["scoring"].ledger.db.closings.insert_one({**closed.document(), "_v": 1})


async def _inspect(town: Pairs) -> None:
    """Somebody finds a dirty inlet, and sends it again where nobody answers."""
    supplier = token(town.settings, "supplier", "blue-sky")
    asked = {"site": pairs.SITES[0], "state": "due"}
    tasks: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        while not tasks:
            await asyncio.sleep(0.1)
            tasks = (await town.clients["inspections"].get("/v1/tasks", params=asked, headers=supplier)).json()
    found = [{"item": "inlet", "ok": False, "answer": "dirty"}, {"item": "desk", "ok": True}]
    path = f"/v1/tasks/{tasks[0]['task']}/result"
    taken = await town.post("inspections", path, {"items": found, "done_at": datetime.now(UTC).isoformat()}, supplier)
    assert taken.is_success, taken.text


async def _until(town: Pairs, **wanted: int) -> list[Letter]:
    """All that was said, once it is so much, and in the end nothing waits."""
    async with asyncio.timeout(60):
        while True:
            said = await town.said()
            counts = Counter(letter.type for letter in {letter.id: letter for letter in said}.values())
            enough = all(counts[name] >= count for name, count in wanted.items())
            if enough and (wanted != EXPECTED or not await town.left()):
                return said
            await asyncio.sleep(0.3)


def _in_order(said: list[Letter]) -> None:
    """What came first of each letter, of one fault: opened, warned, breached; of one notice: requested, sent."""
    steps = ["FaultOpenedV1", "SlaWarnedV1", "SlaBreachedV1", "NoticeRequestedV1", "NoticeSentV1"]
    by_key: dict[bytes, dict[str, str]] = defaultdict(dict)
    for letter in said:
        if letter.type in steps:
            by_key[letter.key or b""].setdefault(letter.id, letter.type)
    assert all(list(types.values()) == sorted(types.values(), key=steps.index) for types in by_key.values())


async def _all_told(town: Pairs) -> None:
    """Each message once; one that was handed over when its process died may have gone out before, and says so."""
    messages = await town.messages()
    assert Counter(message["state"] for message in messages) == {"handed": EXPECTED["NoticeSentV1"]}
    doubted = [message for message in messages if message["maybe_twice"]]
    assert len(doubted) <= 8, "no more than were being handed over"
    rows = Counter(row["text"] for row in town.sinks.sms.box.rows)
    assert {message["text"] for message in messages} == rows.keys()
    assert {text for text, times in rows.items() if times > 1} <= {message["text"] for message in doubted}


async def test_overdue_timers_fire_after_both_were_away(town: Town) -> None:
    """Each hears its own share only of what was said meanwhile; a warning after the due time says nothing."""
    start = await town.publish()
    await town.hear(start, range(STEPS - 2))
    await town.until_said(len(SITES))
    await asyncio.gather(*(town.leave(member) for member in ("0", "1")))
    await town.hear(start, range(STEPS - 2, STEPS))
    await asyncio.sleep(max(0.0, (start + STEPS * STEP + DUE_IN - datetime.now(UTC)) / timedelta(seconds=1)))
    await asyncio.gather(*(town.join(member) for member in ("0", "1")))
    wanted = once_a_site("FaultOpenedV1", "SlaBreachedV1")
    assert Counter(letter.type for letter in await town.until_said(wanted.total())) == wanted
