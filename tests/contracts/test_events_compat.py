"""The checker of schema changes: optional additions pass, whatever else is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from contracts.events.catalog import EVENTS
from contracts.events.incidents import FaultOpenedV1
from contracts.events.published import schema_of
from contracts.events.scoring import ScorePostedV1
from tests.contracts.compat import breaks

Schema = dict[str, Any]
Change = Callable[[Schema], None]


def changed(schema: Schema, change: Change) -> Schema:
    """A copy of the schema, changed in place by `change`."""
    copied = copy.deepcopy(schema)
    change(copied)
    return copied


def set_in(path: str, value: Any) -> Change:
    """Puts a value where the path leads; the last name may be new."""

    def change(schema: Schema) -> None:
        *way, last = path.split("/")
        for name in way:
            schema = schema[name]
        schema[last] = value

    return change


def drop(path: str) -> Change:
    """Takes out what the path leads to."""

    def change(schema: Schema) -> None:
        *way, last = path.split("/")
        for name in way:
            schema = schema[name]
        del schema[last]

    return change


def rename_site(schema: Schema) -> None:
    schema["properties"]["station"] = schema["properties"].pop("site")
    schema["required"] = ["station" if name == "site" else name for name in schema["required"]]


def rename_words(schema: Schema) -> None:
    schema["$defs"]["Wording"] = schema["$defs"].pop("Words")
    schema["properties"]["title"]["$ref"] = "#/$defs/Wording"


OPENED = schema_of(FaultOpenedV1)
SCORED = schema_of(ScorePostedV1)
TEXT = {"type": "string", "default": ""}
REFUSED: dict[str, tuple[Schema, Change, str]] = {
    "removed field": (OPENED, drop("properties/detail"), "$.detail: removed"),
    "renamed field": (OPENED, rename_site, "$.site: removed"),
    "new required field": (
        OPENED,
        lambda schema: (set_in("properties/lane", {"type": "string"})(schema), schema["required"].append("lane"))[0],
        "$.lane: new and required",
    ),
    "optional field required": (OPENED, lambda s: s["required"].append("detail"), "$.detail: became required"),
    "required field optional": (OPENED, lambda s: s["required"].remove("since"), "$.since: no longer required"),
    "changed type": (
        OPENED,
        set_in("properties/detail/type", "integer"),
        "$.detail: type 'string' became 'integer'",
    ),
    "changed format": (OPENED, drop("properties/since/format"), "$.since: format 'date-time' became None"),
    "changed default": (OPENED, set_in("properties/detail/default", "-"), "$.detail: default '' became '-'"),
    "narrowed enum": (
        OPENED,
        set_in("properties/severity/enum", ["minor", "major"]),
        "$.severity: enum lost ['critical']",
    ),
    "widened enum": (
        OPENED,
        lambda s: s["properties"]["severity"]["enum"].append("fatal"),
        "$.severity: enum won ['fatal']",
    ),
    "enum taken away": (OPENED, drop("properties/severity/enum"), "$.severity: enum removed"),
    "narrowed pattern": (
        SCORED,
        set_in("properties/month/pattern", r"^2026-\d{2}$"),
        r"$.month: pattern '^\\d{4}-(0[1-9]|1[0-2])$' became '^2026-\\d{2}$'",
    ),
    "new bound": (OPENED, set_in("properties/detail/maxLength", 80), "$.detail: maxLength None became 80"),
    "no null any more": (
        SCORED,
        lambda s: s["$defs"]["IndicatorValue"]["properties"]["ratio"]["anyOf"].pop(),
        "$.indicators.items.ratio.anyOf: 3 choices became 2",
    ),
    "changed item of a list": (
        SCORED,
        set_in("$defs/ScoreLine/properties/count/type", "string"),
        "$.lines.items.count: type 'integer' became 'string'",
    ),
    "removed field of a part": (SCORED, drop("$defs/ScoreLine/properties/evidence"), "$.lines.items.evidence: removed"),
    "closed to additions": (OPENED, set_in("additionalProperties", False), "$: additionalProperties changed"),
}
ALLOWED: dict[str, tuple[Schema, Change]] = {
    "optional field": (OPENED, set_in("properties/lane", TEXT)),
    "optional field of a part": (SCORED, set_in("$defs/ScoreLine/properties/lane", TEXT)),
    "other words": (OPENED, set_in("description", "A fault began.")),
    "part of another name": (OPENED, rename_words),
}


@pytest.mark.parametrize("name", REFUSED)
def test_breaking_change_is_refused(name: str) -> None:
    schema, change, said = REFUSED[name]
    assert said in breaks(schema, changed(schema, change))


@pytest.mark.parametrize("name", ALLOWED)
def test_optional_addition_is_allowed(name: str) -> None:
    schema, change = ALLOWED[name]
    new = changed(schema, change)
    assert new != schema
    assert breaks(schema, new) == []


@pytest.mark.parametrize("name", EVENTS)
def test_every_field_taken_away_is_seen(name: str) -> None:
    schema = schema_of(EVENTS[name])
    for field in schema["properties"]:
        assert f"$.{field}: removed" in breaks(schema, changed(schema, drop(f"properties/{field}")))


def test_part_that_holds_itself_ends() -> None:
    tree = {"$ref": "#/$defs/T", "$defs": {"T": {"properties": {"below": {"items": {"$ref": "#/$defs/T"}}}}}}
    assert breaks(tree, tree) == []
