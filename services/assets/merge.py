"""Merging: a reading whose key is taken, beside the one that is stored (docs/decisions/0009). Pure.

Codes that the stored reading lacks are added. For a code that is there the first value stands, and another one is a
contradiction, unless people released it: then it stands, and `replaced` keeps what it stood in place of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.assets.kept import Document, Values


@dataclass(frozen=True, slots=True)
class Merge:
    """What a repeat means: values to set, what they replace, and what of it contradicts."""

    sets: Values
    replaces: Values
    contradicts: Values
    counts: bool
    """Whether it is to be remembered with the reading: it sets something, or is a release that was not heard yet."""

    def apply(self, stored: dict[str, Any], event: str) -> None:
        """The stored reading afterwards."""
        stored["values"].update(self.sets)
        stored.setdefault("also", []).append(event)
        if self.replaces:
            stored.setdefault("replaced", {})[event] = self.replaces


def merge_of(stored: Document, repeat: Document) -> Merge:
    """`also`: the events whose values were merged in; `replaced`: by releasing event, what stood before.

    What is heard a second time changes nothing, also when people decided against it in between.
    """
    there: Values = stored["values"]
    sets = {code: value for code, value in repeat["values"].items() if code not in there}
    differs = {
        code: value for code, value in repeat["values"].items() if code in there and not same(there[code], value)
    }
    heard = repeat["event"] == stored["event"] or repeat["event"] in stored.get("also", ())
    if differs and heard:
        decided = {code for before in stored.get("replaced", {}).values() for code in before}
        differs = {code: value for code, value in differs.items() if code not in decided}
    if repeat["released_from"] is None:
        return Merge(sets, {}, differs, bool(sets))
    sets |= differs
    return Merge(sets, {code: there[code] for code in differs}, {}, bool(sets) or not heard)


def same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two stored values say the same, however they are written (31 and 31.0)."""
    names = (one.keys() | other.keys()) - {"f"}
    numbers = all(name in one and name in other and Decimal(one[name]) == Decimal(other[name]) for name in names)
    return one["f"] == other["f"] and numbers
