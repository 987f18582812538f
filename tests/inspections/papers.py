"""A small agreement, its tasks and posts, for the tests of this room."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from contracts.agreements.agreement import Agreement
from contracts.agreements.plans import InspectionPlan
from contracts.events.inspections import ItemResult, Position
from services.inspections.domain.listing import tasks_for
from services.inspections.domain.task import Task
from services.inspections.domain.timing import Readings
from services.inspections.domain.work import Work

LOCAL = timezone(timedelta(hours=8))
STARTS, ENDS = date(2026, 4, 1), date(2026, 6, 30)
SOURCE = {"row": "W4", "clause": "2.4"}
PHOTOS = tuple(letter * 64 for letter in "abc")


def words(text: str) -> dict[str, str]:
    return {"zh": f"{text}（中）", "en": text}


def entry(id: str, **terms: Any) -> dict[str, Any]:
    return {"id": id, "title": words(id), "source": SOURCE, **terms}


def at(day: int, hour: int = 0, minute: int = 0, month: int = 4) -> datetime:
    """A local wall time of 2026, in UTC."""
    return datetime(2026, month, day, hour, minute, tzinfo=LOCAL).astimezone(UTC)


def plan(
    id: str = "check", repeats: str = "FREQ=DAILY;BYHOUR=6,12", lasts: str = "PT6H", **terms: Any
) -> dict[str, Any]:
    return entry(id, repeats=repeats, lasts=lasts, **{"items": [entry("inlet", group="sampling")], **terms})


PATROL = plan(
    "patrol",
    "FREQ=WEEKLY;BYDAY=MO;BYHOUR=0;BYMINUTE=0;BYSECOND=0",
    "P7D",
    evidence={"position": True, "photos": 2},
    items=[entry("inlet", group="sampling"), entry("door", group="room")],
)


def site(id: str, since: str = "2020-01-01") -> dict[str, Any]:
    return entry(id, kind="station", since=since, assets=[entry(f"{id}.pm", kind="analyser")])


def agreement(*plans: dict[str, Any], sites: tuple[dict[str, Any], ...] = (), **terms: Any) -> Agreement:
    """By default two stations, checked twice a day and patrolled weekly from Monday, in April to June 2026."""
    lot = entry(
        "lot-1",
        supplier="keeper",
        sites=list(sites or (site("s1"), site("s2"))),
        plans=list(plans or (plan(), PATROL)),
        fault_kinds=[],
        sheet={**entry("sheet"), "parts": [entry("all", points="100")]},
        payment=entry("fee", annual_fee="120000.00", pricing={"rule": "proportional"}, closes="P5D"),
        notices={"groups": [], "routes": []},
    )
    parties = [{"id": id, "title": words(id)} for id in ("office", "keeper")]
    document = entry("air", version=1, starts=STARTS, ends=ENDS, buyer="office", parties=parties, lots=[lot])
    document["calendar"] = {"id": "cn", "years": {}, "hours": []}
    return Agreement.model_validate({**document, **terms})


def only_plan(terms: Agreement) -> InspectionPlan:
    return terms.lots[0].plans[0]


def task(plan: str = "patrol", site: str = "s1", opens: datetime | None = None) -> Task:
    """The patrol of the week from Monday the 6th of April, unless another is asked for."""
    wanted = opens or at(6)
    found = tasks_for(agreement(), wanted, wanted + timedelta(minutes=1))
    return next(one for one in found if (one.plan, one.site, one.opens) == (plan, site, wanted))


def answers(**ok: bool) -> tuple[ItemResult, ...]:
    return tuple(ItemResult(item=item, ok=fine) for item, fine in (ok or {"inlet": True, "door": True}).items())


def work(done: datetime, **more: Any) -> Work:
    """A complete patrol, done at `done` by a phone that shows no other time."""
    place = Position(latitude=Decimal("30.5"), longitude=Decimal("114.3"), accuracy_metres=Decimal("8"))
    told = {"by": "li", "items": answers(), "photos": PHOTOS[:2], "position": place, "readings": Readings(done)}
    return Work(**{**told, **more})
