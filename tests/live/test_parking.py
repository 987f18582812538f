"""Letters that cannot be handled, on the real broker: parked with a reason, the stream goes on, and a redrive after the
cause is mended comes to the same as if nothing had happened, but for readings, which are late ones by then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter

from contracts.events.catalog import EVENTS, TOPICS
from contracts.events.event import Event
from contracts.events.inspections import InspectionDoneV1, ItemResult
from infra.runtime import bus
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Entry
from infra.runtime.letters import seal
from infra.runtime.room import Room
from infra.runtime.settings import RuntimeSettings
from services.console.app import room_for as console_over
from services.console.settings import ConsoleSettings
from services.console.store import rows_that
from services.incidents.handlers import ears as incidents_ears
from services.incidents.store import INDEXES
from services.notify.channels.memory import MemoryGateway, MemoryMail
from services.notify.contacts import take_contacts
from services.notify.counter import Counter
from services.notify.handlers import ears_for
from services.notify.store import INDEXES as NOTIFY_INDEXES
from services.scoring.handlers import ears as scoring_ears
from services.scoring.store import INDEXES as SCORING_INDEXES
from tests.incidents.site_stories import PM, STEP, at, measured
from tests.live.rooms import CONDUCTOR, letters_on, move, opened, settings_in, settle
from tests.live.test_incidents_room import Town, town_in
from watchbill.installation import ROOT

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
BAD_MAX = 3
KNOWN = dict(EVENTS)
"""What the newest release can read."""
KINDS = {
    "agreements": "AgreementPublishedV1",
    "readings": "ReadingReceivedV1",
    "inspections": "InspectionDoneV1",
    "incidents": "FaultOpenedV1",
    "scores": "SettlementComputedV1",
    "notices": "NoticeSentV1",
}
"""Of each topic, an event that somebody hears."""
HEARERS = {
    "agreements": {"incidents", "notify", "console"},
    "readings": {"incidents"},
    "inspections": {"incidents", "notify", "console"},
    "incidents": {"notify", "console"},
    "scores": {"notify", "console"},
    "notices": {"console"},
}
TOLD = ("InspectionDueV1", "FaultAcknowledgedV1", "ScorePostedV1", "NoticeFailedV1", "NoticeSentV1")
"""Of each topic that the console hears, but for the first, an event behind the poison."""


def notify(settings: RuntimeSettings) -> Room:
    teller = ears_for(Counter(MemoryGateway(), MemoryMail()))
    return Room("notify", teller, APIRouter(), NOTIFY_INDEXES, settings)


def console(settings: RuntimeSettings) -> Room:
    return console_over(ConsoleSettings.model_validate(settings.model_dump()))


def rooms_over(settings: RuntimeSettings) -> list[Room]:
    return [Room("incidents", incidents_ears, APIRouter(), INDEXES, settings), notify(settings), console(settings)]


class Voice:
    """Says events as their services would, whole or spoilt."""

    def __init__(self, settings: RuntimeSettings, producer: Any) -> None:
        self._settings, self._producer = settings, producer

    async def say(self, kind: str, id: str, **spoilt: Any) -> dict[str, int]:
        """The example of this kind, with these fields spoilt. Returns where it stands."""
        example = (ROOT / "contracts/events/examples" / f"{kind}.json").read_text()
        event: Event = KNOWN[kind].model_validate_json(example)
        letter = seal(event, id=id, said_at=at("05:00"), correlation=id, causation=id, trace={})
        body = json.dumps(json.loads(letter.value) | spoilt).encode()
        topic = f"{self._settings.streams}{letter.topic}"
        receipt = await self._producer.send_and_wait(topic, body, key=letter.key, headers=list(letter.headers))
        return {f"{receipt.topic}/{receipt.partition}": receipt.offset}


@asynccontextmanager
async def voice_in(settings: RuntimeSettings) -> AsyncIterator[Voice]:
    await bus.ensure_topics(settings)
    async with bus.new_producer(settings, "another") as producer:
        yield Voice(settings, producer)


async def until_heard(rooms: list[Room], said: dict[str, int]) -> None:
    async with asyncio.timeout(60):
        while not all(room.has_heard(said) for room in rooms):
            await asyncio.sleep(0.05)


async def parked_in(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await client.get("/runtime/parked", headers=CONDUCTOR)).json()
    return rows


async def test_poison_in_each_topic_is_parked_and_the_topic_goes_on(platform: Any, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, platform)
    rooms = rooms_over(settings)
    async with voice_in(settings) as voice, AsyncExitStack() as stack:
        clients = {room.name: await stack.enter_async_context(opened(room)) for room in rooms}
        said: dict[str, int] = {}
        for topic, kind in KINDS.items():
            said |= await voice.say(kind, f"poison-{topic}", at="when it was")
        for kind in ("AgreementPublishedV1", "ReadingRejectedV1", *TOLD):
            said |= await voice.say(kind, f"good-{kind}")
        await until_heard(rooms, said)
        parked = {(name, row["topic"], row["id"]): row for name in clients for row in await parked_in(clients[name])}
        assert parked.keys() == {
            (name, f"{settings.streams}{topic}", f"poison-{topic}|unreadable")
            for topic in TOPICS
            for name in HEARERS[topic]
        }
        for row in parked.values():
            assert row["type"] in row["reason"] and "does not fit its schema: at" in row["reason"]
        assert [room.health.report() for room in rooms] == [{}, {}, {}]
        chronicle = await rows_that(rooms[2].ledger.db, {})
        assert {row.id for row in chronicle} == {f"good-{kind}" for kind in ("AgreementPublishedV1", *TOLD)}
        for room in rooms:
            assert await room.ledger.db.agreements.count_documents({}) > 0


@pytest.mark.parametrize("topic", ["readings", "inspections"])
async def test_run_of_bad_letters_stops_the_line(platform: Any, tmp_path: Path, topic: str) -> None:
    """What is wrong is then not the letters: health says so, and what comes after stays where it is."""
    settings = settings_in(tmp_path, platform, bad_in_a_row_max=BAD_MAX, batch_max_records=1, kafka_partitions=1)
    room = rooms_over(settings)[0]
    async with voice_in(settings) as voice, opened(room) as client:
        bad = {}
        for number in range(BAD_MAX):
            bad = await voice.say(KINDS[topic], f"bad-{number}", at="when it was")
        after = await voice.say(KINDS[topic], "after", at="when it was")
        async with asyncio.timeout(60):
            while (ready := await client.get("/health/ready")).status_code == 200:
                await asyncio.sleep(0.05)
        (reason,) = ready.json()["faults"].values()
        assert reason == f"stopped: {BAD_MAX} letters in a row could not be handled"
        assert room.has_heard(bad) and not room.has_heard(after)
        assert len(await parked_in(client)) == BAD_MAX
        assert room.health.lost() == {}, "a restart does not mend it: it waits for people"
        assert (await client.get("/health/live")).status_code == 200, "nobody is to start it again for that"


async def tell_the_story(town: Town) -> None:
    """A failed inspection and marked readings; then a good one."""
    failed = (ItemResult(item="inlet", ok=False, asset=town.asset(PM)),)
    done = InspectionDoneV1(
        at=at("05:30"), task=f"t-{town.name}", agreement=f"air-{town.name}", lot="lot-1", site=town.site,
        plan="weekly", opens=at("00:00"), closes=at("23:00"), by="li", posted_at=at("05:40"), items=failed,
    )  # fmt: skip
    await town.tell(done)
    await town.hear(at("06:00"), at("06:00") + STEP, so2=measured(3, "D"))
    await town.hear(at("06:00") + 2 * STEP, so2=measured(3))


async def digest_of(town: Town) -> Any:
    """All that it came to, without the names that are this town's own."""
    faults = await town.get(f"/v1/faults?site={town.site}")
    watches = [str(row) async for row in town.room.ledger.db.watches.find({}, {"_v": 0})]
    text = json.dumps([sorted(faults, key=lambda fault: str(fault["kind"])), sorted(watches)])
    for fault in faults:
        text = text.replace(fault["id"], fault["kind"])
    return text.replace(town.name, "here")


async def test_redrive_comes_to_the_same(platform: Any, tmp_path: Path) -> None:
    """The agreement is published too late: all that rests on it is parked, and heard again afterwards."""
    async with town_in(tmp_path / "peace", platform) as town:
        await town.publish()
        await town.move(at("06:16"))
        await tell_the_story(town)
        expected = await digest_of(town)
    async with town_in(tmp_path / "late", platform, patience_seconds=0.2) as town:
        await town.move(at("06:16"))
        await tell_the_story(town)
        parked = await parked_in(town.rooms["incidents"])
        assert len(parked) == 4 and all("NotYet" in row["reason"] for row in parked)
        early = await town.rooms["incidents"].post(f"/runtime/redrive/{parked[0]['id']}", headers=CONDUCTOR)
        assert early.json()["ok"] is False and "NotYet" in early.json()["still"]
        await town.publish()
        for row in parked:
            again = await town.rooms["incidents"].post(f"/runtime/redrive/{row['id']}", headers=CONDUCTOR)
            assert again.json()["ok"], again.text
        await town.settle()
        assert await digest_of(town) == expected
        assert await parked_in(town.rooms["incidents"]) == []
    assert "analyser-fault" in expected and "inlet-dirty" in expected


FAULT = ("FaultOpenedV1", "SlaBreachedV1", "FaultAcknowledgedV1", "FaultResolvedV1")
"""The life of one fault: letters of one key."""
AFTERNOON = datetime(2026, 4, 14, 7, 0, tzinfo=UTC)
OWN = {"inbox", "outbox", "parked", "members", "acts"}
"""What the runtime keeps for itself."""


def hearers_over(settings: RuntimeSettings) -> list[Room]:
    """Everybody who hears of faults."""
    return [notify(settings), Room("scoring", scoring_ears, APIRouter(), SCORING_INDEXES, settings), console(settings)]


@contextmanager
def release_without(*kinds: str) -> Iterator[None]:
    """A release that does not know these events yet: those who say them are newer."""
    for kind in kinds:
        del EVENTS[kind]
    try:
        yield
    finally:
        EVENTS.clear()
        EVENTS.update(KNOWN)  # in their order


async def states_of(room: Room) -> dict[str, list[str]]:
    """By collection all that a room holds, but for the traces."""
    names = set(await room.ledger.db.list_collection_names()) - OWN
    return {
        name: sorted([str(row) async for row in room.ledger.db[name].find({}, {"_v": 0, "trace": 0})]) for name in names
    }


async def fault_is_told(platform: Any, folder: Path, *unknown: str) -> Any:
    """What becomes of it in its month, in everybody's books and on their streams. Letters of the `unknown` kinds are
    parked at first, and heard again behind the others, when the release has been put right."""
    folder.mkdir()
    settings = settings_in(folder, platform)
    rooms = hearers_over(settings)
    async with voice_in(settings) as voice, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(opened(room)) for room in rooms]
        await take_contacts(ROOT / "infra/local/demo_contacts.yaml", rooms[0].ledger)
        await move(clients, AFTERNOON)
        await until_heard(rooms, await voice.say("AgreementPublishedV1", "terms"))
        with release_without(*unknown):
            for kind in FAULT:
                said = await voice.say(kind, kind)
            await until_heard(rooms, said)
        assert await rooms[1].ledger.db.evidence.count_documents({"fault": {"$exists": True}}) == 4 - len(unknown)
        for client in clients:
            rows = await parked_in(client)
            assert [row["id"] for row in rows] == [f"{kind}|unreadable" for kind in unknown]
            for row in rows:
                again = await client.post(f"/runtime/redrive/{row['id']}", headers=CONDUCTOR)
                assert again.json()["ok"], again.text
        for later in (timedelta(hours=1), timedelta(days=30)):
            await settle(clients)
            await move(clients, AFTERNOON + later)
        await settle(clients)
        told = {letter.id: letter.value for letter in await letters_on(settings, "scores", "notices")}
        return [await states_of(room) for room in rooms], told


async def test_letter_heard_behind_others_of_its_key_comes_to_the_same(platform: Any, tmp_path: Path) -> None:
    """Nobody could read that a fault was late, while the rest of its story was heard: nobody is told less, or later;
    the month has the same points and the same price."""
    expected = await fault_is_told(platform, tmp_path / "peace")
    assert "late-solution" in str(expected), "the parked letter matters"
    assert await fault_is_told(platform, tmp_path / "poison", "SlaBreachedV1") == expected


async def power_is_cut(town: Town, parked: datetime | None = None) -> None:
    """While a fault is open. The database refuses the watch that the reading of the time `parked` leaves behind."""
    await town.publish()
    await town.move(at("06:26"))
    if parked:
        rule = {"newest": {"$ne": ["minute", int(parked.timestamp() * 1000)]}}
        await town.room.ledger.db.command("collMod", "watches", validator=rule)
    await town.hear(at("06:00"), so2=measured(3, "D"), volt=220)
    for time, volt in ((at("06:10"), 100), (at("06:15"), 100), (at("06:20"), 220)):
        await town.hear(time, volt=volt)


async def told_of(town: Town) -> dict[str, tuple[str, ...]]:
    """Of each kind of fault since when it was there, and when it is due."""
    faults = await town.get(f"/v1/faults?site={town.site}")
    return {fault["kind"]: (fault["since"][11:16], *(c["due"][11:16] for c in fault["clocks"])) for fault in faults}


async def test_reading_redriven_behind_newer_ones_is_a_late_one(platform: Any, tmp_path: Path) -> None:
    """It opens and closes nothing any more; an outage that it tells of is in every clock."""
    async with town_in(tmp_path / "peace", platform) as town:
        await power_is_cut(town)
        assert await told_of(town) == {"analyser-fault": ("22:00", "02:15"), "power-loss": ("22:10",)}
    async with town_in(tmp_path / "parked", platform) as town:
        await power_is_cut(town, parked=at("06:10"))
        assert await told_of(town) == {"analyser-fault": ("22:00", "02:10"), "power-loss": ("22:15",)}
        (row,) = await parked_in(town.rooms["incidents"])
        await town.room.ledger.db.command("collMod", "watches", validator={})
        again = await town.rooms["incidents"].post(f"/runtime/redrive/{row['id']}", headers=CONDUCTOR)
        assert again.json()["ok"], again.text
        assert await told_of(town) == {"analyser-fault": ("22:00", "02:15"), "power-loss": ("22:15",)}


async def test_timer_that_was_set_anew_is_not_put_back(platform: Any, tmp_path: Path) -> None:
    """Whoever set it anew knew better: a redrive of the old one only clears it away."""
    ears = Ears("incidents")

    @ears.wakes("ring")
    async def ring(wake: Wake, entry: Entry) -> None: ...

    room = Room("incidents", ears, APIRouter(), settings=settings_in(tmp_path, platform))
    async with opened(room) as client:
        timer = {"name": "ring", "key": "k", "armed_by": "", "correlation": "c", "trace": {}}
        parked = {"type": "timer", "reason": "it failed", "at": at("06:00"), "handler": None}
        await room.ledger.db.timers.insert_one({**timer, "_id": "ring|k", "due": at("09:00")})
        await room.ledger.db.parked.insert_one({**timer, **parked, "_id": "timer|ring|k", "due": at("06:00")})
        again = await client.post("/runtime/redrive/timer|ring|k", headers=CONDUCTOR)
        assert again.json()["ok"] and await parked_in(client) == []
        assert [row["due"] async for row in room.ledger.db.timers.find({})] == [at("09:00")]
