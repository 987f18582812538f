"""Two members of scoring at one month: evidence that one keeps while the other reckons is never passed over."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from contracts.events.assets import AgreementPublishedV1
from infra.runtime.clock import MovableClock
from infra.runtime.connections import mongo_client
from infra.runtime.ears import Wake
from infra.runtime.ledger import Conflict, Entry, Ledger, Page
from infra.runtime.letters import Letter
from services.scoring.handlers import (
    ask_for_score_on_breach,
    ears,
    keep_evidence,
    post_score_when_bundled,
    settle_again_on_late_evidence,
    settle_when_month_closes,
)
from services.scoring.late import LateMonth
from services.scoring.recorded import Recorded
from services.scoring.span import close_of
from services.scoring.store import INDEXES, Settlement
from tests.live.rooms import settings_in
from tests.scoring import papers
from tests.scoring.papers import at

pytestmark = [pytest.mark.live, pytest.mark.timeout(60)]
TERMS = papers.agreement(sites=[papers.site("s1"), papers.site("s2")])
CLOSES = close_of(TERMS.lot("lot-1"), "2026-04")
MISSED = papers.missed("s1", "p1", at(5), at(6))
Does = Callable[[Entry], Awaitable[None]]


@dataclass
class Two:
    """Two members over one database."""

    one: Ledger
    other: Ledger

    async def decided(self, member: Ledger, does: Does) -> Page:
        """What this member decides now, not committed yet."""
        page = member.page()
        entry = page.entry(uuid.uuid4().hex, "decides", "c")
        await does(entry)
        page.accept(entry)
        return page

    async def does(self, does: Does) -> None:
        await self.one.commit(await self.decided(self.one, does))

    async def late(self) -> bool:
        return await self.one.db[LateMonth.COLLECTION].count_documents({}) > 0

    async def missed_in(self, revision: int) -> bool:
        """Whether the missed task took points in this settlement."""
        kept = await self.one.db[Settlement.COLLECTION].find_one({"revision": revision})
        assert kept
        (site,) = [one for one in Settlement.of(kept).settlement.sites if one.site == "s1"]
        return site.points < 100


@pytest.fixture
async def two(platform: Any, tmp_path: Path) -> AsyncIterator[Two]:
    settings = settings_in(tmp_path, platform)
    client, clock = mongo_client(settings, "scoring"), MovableClock(at(1))
    name = f"{settings.database_prefix}_scoring"
    made = Two(*(Ledger(client, name, clock, member) for member in ("a", "b")))
    await made.one.prepare({"agreements", "places", "lots", *INDEXES}, 30)
    published = AgreementPublishedV1(at=at(1), agreement="air", version=1, digest="", document=TERMS)
    for hearing in ears.hearings[AgreementPublishedV1]:
        await made.does(lambda entry, hearing=hearing: hearing.handler(published, entry))  # type: ignore[misc]
    clock.move(CLOSES, CLOSES)
    yield made
    client.close()


def keeps(told: Recorded) -> Does:
    async def keep(entry: Entry) -> None:
        value = told.event.model_dump_json().encode()
        letter = SimpleNamespace(id=told.id, type=told.event.type(), attributes={}, value=value)
        await keep_evidence([(cast(Letter, letter), told.event)], entry)

    return keep


def wakes(name: str, key: str, due: datetime = CLOSES) -> Does:
    handlers = {
        "close-month": settle_when_month_closes,
        "settle-again": settle_again_on_late_evidence,
        "post-score": post_score_when_bundled,
    }
    return lambda entry: handlers[name](Wake(name, key, due), entry)


CLOSE, AGAIN = wakes("close-month", "air/lot-1/2026-04"), wakes("settle-again", "air/lot-1/2026-04")


async def test_month_does_not_close_over_evidence(two: Two) -> None:
    closing = await two.decided(two.other, CLOSE)
    await two.does(keeps(MISSED))
    with pytest.raises(Conflict):
        await two.other.commit(closing)
    await two.other.commit(await two.decided(two.other, CLOSE))
    assert await two.missed_in(1) and not await two.late()


async def test_evidence_finds_the_month_closed(two: Two) -> None:
    keeping = await two.decided(two.one, keeps(MISSED))
    await two.other.commit(await two.decided(two.other, CLOSE))
    with pytest.raises(Conflict):
        await two.one.commit(keeping)
    await two.does(keeps(MISSED))
    assert await two.late()


async def test_late_month_is_not_settled_over_evidence(two: Two) -> None:
    await two.does(CLOSE)
    await two.does(keeps(papers.missed("s2", "p0", at(5), at(6))))
    assert await two.late()
    again = await two.decided(two.other, AGAIN)
    await two.does(keeps(MISSED))
    with pytest.raises(Conflict):
        await two.other.commit(again)
    await two.other.commit(await two.decided(two.other, AGAIN))
    assert await two.missed_in(2) and not await two.late()


async def test_score_so_far_is_not_posted_over_a_finding(two: Two) -> None:
    first, second = (papers.breached("s1", fault, "solved", at(5, hour)) for hour, fault in enumerate(("f1", "f2")))
    await two.does(lambda entry: ask_for_score_on_breach(cast(Any, first.event), entry))
    scoring = await two.decided(two.other, wakes("post-score", "air/lot-1/2026-04/s1/1"))
    await two.does(lambda entry: ask_for_score_on_breach(cast(Any, second.event), entry))
    with pytest.raises(Conflict):
        await two.other.commit(scoring)
