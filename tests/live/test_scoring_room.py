"""The scoring room on the real broker and database: findings, the close of a month, and computing it again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from pydantic import BaseModel

from contracts.agreements.agreement import Agreement
from contracts.events.assets import AgreementPublishedV1
from contracts.events.catalog import EVENTS
from contracts.events.event import Event
from contracts.events.scoring import ScorePostedV1, SettlementComputedV1
from infra.runtime.acts import Act
from infra.runtime.ears import Ears
from infra.runtime.ledger import Entry, Ledger
from infra.runtime.room import Room
from infra.runtime.security import Identity, Role, allow
from infra.runtime.settings import RuntimeSettings
from services.scoring.api import router
from services.scoring.handlers import ears
from services.scoring.recorded import Recorded
from services.scoring.store import INDEXES, Settlement
from tests.live.rooms import CONDUCTOR, move, opened, settings_in, settle, token
from tests.scoring import papers
from tests.scoring.papers import at
from tests.scoring.plain import settle_plainly

pytestmark = pytest.mark.live
AGREEMENT = papers.agreement(sites=[papers.site("s1"), papers.site("s2")])


class Telling(BaseModel):
    type: str
    data: dict[str, Any]


class Story(BaseModel):
    tells: list[Telling]


class Told(BaseModel):
    ids: list[str]


def teller(settings: RuntimeSettings, heard: list[Event]) -> Room:
    """A room that says what it is told to, for all the others, and hears what scoring says."""
    telling, listens = APIRouter(), Ears("assets")

    @listens.hears(ScorePostedV1)
    async def note_score(posted: ScorePostedV1, entry: Entry) -> None:
        heard.append(posted)

    @listens.hears(SettlementComputedV1)
    async def note_settlement(computed: SettlementComputedV1, entry: Entry) -> None:
        heard.append(computed)

    @telling.post("/tell", dependencies=[allow("service")])
    async def tell(story: Story, act: Act) -> Told:
        async def say(entry: Entry, caller: Identity) -> Told:
            return Told(ids=[entry.say(EVENTS[one.type].model_validate(one.data)) for one in story.tells])

        return await act("tell", story, say)

    return Room("assets", listens, telling, settings=settings)


@dataclass
class Town:
    teller: httpx.AsyncClient
    scoring: httpx.AsyncClient
    settings: RuntimeSettings
    ledger: Ledger
    heard: list[Event]
    """What scoring said of settled months."""

    async def askers(self) -> dict[str, str]:
        """Who asked for each settlement."""
        return {kept["_id"]: kept["by"] async for kept in self.ledger.db[Settlement.COLLECTION].find()}

    async def tell(self, events: Iterable[Recorded]) -> list[str]:
        story = {"tells": [{"type": e["type"], "data": e["data"]} for e in papers.exported(events)]}
        answer = await self.teller.post("/tell", json=story, headers=CONDUCTOR)
        assert answer.status_code == 200, answer.text
        await self.settle()
        ids: list[str] = answer.json()["ids"]
        return ids

    async def move(self, now: datetime) -> None:
        await move((self.teller, self.scoring), now)
        await self.settle()

    async def settle(self) -> None:
        await settle((self.teller, self.scoring))

    async def get(self, path: str, role: Role = "buyer", organisation: str = "office") -> httpx.Response:
        return await self.scoring.get(path, headers=self._token(role, organisation))

    async def post(self, path: str, role: Role = "administrator") -> httpx.Response:
        return await self.scoring.post(path, headers=self._token(role, "office"))

    def _token(self, role: Role, organisation: str) -> dict[str, str]:
        return token(self.settings, role, organisation)


@pytest.fixture
async def town(platform: Any, tmp_path: Path) -> AsyncIterator[Town]:
    settings = settings_in(tmp_path, platform)
    scoring = Room("scoring", ears=ears, router=router, indexes=INDEXES, settings=settings)
    heard: list[Event] = []
    async with opened(teller(settings, heard)) as tells, opened(scoring) as scores:
        made = Town(tells, scores, settings, scoring.ledger, heard)
        await made.move(at(1))
        yield made


def published(agreement: Agreement) -> Recorded:
    event = AgreementPublishedV1(at=at(1), agreement=agreement.id, version=1, digest="", document=agreement)
    return Recorded("published", event)


async def test_month_closes_and_is_computed_again(town: Town) -> None:
    missed, done = papers.missed("s1", "p1", at(5), at(6)), papers.done("s1", "p1", at(5), at(6), at(5, 23))
    await town.tell(
        [
            published(AGREEMENT),
            *papers.full_hours("s1", at(1), at(6)),
            papers.opened("s1", "f1", "broken", at(5, 8), "s1.o3"),
            papers.resolved("s1", "f1", "broken", at(5, 14), "s1.o3"),
        ]
    )
    await town.move(at(6))
    await town.tell([missed, papers.breached("s1", "f1", "solved", at(5, 12))])
    assert (await town.get("/v1/scores?month=2026-04")).json() == []
    await town.move(at(6) + timedelta(seconds=2))
    so_far = (await town.get("/v1/scores?month=2026-04")).json()
    assert [(score["score"], score["points"]) for score in so_far] == [("air/lot-1/2026-04/p1/s1", "76.50")]

    await town.tell(papers.full_hours("s1", at(6), at(1, month=5)))
    await town.move(at(6, month=5))
    first = (await town.get("/v1/settlements?month=2026-04")).json()
    export = await town.get("/v1/events?month=2026-04")
    events = [json.loads(line) for line in export.text.splitlines()]
    plain = settle_plainly(events, papers.document_of(AGREEMENT))["lot-1/2026-04"]
    assert [one["settlement"] for one in first] == ["air/lot-1/2026-04/r1"]
    assert {key: first[0][key] for key in ("gross", "deducted", "payable")} == {
        key: plain[key] for key in ("gross", "deducted", "payable")
    }
    assert (
        [site["points"] for site in first[0]["sites"]]
        == [site["points"] for site in plain["sites"].values()]
        == ["76.50", "0.00"]
    )
    assert len([e for e in events if e["type"] == "ReadingReceivedV1"]) == 720

    assert (await town.post("/v1/scores/2026-04/recompute")).json()["changed"] == []
    await town.tell([done])
    assert (await town.post("/v1/scores/2026-04/recompute")).json()["changed"] == ["air/lot-1/2026-04/r2"]
    assert [s["points"] for s in (await town.get("/v1/scores?month=2026-04")).json()] == ["96.50", "0.00"]
    line = "air/lot-1/2026-04/r2/s1/faults/late"
    tree = (await town.get(f"/v1/settlements/air/lot-1/2026-04/r2/explain?line={line}")).json()
    assert tree["branches"][0]["branches"][0]["kind"] == "breach"
    assert (await town.post("/v1/scores/2026-05/recompute")).status_code == 409


async def settled_april(town: Town) -> None:
    """April with a month of good hours at one site and a missed patrol, closed on 6 May."""
    await town.tell([published(AGREEMENT), *papers.full_hours("s1", at(1), at(1, month=5))])
    await town.move(at(6))
    await town.tell([papers.missed("s1", "p1", at(5), at(6))])
    await town.move(at(6, month=5))


async def revisions(town: Town) -> list[tuple[str, str, str]]:
    """Every settlement with the points of its first site and what is paid."""
    known = (await town.get("/v1/settlements?month=2026-04")).json()
    return [(one["settlement"].rpartition("/")[2], one["sites"][0]["points"], one["payable"]) for one in known]


async def test_late_evidence_settles_a_month_again(town: Town) -> None:
    await settled_april(town)
    assert await revisions(town) == [("r1", "80.00", "28666.66")]
    assert (await town.get("/v1/late-months")).json() == []
    await town.move(at(6, 5, month=5))
    await town.tell([papers.done("s1", "p1", at(5), at(6), at(5, 23))])
    await town.move(at(6, 5.5, month=5))
    await town.tell([papers.breached("s2", "f1", "solved", at(30))])
    (late,) = (await town.get("/v1/late-months")).json()
    assert (late["id"], late["since"], late["due"]) == (
        "air/lot-1/2026-04",
        "2026-05-05T21:00:00Z",
        "2026-05-05T22:00:00Z",
    )
    assert len(await revisions(town)) == 1

    await town.move(at(6, 6, month=5))
    assert await revisions(town) == [("r1", "80.00", "28666.66"), ("r2", "100.00", "35833.33")]
    assert await town.askers() == {"air/lot-1/2026-04/r1": "", "air/lot-1/2026-04/r2": "late evidence"}
    said = [event for event in town.heard if event.at == at(6, 6, month=5)]
    assert [getattr(event, "score", None) or getattr(event, "settlement", None) for event in said] == [
        "air/lot-1/2026-04/r2/s1",
        "air/lot-1/2026-04/r2/s2",
        "air/lot-1/2026-04/r2",
    ]
    assert (await town.get("/v1/late-months")).json() == []
    tree = (await town.get("/v1/settlements/air/lot-1/2026-04/r2/explain")).json()
    assert tree["title"]["zh"].endswith("（第 2 版）")


async def test_late_evidence_of_no_account_is_silent(town: Town) -> None:
    """What was posted already and an hour that changes no price: looked at twice, and nothing is said."""
    await settled_april(town)
    said = len(town.heard)
    again = [papers.missed("s1", "p1", at(5), at(6)), papers.reading("s1", at(30, 23), a34004="36")]
    for hour in (5, 7):
        await town.move(at(6, hour, month=5))
        await town.tell(again)
        assert len((await town.get("/v1/late-months")).json()) == 1
        await town.move(at(6, hour + 1, month=5))
        assert (await town.get("/v1/late-months")).json() == []
    assert await revisions(town) == [("r1", "80.00", "28666.66")]
    assert len(town.heard) == said


async def test_reopened_fault_settles_its_months_again(town: Town) -> None:
    """Two faults were over in March, so it was said. One of them was not: April is settled again, with it."""
    march = [
        *(papers.opened("s1", fault, "line-lost", at(20, month=3)) for fault in ("f1", "f2")),
        *(papers.breached("s1", fault, "solved", at(20, 4, month=3)) for fault in ("f1", "f2")),
        *(papers.resolved("s1", fault, "line-lost", at(29, month=3)) for fault in ("f1", "f2")),
    ]
    await town.tell(march)
    await settled_april(town)
    assert await revisions(town) == [("r1", "80.00", "28666.66")]
    await town.move(at(6, 5, month=5))
    assert await faults_of(town, "2026-04") == set()
    await town.tell([papers.reopened("s1", "f1", "line-lost", at(31, month=3))])
    assert await faults_of(town, "2026-04") == {"f1"}
    assert [late["month"] for late in (await town.get("/v1/late-months")).json()] == ["2026-04"]
    await town.move(at(6, 6, month=5))
    assert await revisions(town) == [("r1", "80.00", "28666.66"), ("r2", "65.00", "23291.66")]
    await town.tell([papers.resolved("s1", "f1", "line-lost", at(31, 1, month=3), n=2)])
    assert await faults_of(town, "2026-04") == set()
    await town.move(at(6, 8, month=5))
    assert (await revisions(town))[-1] == ("r3", "80.00", "28666.66")


async def faults_of(town: Town, month: str) -> set[str]:
    """The faults that the score of this month looks at."""
    export = await town.get(f"/v1/events?month={month}")
    told = [json.loads(line)["data"] for line in export.text.splitlines()]
    return {data["fault"] for data in told if "fault" in data}


async def test_evidence_before_the_close_marks_nothing(town: Town) -> None:
    """A day of back-fill, and what comes between the end of the month and its close, is in the first settlement."""
    hours = papers.full_hours("s1", at(1), at(1, month=5))
    await town.tell([published(AGREEMENT), *hours[:480], *hours[504:]])
    await town.move(at(23))
    await town.tell(hours[480:500])
    await town.move(at(3, month=5))
    await town.tell([*hours[500:504], papers.missed("s1", "p1", at(5), at(6))])
    assert (await town.get("/v1/late-months")).json() == []
    await town.move(at(8, month=5))
    assert await revisions(town) == [("r1", "80.00", "28666.66")]
    live = papers.reading("s1", at(7, 22, month=5), a34004="35")
    await town.tell([papers.opened("s1", "f1", "line-lost", at(8, month=5)), live])
    assert (await town.get("/v1/late-months")).json() == []


async def test_supplier_sees_its_own_lots(town: Town) -> None:
    await town.tell([published(AGREEMENT)])
    await town.move(at(6, month=5))
    own = await town.get("/v1/settlements", "supplier", "keeper")
    assert len(own.json()) == 1
    assert (await town.get("/v1/settlements", "supplier", "rival")).json() == []
    assert (await town.get("/v1/settlements/air/lot-1/2026-04/r1", "supplier", "rival")).status_code == 404
    assert (await town.get("/v1/events?month=2026-04", "supplier", "keeper")).status_code == 403
    assert (await town.post("/v1/scores/2026-04/recompute", "buyer")).status_code == 403


async def test_storm_of_findings_makes_one_score(town: Town) -> None:
    await town.tell([published(AGREEMENT)])
    await town.move(at(10))
    await town.tell([papers.breached("s2", f"f{n}", "solved", at(9, n)) for n in range(8)])
    await town.tell([papers.breached("s2", "f9", "solved", at(9, 9))])
    await town.move(at(10, 1))
    scores = (await town.get("/v1/scores?month=2026-04")).json()
    found = [(score["score"], score["lines"][0]["count"]) for score in scores if score["site"] == "s2"]
    assert found == [("air/lot-1/2026-04/p1/s2", 9)]
