"""Stored readings as the events they were heard as: what assets answers, in the form of every other recorded fact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from contracts.events.assets import ReadingReceivedV1
from services.scoring.domain import Recorded

_NATURAL_KEY = re.compile(r"(?P<site>[a-z0-9][a-z0-9.-]*)/(?P<kind>realtime|minute|hour|day)/(?P<time>\d{8}T\d{6}Z)")


def key_of(id: str) -> tuple[str, str, str] | None:
    """Site, kind and time of a reading's natural key (`mulan-lake/minute/20260408T000500Z`); None: it is none."""
    found = _NATURAL_KEY.fullmatch(id)
    return (found["site"], found["kind"], found["time"]) if found else None


def recorded_of(row: Mapping[str, Any]) -> Recorded:
    """A row of assets' readings (`values` by code: v value, l lowest, h highest, f flag) as the event it came from."""
    names = ("reading", "site", "kind", "time", "at", "received_at", "channel", "digest", "released_from")
    values = {code: _measured(value) for code, value in row["values"].items()}
    fields = {name: row[name] for name in names} | {"values": values}
    return Recorded(row["event"], ReadingReceivedV1.model_validate(fields))


def _measured(value: Mapping[str, str]) -> dict[str, str | None]:
    return {"value": value.get("v"), "low": value.get("l"), "high": value.get("h"), "flag": value["f"]}
