"""Walks a JSON Schema along the path of an error: which fields there are, and which values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Schema = dict[str, Any]


class Outline:
    """The schema at one place of a document; every step that leads nowhere gives an outline that knows nothing."""

    def __init__(self, root: Schema, here: Schema | None = None) -> None:
        self._root = root
        self._here = self._resolved(root if here is None else here)

    def at(self, path: Sequence[str | int]) -> Outline:
        """The outline below: field names, list indices, and the names of a union's members as pydantic gives them."""
        outline = self
        for step in path:
            outline = Outline(self._root, outline._step(step))
        return outline

    @property
    def fields(self) -> frozenset[str]:
        """The fields of a mapping; of a union, those of all its members."""
        members = frozenset[str]().union(*(Outline(self._root, member).fields for member in self._members()))
        return members | frozenset(self._here.get("properties", {}))

    @property
    def choices(self) -> frozenset[str]:
        """The values of a closed list of words; empty where any value may stand."""
        if "const" in self._here:
            return frozenset({str(self._here["const"])})
        found = frozenset(str(value) for value in self._here.get("enum", ()) if value is not None)
        return found.union(*(Outline(self._root, member).choices for member in self._members()))

    @property
    def form(self) -> str | None:
        """The format of a text, such as `duration`; None where any text may stand."""
        form = self._here.get("format")
        return str(form) if form else None

    def _step(self, step: str | int) -> Schema:
        if isinstance(step, int):
            found = self._here.get("items", {})
        else:
            named = self._here.get("properties", {}).get(step)
            found = named or self._member(step) or self._here.get("additionalProperties")
        return found if isinstance(found, dict) else {}

    def _member(self, name: str) -> Schema | None:
        tagged = self._here.get("discriminator", {}).get("mapping", {})
        classes = {_last(member["$ref"]): member["$ref"] for member in self._here.get("anyOf", ()) if "$ref" in member}
        found = tagged.get(name) or classes.get(name)
        return {"$ref": found} if found else None

    def _members(self) -> list[Schema]:
        return [*self._here.get("anyOf", ()), *self._here.get("oneOf", ())]

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._root["$defs"][_last(schema["$ref"])]
        others = [member for member in schema.get("anyOf", ()) if member.get("type") != "null"]
        return self._resolved(others[0]) if len(others) == 1 else schema


def _last(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]
