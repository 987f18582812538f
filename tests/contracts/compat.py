"""Whether a schema may take the place of another: what a reader or writer of the old one would stumble over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
ANNOTATIONS = frozenset({"$defs", "$schema", "description", "examples", "title"})
BRANCHES = ("allOf", "anyOf", "oneOf", "prefixItems")
WALKED = frozenset({"properties", "required", "enum", "items", "additionalProperties", *BRANCHES})


def breaks(base: Schema, current: Schema) -> list[str]:
    """Every change that is more than an optional addition, as `where: what`; empty when the new schema may follow.

    Only two things may change: a property that is not required may be added, and what only tells people something
    (titles, descriptions, examples) may be worded anew. Parts are compared where they are used, so a part may be
    renamed. A wider enumeration is refused too: a reader of the base would not take the new value.
    """
    return list(_Walk(base, current).differences("$", base, current))


class _Walk:
    def __init__(self, base: Schema, current: Schema) -> None:
        self._roots = base, current
        self._seen: set[tuple[str, str]] = set()

    def differences(self, where: str, base: Schema, current: Schema) -> Iterator[str]:
        if "$ref" in base or "$ref" in current:
            pair = repr(base), repr(current)
            if pair in self._seen:
                return
            self._seen.add(pair)
        old, new = _resolved(self._roots[0], base), _resolved(self._roots[1], current)
        yield from _keywords(where, old, new)
        yield from _required(where, old, new)
        yield from _enumerated(where, old, new)
        yield from self._properties(where, old, new)
        yield from self._below(where, old, new)

    def _properties(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        after = new.get("properties", {})
        for name, part in old.get("properties", {}).items():
            if name not in after:
                yield f"{where}.{name}: removed"
            else:
                yield from self.differences(f"{where}.{name}", part, after[name])

    def _below(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        for key in ("items", "additionalProperties"):
            before, after = old.get(key), new.get(key)
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                yield from self.differences(f"{where}.{key}", before, after)
            elif before != after:
                yield f"{where}: {key} changed"
        for key in BRANCHES:
            yield from self._branches(f"{where}.{key}", old.get(key, []), new.get(key, []))

    def _branches(self, where: str, old: list[Schema], new: list[Schema]) -> Iterator[str]:
        if len(old) != len(new):
            yield f"{where}: {len(old)} choices became {len(new)}"
            return
        for place, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from self.differences(f"{where}[{place}]", before, after)


def _resolved(root: Schema, part: Schema) -> Schema:
    """The part itself, or what it refers to with what stands beside the reference."""
    if "$ref" not in part:
        return part
    found: Any = root
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return {**_resolved(root, found), **{name: value for name, value in part.items() if name != "$ref"}}


def _keywords(where: str, old: Schema, new: Schema) -> Iterator[str]:
    """Types, formats, patterns, bounds, defaults: equal, or a change."""
    for key in sorted((old.keys() | new.keys()) - ANNOTATIONS - WALKED):
        if key not in old or key not in new or old[key] != new[key]:
            yield f"{where}: {key} {old.get(key)!r} became {new.get(key)!r}"


def _required(where: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(after - before):
        known = name in old.get("properties", {})
        yield f"{where}.{name}: {'became required' if known else 'new and required'}"
    for name in sorted((before - after) & new.get("properties", {}).keys()):
        yield f"{where}.{name}: no longer required"


def _enumerated(where: str, old: Schema, new: Schema) -> Iterator[str]:
    if ("enum" in old) != ("enum" in new):
        yield f"{where}: enum {'removed' if 'enum' in old else 'added'}"
    before, after = old.get("enum", []), new.get("enum", [])
    if lost := [value for value in before if value not in after]:
        yield f"{where}: enum lost {lost}"
    if "enum" in old and (won := [value for value in after if value not in before]):
        yield f"{where}: enum won {won}"
