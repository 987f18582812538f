"""What Kafka has is deleted from the outbox a little later, together; a member that lives does not say it again."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from infra.runtime import relay as relaying
from infra.runtime.bundles import Bundle
from infra.runtime.ledger import Conflict, Page
from infra.runtime.relay import Relay
from infra.runtime.settings import RuntimeSettings
from tests.live.member import Kafka, Member, member
from tests.live.rooms import settings_in

pytestmark = [pytest.mark.live, pytest.mark.timeout(60)]
NEVER = 3600.0


@pytest.fixture
def settings(platform: Any, tmp_path: Path) -> RuntimeSettings:
    return settings_in(tmp_path, platform).model_copy(update={"clock": "system", "instance": uuid.uuid4().hex})


@pytest.fixture
def kafka() -> Kafka:
    made = Kafka()
    made.here.set()
    return made


@pytest.fixture
def forgets_never(monkeypatch: pytest.MonkeyPatch) -> None:
    """But when it must."""
    monkeypatch.setattr(relaying, "_FORGET_SECONDS", NEVER)


@pytest.fixture
def deletions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were deleted at once, each time."""
    counts: list[int] = []
    forget = Relay._forget

    async def counted(self: Relay) -> None:
        counts.append(len(self._gone))
        await forget(self)

    monkeypatch.setattr(Relay, "_forget", counted)
    return counts


async def say_each(one: Member, names: Sequence[str]) -> list[str]:
    """Commits and says them, a page for each; returns their ids when Kafka has them."""
    ids: list[str] = []
    for name in names:
        one.relay.post(bundles := await one.commits(name))
        ids += [letter.id for bundle in bundles for letter in bundle.letters]
    async with asyncio.timeout(10):
        while not one.relay.idle:
            await asyncio.sleep(0.005)
    return ids


async def until_left(one: Member, most: int = 0) -> None:
    """Until there are not more rows in the outbox."""
    async with asyncio.timeout(10):
        while len(await one.outbox()) > most:
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("forgets_never")
async def test_finish_does_not_wait_for_the_time(settings: RuntimeSettings, kafka: Kafka) -> None:
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        said = await say_each(one, ["1", "2", "3"])
        assert kafka.said == said and len(await one.outbox()) == 3
        async with asyncio.timeout(10):
            await one.relay.finish()
        assert await one.outbox() == [] and kafka.said == said


@pytest.mark.usefixtures("forgets_never")
async def test_finish_that_began_before_covers_what_comes_after(settings: RuntimeSettings, kafka: Kafka) -> None:
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        kafka.here.clear()
        one.relay.post(await one.commits("1"))
        finishing = asyncio.create_task(one.relay.finish())
        await asyncio.sleep(0.05)
        one.relay.post(await one.commits("2"))
        assert not finishing.done() and not one.relay.idle
        kafka.here.set()
        async with asyncio.timeout(10):
            await finishing
        assert len(kafka.said) == 2 and await one.outbox() == []


async def test_what_kafka_has_is_deleted_by_itself_and_together(
    settings: RuntimeSettings, kafka: Kafka, deletions: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks, and nothing more is said; the slow poll would come an hour later."""
    monkeypatch.setattr(relaying, "_FORGET_SECONDS", 0.3)
    settings = settings.model_copy(update={"relay_poll_seconds": NEVER})
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        began = monotonic()
        said = await say_each(one, [str(number) for number in range(10)])
        await until_left(one)
        assert monotonic() - began >= 0.3 and kafka.said == said
    assert sum(deletions) == 10 and max(deletions) > 1


@pytest.mark.usefixtures("forgets_never")
async def test_many_rows_are_not_kept(settings: RuntimeSettings, kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "_FORGET_ROWS", 5)
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        said = await say_each(one, [str(number) for number in range(40)])
        await until_left(one, most=4)
        assert kafka.said == said


async def test_what_is_said_all_the_time_is_deleted_in_time(
    settings: RuntimeSettings, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few rows, none of them waits for a pause in what is said."""
    monkeypatch.setattr(relaying, "_FORGET_SECONDS", 0.2)
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        for number in range(12):
            await say_each(one, [str(number)])
            await asyncio.sleep(0.05)
        assert len(kafka.said) == 12 > len(await one.outbox())


async def test_what_nobody_holds_is_found_while_more_is_said(settings: RuntimeSettings, kafka: Kafka) -> None:
    """The slow poll does not wait for a pause either."""
    settings = settings.model_copy(update={"relay_poll_seconds": 0.3})
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        (forgotten,) = await one.says("forgotten")
        async with asyncio.timeout(10):
            while forgotten not in kafka.said:
                await say_each(one, [str(len(kafka.said))])
                await asyncio.sleep(0.1)


async def test_what_was_only_just_committed_is_not_forgotten(settings: RuntimeSettings, kafka: Kafka) -> None:
    """One look does not tell: whoever committed it may be about to post it."""
    settings = settings.model_copy(update={"relay_poll_seconds": NEVER})
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        bundles = await one.commits("1")
        await one.relay._look_for_forgotten()
        assert one.relay.idle
        one.relay.post(bundles)
        await one.relay.finish()
        (forgotten,) = await one.says("2")
        await one.relay._look_for_forgotten()
        assert one.relay.idle
        await one.relay._look_for_forgotten()
        await one.relay.finish()
        assert len(kafka.said) == 2 and kafka.said[1] == forgotten


@pytest.mark.usefixtures("forgets_never")
async def test_database_away_while_it_is_deleted(
    settings: RuntimeSettings, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is deleted when the database is back, and not said again."""
    forget, away = Relay._forget, True

    async def fails_once(self: Relay) -> None:
        nonlocal away
        if away:
            away, self._gone = False, []
            raise AutoReconnect("away")
        await forget(self)

    monkeypatch.setattr(Relay, "_forget", fails_once)
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        said = await say_each(one, ["1", "2"])
        async with asyncio.timeout(20):
            await one.relay.finish()
        assert not away and kafka.said == said and await one.outbox() == []


@pytest.mark.usefixtures("forgets_never")
async def test_doubt_says_nothing_twice(settings: RuntimeSettings, kafka: Kafka) -> None:
    """What a commit of unknown outcome left is said behind what was said before it."""
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        said = await say_each(one, ["1", "2"])
        late = await one.says("3")
        one.relay.doubt()
        async with asyncio.timeout(10):
            await one.relay.finish()
        assert kafka.said == [*said, *late] and await one.outbox() == []


@pytest.mark.usefixtures("forgets_never")
@pytest.mark.parametrize("heir", ["a", "b"], ids=["comes back", "another"])
async def test_one_that_dies_before_it_is_deleted(settings: RuntimeSettings, kafka: Kafka, heir: str) -> None:
    """Who goes on says it again, before its own, by the same ids and in the same order: hearers drop the repeat."""
    async with member(settings, "a", kafka) as gone:
        await gone.relay.finish()
        said = await say_each(gone, ["1", "2", "3"])
    async with member(settings, heir, kafka) as next_one:
        await next_one.members.take_over()
        own = await say_each(next_one, ["4"])
        await next_one.relay.finish()
        assert kafka.said == [*said, *said, *own] and await next_one.outbox() == []


@pytest.mark.usefixtures("forgets_never")
async def test_doubt_while_it_is_deleted(
    settings: RuntimeSettings, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for the outbox then waits for what came into doubt too."""
    settings = settings.model_copy(update={"relay_poll_seconds": NEVER})
    forget, late = Relay._forget, list[str]()

    async def doubted_meanwhile(self: Relay) -> None:
        await forget(self)
        if not late:
            late.extend(await one.says("late"))
            one.relay.doubt()

    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        said = await say_each(one, ["1", "2"])
        monkeypatch.setattr(Relay, "_forget", doubted_meanwhile)
        async with asyncio.timeout(10):
            await one.relay.finish()
        assert late and kafka.said == [*said, *late] and await one.outbox() == []


async def test_nothing_is_deleted_where_nothing_was_said(
    settings: RuntimeSettings, kafka: Kafka, deletions: list[int]
) -> None:
    """A trip to the database for nothing; and a kill there would be counted as one at a step that was none."""
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        one.relay.doubt()
        await one.relay.finish()
        assert deletions == []
        await say_each(one, ["1"])
        await one.relay.finish()
    assert deletions == [1]


async def test_commit_of_unknown_outcome_is_looked_up(
    settings: RuntimeSettings, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database has it, but was cut off before it could say so."""
    settings = settings.model_copy(update={"relay_poll_seconds": NEVER})
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        commit = one.ledger.commit

        async def cut_off(page: Page) -> list[Bundle]:
            await commit(page)
            raise AutoReconnect("cut")

        monkeypatch.setattr(one.ledger, "commit", cut_off)
        with pytest.raises(AutoReconnect):
            await one.relay.commit(one.page("1"))
        async with asyncio.timeout(10):
            await one.relay.finish()
        assert len(kafka.said) == 1 and await one.outbox() == []


async def test_commit_that_nobody_waits_for_is_waited_for_here(settings: RuntimeSettings, kafka: Kafka) -> None:
    """Cancelled at any moment, it is said whole before `finish` returns, or it was never begun."""
    settings, chance = settings.model_copy(update={"relay_poll_seconds": NEVER}), random.Random(1)
    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        for number in range(60):
            committing = asyncio.create_task(one.relay.commit(one.page(f"{number}a", f"{number}b")))
            await asyncio.sleep(chance.uniform(0, 0.008))
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)
            async with asyncio.timeout(10):
                await one.relay.finish()
            assert await one.outbox() == []
        await asyncio.sleep(0.2)
        assert await one.outbox() == [] and 0 < len(kafka.said) == len(set(kafka.said)) <= 120


async def test_conflict_leaves_no_doubt(
    settings: RuntimeSettings, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known that nothing was committed: the relay need not ask."""

    async def conflicts(page: Page) -> list[Bundle]:
        raise Conflict("another was first")

    async with member(settings, "a", kafka) as one:
        await one.relay.finish()
        monkeypatch.setattr(one.ledger, "commit", conflicts)
        with pytest.raises(Conflict):
            await one.relay.commit(one.page("1"))
        assert one.relay.idle and kafka.said == []
