"""The rounds: how the engineers' phones post the tasks of the plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from contracts.agreements.agreement import Lot
from watchbill.demo.cast import ZONE, Script

AFTER_OPENING: Mapping[str, timedelta] = {
    "remote-check": timedelta(hours=3),
    "weekly-patrol": timedelta(days=1, hours=14),
    "monthly": timedelta(days=14, hours=15),
}
"""How long after its window opened a task is done; the longer lists on the script's day, at four."""


@dataclass(frozen=True, slots=True)
class Post:
    """A result to be posted at `posted`."""

    posted: datetime
    site: str
    task: str
    body: dict[str, Any]


def post_for(task: Mapping[str, Any], lot: Lot, script: Script, now: datetime) -> Post | None:
    """How and when a task will be posted; None: nobody does it."""
    opens = datetime.fromisoformat(task["opens"])
    key = (str(task["plan"]), str(task["site"]), opens.astimezone(ZONE).date())
    if key in script.skipped:
        return None
    done = max(_done_at(task, opens, lot, script.long_lists_on), now)
    posted = done + script.posted_late.get(key, timedelta(0))
    return Post(posted, task["site"], task["task"], _body(task, lot, done, posted, script.failed.get(key)))


def _done_at(task: Mapping[str, Any], opens: datetime, lot: Lot, long_lists_on: date) -> datetime:
    place = [site.id for site in lot.sites].index(task["site"])
    if task["plan"] == "weekly-patrol":
        return opens + AFTER_OPENING["weekly-patrol"] + timedelta(days=place // 2, minutes=30 * (place % 2))
    if task["plan"] in AFTER_OPENING:
        return opens + AFTER_OPENING[task["plan"]]
    return datetime.combine(long_lists_on, datetime.min.time(), ZONE) + timedelta(hours=16)


def _body(task: Mapping[str, Any], lot: Lot, done: datetime, posted: datetime, failed: str | None) -> dict[str, Any]:
    plan = next(plan for plan in lot.plans if plan.id == task["plan"])
    uptime = int((done - datetime(2026, 1, 1, tzinfo=ZONE)).total_seconds())
    items = [
        {
            "item": item.id,
            "ok": item.id != failed,
            "answer": "异常 / not in order" if item.id == failed else "正常 / in order",
        }
        for item in plan.items
    ]
    body: dict[str, Any] = {
        "items": items,
        "photos": [hashlib.sha256(f"{task['task']}-{n}".encode()).hexdigest() for n in range(plan.evidence.photos)],
        "done_at": done.isoformat(),
        "monotonic_done_seconds": uptime,
        "device_now": posted.isoformat(),
        "monotonic_now_seconds": uptime + int((posted - done).total_seconds()),
    }
    if plan.evidence.position:
        body["position"] = {"latitude": "30.5931", "longitude": "114.3054", "accuracy_metres": "8"}
    return body
