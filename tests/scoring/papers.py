"""A small agreement and the events of a made-up month, for the tests of this room."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any

from contracts.agreements.agreement import Agreement
from contracts.events.assets import ReadingReceivedV1
from contracts.events.event import Event
from contracts.events.incidents import (
    FaultOpenedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
)
from contracts.events.inspections import InspectionDoneV1, InspectionDueV1, InspectionMissedV1, ItemResult
from contracts.events.measured import Measured
from contracts.values import Words
from services.scoring.recorded import Recorded

LOCAL = timezone(timedelta(hours=8))
HOUR = timedelta(hours=1)
SOURCE = {"row": "W3", "clause": "2.4"}
TERMS: dict[str, Any] = {"starts": "2026-04-01", "ends": "2027-03-31"}


def words(text: str) -> dict[str, str]:
    return {"zh": text, "en": text}


def entry(id: str, **terms: Any) -> dict[str, Any]:
    return {"id": id, "title": words(id), "source": SOURCE, **terms}


def measure(code: str, standing: str = "required") -> dict[str, Any]:
    return {"code": code, "unit": "ug/m3", "low": "0", "high": "1000", "standing": standing}


def site(id: str, since: str = "2020-01-01") -> dict[str, Any]:
    assets = [
        entry(f"{id}.pm", kind="analyser", measures=[measure("a34004"), measure("a34002")]),
        entry(f"{id}.o3", kind="analyser", measures=[measure("a05024"), measure("a01001", "informative")]),
    ]
    return entry(id, kind="station", since=since, assets=assets)


FAULT_KINDS = [
    entry("broken", family="instrument", severity="major", invalidates=True),
    entry("power-lost", family="power", severity="major", pauses="power", invalidates=True),
    entry("line-lost", family="communication", severity="minor"),
]
INDICATORS = [
    entry("capture", measure="capture", at_least="0.90", excludes_power=True),
    entry("validity", measure="validity", at_least="0.85", excludes_power=True),
    entry("raw-capture", measure="capture", at_least="0.75"),
    entry("handling", measure="handling", at_least="1"),
    entry("in-time", measure="in_time", at_least="0.9"),
]
PLANS = [
    entry(
        "patrol",
        repeats="FREQ=DAILY;BYHOUR=0;BYMINUTE=0;BYSECOND=0",
        lasts="until_next",
        items=[entry("inlet", group="sampling"), entry("door", group="room")],
    )
]
SHEET: dict[str, Any] = {
    **entry("sheet"),
    "parts": [
        entry(
            "tasks", points="20", deductions=[entry("missed", counts={"of": "missed", "plans": ["patrol"]}, points="5")]
        ),
        entry(
            "faults",
            points="30",
            deductions=[
                entry("late", counts={"of": "breaches", "clauses": ["on-site", "solved"]}, points="2.5", cap="10"),
                entry("broken", counts={"of": "faults", "kinds": ["broken"]}, points="1", cap="25"),
            ],
        ),
        entry(
            "room",
            points="10",
            deductions=[entry("items", counts={"of": "failed_items", "groups": ["room", "sampling"]}, points="3")],
        ),
        entry(
            "data",
            points="40",
            deductions=[
                entry(
                    "unmet", counts={"of": "unmet", "indicators": ["handling", "in-time", "raw-capture"]}, points="15"
                )
            ],
        ),
    ],
    "gates": ["capture", "validity"],
    "gate_points": "0",
}


def agreement(
    *,
    sites: Iterable[dict[str, Any]] | None = None,
    fee: str = "860000.00",
    pricing: dict[str, Any] | None = None,
    sheet: dict[str, Any] | None = None,
    **terms: Any,
) -> Agreement:
    """An agreement with one lot; by default seven stations in the manner of wuhan-air."""
    lot = entry(
        "lot-1",
        supplier="keeper",
        sites=list(sites or [site(f"s{n}") for n in range(1, 8)]),
        plans=PLANS,
        fault_kinds=FAULT_KINDS,
        indicators=INDICATORS,
        sheet=sheet or SHEET,
        payment=entry("fee", annual_fee=fee, pricing=pricing or {"rule": "proportional"}, closes="P5D"),
        notices={"groups": [], "routes": []},
    )
    parties = [{"id": "office", "title": words("office")}, {"id": "keeper", "title": words("keeper")}]
    document = entry("air", version=1, buyer="office", parties=parties, lots=[lot], **{**TERMS, **terms})
    document["calendar"] = {"id": "cn", "years": {}, "hours": []}
    return Agreement.model_validate(document)


def at(day: int, hour: float = 0, month: int = 4) -> datetime:
    """Local time of a day in 2026, in UTC."""
    return (datetime(2026, month, day, tzinfo=LOCAL) + timedelta(hours=hour)).astimezone(UTC)


@cache
def reading(site: str, hour: datetime, **values: str | None) -> Recorded:
    """An hour reading; a value of None was not sent, `"12 D"` carries a flag."""
    measured = {}
    for code, text in values.items():
        value, _, flag = (text or "").partition(" ")
        measured[code] = Measured(value=Decimal(value) if value else None, flag=flag or "N")
    key = f"{site}/hour/{hour:%Y%m%dT%H%M%SZ}"
    event = ReadingReceivedV1(
        at=hour + HOUR, reading=key, site=site, kind="hour", time=hour, values=measured, received_at=hour + HOUR
    )
    return Recorded(f"reading {key}", event)


def reading_again(site: str, hour: datetime, number: int, released: bool, **values: str | None) -> Recorded:
    """Another packet of the same hour, later; or what people released of one."""
    first = reading(site, hour, **values)
    assert isinstance(first.event, ReadingReceivedV1)
    more = {
        "received_at": hour + (2 + number) * HOUR,
        "digest": f"{number}",
        "released_from": "r" if released else None,
    }
    return Recorded(f"{first.id} again {number}", first.event.model_copy(update=more))


def full_hours(site: str, start: datetime, end: datetime) -> list[Recorded]:
    """Good readings of every parameter, hour by hour."""
    hours = int((end - start) / HOUR)
    return [reading(site, start + n * HOUR, a34004="35", a34002="60", a05024="80") for n in range(hours)]


def _fault(site: str, fault: str, kind: str, asset: str) -> dict[str, Any]:
    return {
        "agreement": "air",
        "agreement_version": 1,
        "lot": "lot-1",
        "site": site,
        "fault": fault,
        "kind": kind,
        "asset": asset,
    }


def opened(
    site: str, fault: str, kind: str, when: datetime, asset: str | None = None, code: str | None = None, **more: Any
) -> Recorded:
    event = FaultOpenedV1(
        **_fault(site, fault, kind, asset or site),
        at=when,
        since=more.pop("since", when),
        family="instrument",
        severity="major",
        title=Words(**words(kind)),
        source="reading",
        code=code,
        **more,
    )
    return Recorded(f"opened {fault}", event)


def resolved(site: str, fault: str, kind: str, when: datetime, asset: str | None = None, n: int = 1) -> Recorded:
    event = FaultResolvedV1(**_fault(site, fault, kind, asset or site), at=when, by="li", posted_at=when)
    return Recorded(f"resolved {fault}" if n == 1 else f"resolved {fault} {n}", event)


def reopened(site: str, fault: str, kind: str, when: datetime, asset: str | None = None, n: int = 1) -> Recorded:
    event = FaultReopenedV1(**_fault(site, fault, kind, asset or site), at=when, by="rule:r", posted_at=when)
    return Recorded(f"reopened {fault} {n}", event)


def breached(site: str, fault: str, clause: str, due: datetime, n: int = 1) -> Recorded:
    event = SlaBreachedV1(
        **_fault(site, fault, "broken", site),
        at=due,
        due=due,
        clause=clause,
        title=Words(**words(clause)),
        severity="major",
    )
    return Recorded(f"breached {fault} {clause} {n}", event)


def withdrawn(site: str, fault: str, clause: str, due: datetime, n: int = 1) -> Recorded:
    event = SlaBreachWithdrawnV1(
        **_fault(site, fault, "broken", site),
        at=due + HOUR,
        due=due,
        clause=clause,
        title=Words(**words(clause)),
        reason=Words(**words("heard later")),
    )
    return Recorded(f"withdrawn {fault} {clause} {n}", event)


def _task(site: str, task: str, opens: datetime, closes: datetime) -> dict[str, Any]:
    return {
        "task": task,
        "agreement": "air",
        "lot": "lot-1",
        "site": site,
        "plan": "patrol",
        "opens": opens,
        "closes": closes,
    }


def due(site: str, task: str, opens: datetime, closes: datetime) -> Recorded:
    return Recorded(f"due {task}", InspectionDueV1(**_task(site, task, opens, closes), at=opens))


def missed(site: str, task: str, opens: datetime, closes: datetime) -> Recorded:
    return Recorded(f"missed {task}", InspectionMissedV1(**_task(site, task, opens, closes), at=closes))


def done(
    site: str, task: str, opens: datetime, closes: datetime, when: datetime, failed: Iterable[str] = (), n: int = 1
) -> Recorded:
    items = tuple(ItemResult(item=item, ok=item not in set(failed)) for item in ("inlet", "door"))
    event = InspectionDoneV1(**_task(site, task, opens, closes), at=when, by="li", posted_at=when, items=items)
    return Recorded(f"done {task} {n}", event)


def exported(events: Iterable[Recorded]) -> list[dict[str, Any]]:
    """As the export writes them."""
    return [exported_one(known.id, known.event) for known in events]


def exported_one(id: str, event: Event) -> dict[str, Any]:
    data = json.loads(event.model_dump_json())
    return {
        "id": id,
        "type": event.type(),
        "source": "/watchbill/x",
        "subject": event.key,
        "time": data["at"],
        "data": data,
    }


def document_of(agreement: Agreement) -> dict[str, Any]:
    """As it is published."""
    document: dict[str, Any] = json.loads(agreement.model_dump_json())
    return document
