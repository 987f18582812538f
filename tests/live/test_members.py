"""Members of one service over one database: what one has done the other does not do again, and what one leaves behind
the other says."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import AutoReconnect

from contracts.events.inspections import InspectionDueV1
from infra.runtime.ears import Ears, Wake
from infra.runtime.ledger import Conflict, Entry
from infra.runtime.letters import open_record, seal
from infra.runtime.line import Line
from infra.runtime.redrive import redrive
from infra.runtime.settings import RuntimeSettings
from tests.live.member import LONG_AGO, Kafka, Member, member, rings
from tests.live.rooms import settings_in
from tests.live.test_cluster import due

pytestmark = [pytest.mark.live, pytest.mark.timeout(60)]
HOUR_US = 3_600_000_000


@pytest.fixture
def settings(platform: Any, tmp_path: Path) -> RuntimeSettings:
    return settings_in(tmp_path, platform).model_copy(update={"clock": "system", "instance": uuid.uuid4().hex})


@pytest.fixture
def kafka() -> Kafka:
    made = Kafka()
    made.here.set()
    return made


async def arm(one: Member, name: str, key: str, at: datetime = LONG_AGO) -> None:
    page = one.ledger.page()
    entry = page.entry("test", "test", "test")
    entry.wake(at, name, key)
    page.accept(entry)
    await one.ledger.commit(page)


@pytest.mark.parametrize("name", ["ring", "call"])
async def test_timer_that_another_fired_has_no_effect(settings: RuntimeSettings, kafka: Kafka, name: str) -> None:
    """The first member is paused in the middle; the second fires the same timer meanwhile."""
    held, going = asyncio.Event(), asyncio.Event()

    async def rings_late(wake: Wake, entry: Entry) -> None:
        held.set()
        await going.wait()
        entry.say(due(wake.key))

    async with member(settings, "a", kafka, rings_late) as late, member(settings, "b", kafka) as quick:
        await arm(quick, name, "bell")
        firing = asyncio.create_task(late.timers.fire_due())
        await held.wait()
        assert await quick.timers.fire_due() == 1
        going.set()
        await firing
        assert await quick.ledger.db.bells.find_one({"_id": "bell"}) == {"_id": "bell", "times": 1, "_v": 1}
        await asyncio.gather(quick.relay.finish(), late.relay.finish())
        assert len(kafka.said) == 1
        assert late.health.report() == {} and await late.ledger.db.parked.count_documents({}) == 0
        assert await late.timers.fire_due() == 0


async def test_timer_that_another_set_anew_stays(settings: RuntimeSettings, kafka: Kafka) -> None:
    async with member(settings, "a", kafka) as one, member(settings, "b", kafka) as other:
        await arm(one, "ring", "bell")
        (row,) = await one.timers._due()
        await arm(other, "ring", "bell", later := datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1))
        await one.timers._fire_alone(row)
        assert await one.ledger.db.bells.find_one({}) is None and one.health.report() == {}
        (left,) = await one.ledger.db.timers.find({}).to_list(None)
        assert left["due"] == later


async def test_turn_that_is_lost_ends_the_firing(settings: RuntimeSettings, kafka: Kafka) -> None:
    turn = True
    async with member(settings, "a", kafka) as one:
        await arm(one, "ring", "first")
        running = asyncio.create_task(one.timers.run(lambda: turn))
        async with asyncio.timeout(20):
            while not await one.ledger.db.bells.find_one({"_id": "first"}):
                await asyncio.sleep(0.01)
        turn = False
        await running
        await one.timers.rested()
        await arm(one, "ring", "second")
        assert [bell["_id"] async for bell in one.ledger.db.bells.find({})] == ["first"]


async def test_who_takes_over_says_first_what_was_left(settings: RuntimeSettings, kafka: Kafka) -> None:
    """In its order, before its own, though the clock there was an hour ahead; the one that comes back finds nothing."""
    async with member(settings, "a", kafka) as gone:
        await gone.relay.finish()
        left = await gone.says("1", "2", "3")
        await gone.ledger.db.outbox.update_many({}, {"$inc": {"seq": HOUR_US}})
        (last,) = await gone.outbox()
    async with member(settings, "b", kafka) as heir:
        await heir.members.take_over()
        assert kafka.said == left
        own = await heir.says("4")
        assert [row["seq"] > last["seq"] for row in await heir.outbox()] == [True]
        heir.relay.doubt()
        await heir.relay.finish()
        assert kafka.said == [*left, *own]
    async with member(settings, "a", kafka) as back:
        await back.relay.finish()
        assert await back.outbox() == [] and kafka.said == [*left, *own]


async def test_adoption_of_unknown_outcome(
    settings: RuntimeSettings, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are its own now, but it was cut off before it knew: they still come before what it says."""
    settings = settings.model_copy(update={"relay_poll_seconds": 3600.0})
    async with member(settings, "a", kafka) as gone:
        await gone.relay.finish()
        left = await gone.says("1", "2")
    async with member(settings, "b", kafka) as heir:
        await heir.relay.finish()
        update_many = AsyncIOMotorCollection.update_many

        async def cut_off(self: AsyncIOMotorCollection[dict[str, Any]], *query: Any) -> None:
            await update_many(self, *query)
            raise AutoReconnect("cut")

        with monkeypatch.context() as patched:
            patched.setattr(AsyncIOMotorCollection, "update_many", cut_off)
            with pytest.raises(AutoReconnect):
                await heir.members.take_over()
        await heir.members.take_over()
        await heir.relay.commit(heir.page("3"))
        await heir.relay.finish()
        assert kafka.said[:2] == left and len(kafka.said) == 3


async def test_who_lives_says_its_own(settings: RuntimeSettings, kafka: Kafka) -> None:
    """The heir waits a moment: nothing is adopted, nothing said twice."""
    kafka.here.clear()
    async with member(settings, "a", kafka) as living, member(settings, "b", kafka) as heir:
        await living.relay.finish()
        said = await living.says("1", "2")
        living.relay.doubt()
        taking = asyncio.create_task(heir.members.take_over())
        await asyncio.sleep(0.1)
        assert not taking.done()
        kafka.here.set()
        await taking
        assert kafka.said == said and await heir.outbox() == []


async def test_what_another_has_adopted_is_waited_for_too(settings: RuntimeSettings, kafka: Kafka) -> None:
    """Two go on for a third: one is slow to say what that left, and the other does not begin before it is said."""
    async with member(settings, "a", kafka) as gone:
        await gone.relay.finish()
        left = await gone.says("1", "2")
    slow = Kafka()
    async with member(settings, "b", slow) as first, member(settings, "c", kafka) as second:
        await asyncio.gather(first.relay.finish(), second.relay.finish())
        taking = asyncio.create_task(second.members.take_over())
        await asyncio.sleep(0.2)
        await first.relay.adopt({"owner": "a"})
        await taking
        assert slow.said == [] and kafka.said == left


async def test_one_that_stays_silent_is_spoken_for(settings: RuntimeSettings, kafka: Kafka) -> None:
    """Without a change in the group, and not before the second look; never by one that cannot reach Kafka itself."""
    async with member(settings, "a", kafka) as gone:
        await gone.relay.finish()
        left = await gone.says("1", "2")
    async with member(settings, "b", kafka) as other:
        await other.relay.finish()
        first = await other.members.look({})
        assert first and kafka.said == []
        other.health.bad("kafka", "does not answer", restart=False)
        assert await other.members.look(first) == {} and kafka.said == []
        other.health.good("kafka")
        await other.members.look(await other.members.look({}))
        assert kafka.said == left and await other.outbox() == []


async def test_one_that_goes_on_is_left_alone(settings: RuntimeSettings, kafka: Kafka) -> None:
    async with member(settings, "a", kafka) as slow:
        await slow.relay.finish()
        first = await slow.says("1")
        await slow.says("2")
        async with member(settings, "b", kafka) as other:
            await other.relay.finish()
            seen = await other.members.look({})
            await slow.ledger.db.outbox.delete_one({"letters.id": first[0]})  # it was said
            await other.members.look(seen)
            assert kafka.said == [] and {row["owner"] for row in await other.outbox()} == {"a"}


async def test_letter_in_conflict_is_never_parked(settings: RuntimeSettings, kafka: Kafka) -> None:
    """However often another was first with its state."""
    async with member(settings, "a", kafka) as one, member(settings, "b", kafka) as other:
        tries, ears = 0, Ears("inspections")

        @ears.hears(InspectionDueV1)
        async def ring_on_due(told: InspectionDueV1, entry: Entry) -> None:
            nonlocal tries
            tries += 1
            await rings(Wake("ring", "bell", LONG_AGO), entry)
            if tries <= 12:
                page = other.ledger.page()
                rival = page.entry(f"rival-{tries}", "rings", "r")
                await rings(Wake("ring", "bell", LONG_AGO), rival)
                page.accept(rival)
                await other.ledger.commit(page)

        line = Line(ears, one.ledger, one.relay, one.health, settings, ("inspections",), {})
        told = seal(due("t"), id="t", said_at=LONG_AGO, correlation="t", causation="t", trace={})
        record = SimpleNamespace(
            topic="inspections", partition=0, offset=0, key=told.key, value=told.value, headers=list(told.headers),
            timestamp=0,
        )  # fmt: skip
        await line.handle([open_record(record)])
        bell = await one.ledger.db.bells.find_one({"_id": "bell"})
        assert bell and bell["times"] == 13
        assert await one.ledger.db.parked.count_documents({}) == 0 and one.health.report() == {}


async def test_letter_is_redriven_by_one(settings: RuntimeSettings, kafka: Kafka) -> None:
    async with member(settings, "a", kafka) as one, member(settings, "b", kafka) as other:
        id = "timer|ring|bell"
        row = {"_id": id, "type": "timer", "name": "ring", "key": "bell", "due": LONG_AGO}
        await one.ledger.db.parked.insert_one(row)
        page = other.ledger.page()
        page.unparked.append(id)
        assert await redrive(id, Ears("inspections"), one.ledger, one.relay) is None
        with pytest.raises(Conflict):
            await other.ledger.commit(page)
        assert await one.ledger.db.timers.count_documents({}) == 1
