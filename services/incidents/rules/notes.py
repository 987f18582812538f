"""A watch as plain data, for the database: lists instead of dicts (ids hold dots), sorted: one watch, one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.incidents.rules.watch import Watch

_KEYED = ("newest", "lacking", "streaks", "memories", "open", "doubts", "trails")


def plain_of(watch: Watch) -> dict[str, Any]:
    """The watch as dicts, lists, numbers and text."""
    data: dict[str, Any] = msgspec.to_builtins(watch)
    for name in _KEYED:
        data[name] = [[key, value] for key, value in sorted(data[name].items())]
    return data


def watch_of(data: Mapping[str, Any]) -> Watch:
    """Back from `plain_of`; msgspec.ValidationError where it is none."""
    keyed = {name: dict(data.get(name, ())) for name in _KEYED}
    return msgspec.convert({**data, **keyed}, Watch)
