"""Mistakes of shape: what the schema refuses, told at the line of the file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from contracts.agreements.agreement import Agreement
from contracts.agreements.forms import FORMS
from contracts.agreements.mistakes.mistake import Mistake, nearest, one_of
from contracts.agreements.mistakes.outline import Outline
from contracts.agreements.placed import Placed, Plain, Steps, mistake_at
from contracts.expectations import expectation
from contracts.values import Words

Loc = tuple[str | int, ...]
REQUIRED = Words(zh="此字段必填", en="this field, which is required")


@cache
def outline() -> Outline:
    """The outline of an agreement."""
    return Outline(Agreement.model_json_schema())


@dataclass(frozen=True)
class _Found:
    """An error of pydantic, brought home: `path` is what exists of `loc`, `union` the first step that does not."""

    error: ErrorDetails
    path: Steps
    here: Placed
    union: int

    @property
    def loc(self) -> Loc:
        return self.error["loc"]

    @property
    def branch(self) -> tuple[Loc, str]:
        """Where a union's member was tried, and which; pydantic tells the errors of every member."""
        return self.loc[: self.union], str(self.loc[self.union]) if self.union < len(self.loc) else ""


def shape_mistakes(root: Placed) -> tuple[Agreement | None, tuple[Mistake, ...]]:
    """The agreement, or every place where the document is not one."""
    read_over = list(_read_over(root, root, (), outline()))
    try:
        return Agreement.model_validate(_written(root, outline())), tuple(read_over)
    except ValidationError as refused:
        found = [_brought_home(root, error) for error in refused.errors(include_url=False)]
    mistakes = [mistake for one in _likely(found) if not _is_echo(one) for mistake in _told(root, one)]
    return None, tuple(_without_echoes(_joined([*mistakes, *read_over])))


def _written(here: Placed, known: Outline) -> Plain:
    """The plain document; a date, time or duration that is not written as it should be becomes one that is refused."""
    if isinstance(here.value, dict):
        return {key: _written(value, known.at([key])) for key, value in here.value.items()}
    if isinstance(here.value, list):
        return [_written(value, known.at([index])) for index, value in enumerate(here.value)]
    form = FORMS.get(known.form or "")
    return "?" if here.value is not None and form and not re.match(form, here.value) else here.value


def _read_over(root: Placed, here: Placed, path: Steps, known: Outline) -> Iterator[Mistake]:
    """Fields that the schema would ignore (texts of both languages ignore others, as events must)."""
    for name, below in here.fields.items():
        if known.fields and name not in known.fields:
            yield _unknown_field(root, path, name, known.fields)
        yield from _read_over(root, below, (*path, name), known.at([name]))
    for index, below in enumerate(here.items):
        yield from _read_over(root, below, (*path, index), known.at([index]))


def _is_echo(one: _Found) -> bool:
    """A list whose items are wrong is told to be too short as well."""
    return one.error["type"] == "too_short" and len(one.here.items) >= one.error["ctx"]["min_length"]


def _brought_home(root: Placed, error: ErrorDetails) -> _Found:
    here, path, union = root, list[str | int](), len(error["loc"])
    for index, step in enumerate(error["loc"]):
        below = here.child(step)
        if below is None:
            union = min(union, index)
            continue
        here, path = below, [*path, step]
    return _Found(error, tuple(path), here, union)


def _likely(found: Iterable[_Found]) -> list[_Found]:
    """Of a union's members only the one that was most likely meant: the one with the fewest, nearest errors."""
    unions: dict[Loc, dict[str, list[_Found]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        place, member = one.branch
        unions[place][member].append(one)
    return [one for members in unions.values() for one in _meant(members)]


def _meant(members: dict[str, list[_Found]]) -> list[_Found]:
    inner = {name: ones for name, ones in members.items() if any(len(one.loc) > one.union + 1 for one in ones)}
    if len(inner) < 2:
        return [one for ones in members.values() for one in ones]
    return min(inner.values(), key=lambda ones: (len(ones), -sum(_resembles(one) for one in ones)))


def _resembles(one: _Found) -> bool:
    return one.error["type"] == "extra_forbidden" and nearest(str(one.loc[-1]), _known(one)) is not None


def _known(one: _Found) -> frozenset[str]:
    return outline().at(one.loc[:-1]).fields


def _told(root: Placed, one: _Found) -> list[Mistake]:
    kind = one.error["type"]
    if kind == "extra_forbidden":
        return [_unknown_field(root, one.path[:-1], str(one.loc[-1]), _known(one))]
    if kind == "union_tag_not_found":
        return _without_tag(root, one)
    if kind == "missing":
        return [_missing(root, one.path, one.here, str(one.loc[-1]))]
    if kind == "union_tag_invalid":
        return [_wrong_tag(root, one)]
    if one.loc and one.loc[-1] == "[key]":
        return [_wrong_key(root, one.path, expectation(one.error))]
    return [_wrong_value(root, one)]


def _wrong_key(root: Placed, path: Steps, expected: Words) -> Mistake:
    key = str(path[-1])
    return mistake_at(root, path, _parent(root, path).keys[key], key, expected)


def _unknown_field(root: Placed, path: Steps, name: str, known: frozenset[str]) -> Mistake:
    parent = _parent(root, (*path, name))
    likely = nearest(name, known - set(parent.fields)) or nearest(name, known)
    return mistake_at(root, (*path, name), parent.keys[name], name, one_of(known), likely)


def _missing(root: Placed, path: Steps, here: Placed, name: str) -> Mistake:
    return mistake_at(root, (*path, name), here.spot, "", REQUIRED)


def _without_tag(root: Placed, one: _Found) -> list[Mistake]:
    tag = str(one.error["ctx"]["discriminator"]).strip("'")
    known = outline().at(one.loc).fields
    strangers = [name for name in one.here.fields if name not in known]
    if not strangers:
        return [_missing(root, one.path, one.here, tag)]
    meant = frozenset({tag}) if len(strangers) == 1 else known
    return [_unknown_field(root, one.path, name, meant) for name in strangers]


def _wrong_tag(root: Placed, one: _Found) -> Mistake:
    context: dict[str, Any] = one.error["ctx"]
    known = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
    path = (*one.path, str(context["discriminator"]).strip("'"))
    here = one.here.child(path[-1]) or one.here
    return mistake_at(root, path, here.spot, str(context["tag"]), one_of(known), nearest(str(context["tag"]), known))


def _wrong_value(root: Placed, one: _Found) -> Mistake:
    choices = outline().at(one.loc).choices or outline().at(one.path).choices
    wrong = "" if one.here.value is None else one.here.text or _kind(one.here)
    expected = one_of(choices) if one.error["type"] == "literal_error" else expectation(one.error)
    return mistake_at(root, one.path, one.here.spot, wrong, expected, nearest(wrong, choices) or _bound(one.error))


def _bound(error: ErrorDetails) -> str | None:
    """The valid number nearest to one that is too small or too large."""
    context = error.get("ctx", {})
    bound = context.get("ge", context.get("le"))
    return None if bound is None else str(bound)


def _kind(here: Placed) -> str:
    return "{…}" if isinstance(here.value, dict) else "[…]"


def _parent(root: Placed, path: Steps) -> Placed:
    here = root
    for step in path[:-1]:
        here = here.child(step) or here
    return here


def _joined(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """One mistake for a value that no member of a union takes: either of what they expect."""
    joined: dict[tuple[str, int, str, str], Mistake] = {}
    for mistake in mistakes:
        key = (mistake.file, mistake.line, mistake.field, mistake.wrong)
        joined[key] = _either(joined[key], mistake) if key in joined else mistake
    return list(joined.values())


def _either(one: Mistake, other: Mistake) -> Mistake:
    if one.expected == other.expected or one.nearest:
        return one
    words = Words(zh=f"{one.expected.zh}，或{other.expected.zh}", en=f"{one.expected.en}, or {other.expected.en}")
    return one.model_copy(update={"expected": words, "nearest": one.nearest or other.nearest})


def _without_echoes(mistakes: list[Mistake]) -> list[Mistake]:
    """A misspelt field is unknown, and the right one then missing: only the first is told."""
    meant = {_beside(mistake.field, mistake.nearest) for mistake in mistakes if mistake.nearest}
    return [mistake for mistake in mistakes if mistake.expected != REQUIRED or mistake.field not in meant]


def _beside(field: str, name: str) -> str:
    return f"{field.rpartition('.')[0]}.{name}".lstrip(".")
