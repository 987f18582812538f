"""The audit: everything a play came to, as rows with natural keys, and how two plays differ in them."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pymongo import MongoClient

from infra.processes import PROCESSES
from tests.journeys.plays import received_by
from watchbill.demo.report import MONTH, Asking, outcome_of
from watchbill.installation import Installation

Row = tuple[str, str]
"""(natural key, value as text)"""
Account = Mapping[str, Sequence[Row]]
"""By subject, such as "readings"; a key may stand there more than once."""
_DAMAGE = frozenset({"crc", "garbage", "truncated", "length", "syntax"})
"""What was refused for these is noise on the line: nobody sends it again."""
_PROVISIONAL = "ScorePostedV1"
"""How often a score is posted before the month is closed depends on what is heard together."""
_UNNAMED = frozenset({"revision", "at", "received_at"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not as it was."""

    kind: Literal["lost", "doubled", "different"]
    subject: str
    key: str
    was: str
    came: str


def account_of(town: Installation) -> dict[str, list[Row]]:
    """All rows of a town that is quiet."""
    asking = Asking(town)
    outcome = outcome_of(asking)
    digest = outcome.digest()
    rows = {
        "faults": [(row[0], _text(row)) for row in digest["faults"]],
        "clocks": [(f"{row[0]} {row[1]}", _text(row)) for row in digest["clocks"]],
        "notices": [(" ".join(row), "") for row in digest["notices"]],
        "notice states": [
            (f"{one['person']} {one['channel']} {one['template']} {one['subject']} {one['text']}", one["state"])
            for one in outcome.messages
        ],
        "scores": [(row["score"], _text(_named(row))) for row in digest["scores"]],
        "settlements": [(row["settlement"], _text(_named(row))) for row in digest["settlements"]],
        "events": list(_events(asking)),
    }
    received = {f"received {sink}": [(text, "") for text in received_by(town, sink)] for sink in ("sms", "mail")}
    return rows | received | _kept(town)


def _events(asking: Asking) -> Iterator[Row]:
    for line in asking.lines("scoring", "/v1/events", month=MONTH):
        yield f"{line['type']} {line['id']}", _text(_named(line["data"]))


def _kept(town: Installation) -> dict[str, list[Row]]:
    """What stands in the databases: readings, what was quarantined, and what is still to be done."""
    with MongoClient[dict[str, Any]](town.platform.mongo, tz_aware=True) as client:
        _until_deleted(client)
        assets, chronicle = client["watchbill_assets"], client["watchbill_console"].chronicle
        rows = {
            "readings": [
                (row["_id"], _text([row["time"], row["digest"], row["values"]])) for row in assets.readings.find()
            ],
            "quarantined": [
                (row["_id"], row["reason"]) for row in assets.rejections.find() if row["reason"] not in _DAMAGE
            ],
        }
        told = chronicle.find({"type": {"$ne": _PROVISIONAL}})
        rows["chronicle"] = [(f"{row['type']} {row['key']}", "") for row in told]
        for process in PROCESSES:
            database = client[f"watchbill_{process.name}"]
            rows[f"timers of {process.name}"] = [(row["_id"], str(row["due"])) for row in database.timers.find()]
            for left in ("outbox", "parked"):
                rows[f"{left} of {process.name}"] = [
                    (str(row["_id"]), str(row.get("reason"))) for row in database[left].find()
                ]
    return rows


def _until_deleted(client: MongoClient[dict[str, Any]]) -> None:
    """What was said last lies in the outbox for half a second more. After ten, it is a difference."""
    outboxes = [client[f"watchbill_{process.name}"].outbox for process in PROCESSES]
    until = time.monotonic() + 10
    while any(outbox.find_one() for outbox in outboxes) and time.monotonic() < until:
        time.sleep(0.1)


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _UNNAMED}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def differences(peace: Account, shaken: Account) -> list[Difference]:
    """Every row in which the second is not as the first."""
    return [
        difference
        for subject in sorted(peace.keys() | shaken.keys())
        for difference in _differences(subject, _by_key(peace.get(subject, ())), _by_key(shaken.get(subject, ())))
    ]


def _by_key(rows: Sequence[Row]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for key, value in rows:
        found[key][value] += 1
    return found


def _differences(
    subject: str, peace: Mapping[str, Counter[str]], shaken: Mapping[str, Counter[str]]
) -> Iterator[Difference]:
    for key in sorted(peace.keys() | shaken.keys()):
        was, came = peace.get(key, Counter()), shaken.get(key, Counter())
        if was != came:
            kind: Literal["lost", "doubled", "different"] = "different"
            if came.total() != was.total() and was.total():
                kind = "lost" if came.total() < was.total() else "doubled"
            yield Difference(kind, subject, key, _shown(was), _shown(came))


def _shown(values: Counter[str]) -> str:
    return " | ".join(f"{count} × {value}" for value, count in values.items())[:400]
