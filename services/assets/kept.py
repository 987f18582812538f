"""Values as MongoDB keeps them. Nearly every one is a normal one by itself: it is kept as its text alone, in a third of
the bytes; any other by the names f flag, v value, l lowest, h highest, as all were until November 2026. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from contracts.events.measured import Measured

Shown = dict[str, str]
"""A value for people and programs: f flag, v value, l lowest, h highest, as text; what is not there is left out."""
Values = dict[str, Shown]
"""By code."""
Kept = dict[str, "str | Shown"]
Document = dict[str, Any]
"""A stored reading: its event's fields; `_id` its natural key, `event` the event's id, `values` as they are kept."""


def kept_of(values: Mapping[str, Measured]) -> Kept:
    """What was measured, by code, as it is kept."""
    return {
        code: str(one.value)
        if one.flag == "N" and one.low is None and one.high is None and one.value is not None  # nearly always
        else _named(one)
        for code, one in values.items()
    }


def _named(one: Measured) -> Shown:
    numbers = {"v": one.value, "l": one.low, "h": one.high}
    return {"f": one.flag, **{name: str(number) for name, number in numbers.items() if number is not None}}


def shown(value: str | Shown) -> Shown:
    """A value that was kept."""
    return {"f": "N", "v": value} if isinstance(value, str) else value


def shorter(value: Shown) -> str | Shown:
    """As it is kept."""
    return value["v"] if value.keys() == {"f", "v"} and value["f"] == "N" else value


def measured_of(values: Values) -> dict[str, Measured]:
    """What was measured."""
    names = (("value", "v"), ("low", "l"), ("high", "h"))
    return {
        code: Measured(**{name: Decimal(value[kept]) for name, kept in names if kept in value}, flag=value["f"])
        for code, value in values.items()
    }


def opened(row: Mapping[str, Any]) -> Document:
    """A stored reading, each of its values under names."""
    return {**row, "values": {code: shown(value) for code, value in row["values"].items()}}
