"""YAML values that know where they stand, so that a mistake can be shown at its line.

Scalars stay text: the schema says what type they are, and `0.90`, `5030` and `06:00` arrive as they were written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from contracts.agreements.mistakes.mistake import Mistake
from contracts.values import Words

NULL = "tag:yaml.org,2002:null"
Steps = tuple[str | int, ...]
Plain = str | None | dict[str, "Plain"] | list["Plain"]


class Spot(NamedTuple):
    """A line of a file: the path from the agreement's folder, and the line, counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, eq=False)
class Placed:
    """A scalar, mapping or list of a file; `keys` are the places of a mapping's keys."""

    spot: Spot
    value: str | None | dict[str, Placed] | list[Placed]
    keys: dict[str, Spot] = field(default_factory=dict)

    @property
    def text(self) -> str | None:
        """The scalar's text; None for null, mappings and lists."""
        return self.value if isinstance(self.value, str) else None

    @property
    def fields(self) -> dict[str, Placed]:
        """The mapping's values by key; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Placed]:
        """The list's values; empty for anything else."""
        return self.value if isinstance(self.value, list) else []

    def child(self, step: str | int) -> Placed | None:
        """The value one step down; None where there is none."""
        if isinstance(step, str):
            return self.fields.get(step)
        return self.items[step] if 0 <= step < len(self.items) else None


def plain(placed: Placed) -> Plain:
    """The same value without its places."""
    if isinstance(placed.value, dict):
        return {key: plain(value) for key, value in placed.value.items()}
    if isinstance(placed.value, list):
        return [plain(value) for value in placed.value]
    return placed.value


def each(placed: Placed, pattern: str, path: Steps = ()) -> Iterator[tuple[Steps, Placed]]:
    """Every value at `pattern`, such as `plans.*.items.*.id`; `*` is every item of a list, "" the value itself."""
    if not pattern:
        yield path, placed
        return
    step, _, rest = pattern.partition(".")
    if step == "*":
        for index, item in enumerate(placed.items):
            yield from each(item, rest, (*path, index))
    elif (below := placed.child(step)) is not None:
        yield from each(below, rest, (*path, step))


def named(root: Placed, path: Steps) -> str:
    """The path for people: `lots.lot-1.sla.solve-4h.covers`; an item without an id keeps its number."""
    here: Placed | None = root
    steps = []
    for step in path:
        here = here.child(step) if here is not None else None
        known = here.fields.get("id") if here is not None and isinstance(step, int) else None
        steps.append(known.text if known is not None and known.text else str(step))
    return ".".join(steps)


def given_once(spot: Spot) -> Words:
    """What is expected of a name that stands at `spot` already."""
    return Words(zh=f"只写一次（已见于 {spot.file}:{spot.line}）", en=f"given once (also at {spot.file}:{spot.line})")


def mistake_at(
    root: Placed, path: Steps, spot: Spot, wrong: str, expected: Words, likely: str | None = None
) -> Mistake:
    """A mistake about what stands, or should stand, at `path`."""
    field = named(root, path)
    return Mistake(file=spot.file, line=spot.line, field=field, wrong=wrong, expected=expected, nearest=likely)


def parse(text: str, file: str) -> tuple[Placed | None, tuple[Mistake, ...]]:
    """The one document of a YAML text, and what keeps it from being read; an empty text is an empty mapping."""
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        return None, (_unreadable(error, text, file),)
    if node is None:
        return Placed(Spot(file, 1), {}), ()
    reader = _Reader(file)
    return reader.placed(node), tuple(reader.mistakes)


class _Reader:
    """Turns YAML nodes into placed values, and collects what YAML allows but an agreement does not."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self._within: set[int] = set()

    def placed(self, node: Node) -> Placed:
        spot = self._spot(node)
        if id(node) in self._within:
            self._add(spot, f"*{node.anchor}", Words(zh="不引用自身的值", en="a value that does not contain itself"))
            return Placed(spot, None)
        self._within.add(id(node))
        try:
            return self._of(node, spot)
        finally:
            self._within.discard(id(node))

    def _of(self, node: Node, spot: Spot) -> Placed:
        if isinstance(node, MappingNode):
            return self._mapping(node, spot)
        if isinstance(node, SequenceNode):
            return Placed(spot, [self.placed(item) for item in node.value])
        return Placed(spot, None if node.tag == NULL else str(node.value))

    def _mapping(self, node: MappingNode, spot: Spot) -> Placed:
        values: dict[str, Placed] = {}
        keys: dict[str, Spot] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else "?"
            at = self._spot(key)
            if name in values:
                self._add(at, name, given_once(keys[name]))
            elif not isinstance(key, ScalarNode):
                self._add(at, name, Words(zh="字段名", en="a field name"))
            else:
                values[name], keys[name] = self.placed(value), at
        return Placed(spot, values, keys)

    def _spot(self, node: Node) -> Spot:
        return Spot(self.file, node.start_mark.line + 1)

    def _add(self, spot: Spot, wrong: str, expected: Words) -> None:
        self.mistakes.append(Mistake(file=spot.file, line=spot.line, field=wrong, wrong=wrong, expected=expected))


def _unreadable(error: YAMLError, text: str, file: str) -> Mistake:
    line, problem = 1, str(error)
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, problem = (mark.line + 1 if mark else 1), error.problem or error.context or "unreadable"
    elif isinstance(error, ReaderError):
        line, problem = text.count("\n", 0, error.position) + 1, str(error.reason)
    lines = text.splitlines()
    wrong = lines[line - 1].strip() if line <= len(lines) else ""
    expected = Words(zh=f"合法的 YAML（{problem}）", en=f"valid YAML ({problem})")
    return Mistake(file=file, line=line, field="", wrong=wrong, expected=expected)
