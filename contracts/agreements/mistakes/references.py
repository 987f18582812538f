"""Mistakes of reference: names that nothing carries, and names that two things carry."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contracts.agreements.mistakes.mistake import Mistake, nearest, one_of
from contracts.agreements.placed import Placed, Spot, Steps, each, mistake_at
from contracts.agreements.templates import TEMPLATES
from contracts.events.catalog import EVENTS
from contracts.values import Words

EVENT_NAMES = frozenset(re.sub(r"V\d+$", "", name) for name in EVENTS)
FLAGS = frozenset("NFMSDCTB")
"""The marks of HJ 212-2017 table 8."""
CODES = ("sites.*.room.*.code", "sites.*.assets.*.measures.*.code")
DEDUCTION = "sheet.parts.*.deductions.*.counts"

NAMES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("", "buyer", ("parties.*.id",)),
    ("", "lots.*.supplier", ("parties.*.id",)),
    ("", "lots.*.notices.groups.*.party", ("parties.*.id",)),
    ("", "lots.*.sla.*.covers", ("calendar.hours.*.id",)),
    ("", "lots.*.sla.*.counts", ("calendar.hours.*.id",)),
    ("lots.*", "plans.*.sites.*", ("sites.*.id",)),
    ("lots.*", "plans.*.items.*.opens", ("fault_kinds.*.id",)),
    ("lots.*", "fault_rules.*.kind", ("fault_kinds.*.id",)),
    ("lots.*", "fault_rules.*.suppressed_by.*", ("fault_kinds.*.id",)),
    ("lots.*", "fault_rules.*.codes.*", CODES),
    ("lots.*", "sla.*.kinds.*", ("fault_kinds.*.id",)),
    ("lots.*", "sheet.gates.*", ("indicators.*.id",)),
    ("lots.*", f"{DEDUCTION}.clauses.*", ("sla.*.id",)),
    ("lots.*", f"{DEDUCTION}.plans.*", ("plans.*.id",)),
    ("lots.*", f"{DEDUCTION}.groups.*", ("plans.*.items.*.group",)),
    ("lots.*", f"{DEDUCTION}.kinds.*", ("fault_kinds.*.id",)),
    ("lots.*", f"{DEDUCTION}.indicators.*", ("indicators.*.id",)),
    ("lots.*", "notices.routes.*.to.*", ("notices.groups.*.id",)),
)
"""Within which part of the document, what refers, to what."""

CONSTANTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("lots.*.notices.routes.*.on", EVENT_NAMES),
    ("lots.*.notices.routes.*.template", TEMPLATES),
    ("lots.*.fault_rules.*.when.any_of.*", FLAGS),
)

UNIQUE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("parties.*.id",)),
    ("", ("calendar.hours.*.id",)),
    ("", ("lots.*.id",)),
    ("", ("lots.*.sites.*.id", "lots.*.sites.*.assets.*.id")),
    ("", ("lots.*.sites.*.logger.mn",)),
    ("lots.*", ("plans.*.id",)),
    ("lots.*", ("fault_kinds.*.id",)),
    ("lots.*", ("fault_rules.*.id",)),
    ("lots.*", ("sla.*.id",)),
    ("lots.*", ("indicators.*.id",)),
    ("lots.*", ("sheet.parts.*.id",)),
    ("lots.*", ("notices.groups.*.id",)),
    ("lots.*", ("notices.routes.*.id",)),
    ("lots.*.plans.*", ("items.*.id",)),
    ("lots.*.sheet.parts.*", ("deductions.*.id",)),
    (
        "lots.*.sites.*",
        ("room.*.code", "room.*.aliases.*", "assets.*.measures.*.code", "assets.*.measures.*.aliases.*"),
    ),
)
"""Within which part of the document, what must differ."""


def reference_mistakes(root: Placed) -> Iterator[Mistake]:
    """Every name that leads nowhere, and every second use of a name."""
    yield from _dangling(root)
    yield from _unheard(root)
    yield from _factors(root)
    yield from _doubled(root)


def _dangling(root: Placed) -> Iterator[Mistake]:
    for scope, at, to in NAMES:
        for above, part in each(root, scope):
            known = _known(part, to)
            if known is None:
                continue
            for path, value in each(part, at):
                yield from _unless_known(root, (*above, *path), value, known)


def _known(part: Placed, patterns: tuple[str, ...]) -> frozenset[str] | None:
    """The names there are; None when one of them cannot be read, which is told elsewhere."""
    if any(last not in entry.fields for entry, last in _carriers(part, patterns)):
        return None
    return frozenset(value.text for pattern in patterns for _, value in each(part, pattern) if value.text)


def _carriers(part: Placed, patterns: tuple[str, ...]) -> Iterator[tuple[Placed, str]]:
    for pattern in patterns:
        above, _, last = pattern.rpartition(".")
        for _, entry in each(part, above):
            yield entry, last


def _unheard(root: Placed) -> Iterator[Mistake]:
    for at, known in CONSTANTS:
        for path, value in each(root, at):
            yield from _unless_known(root, path, value, known)


def _unless_known(root: Placed, path: Steps, value: Placed, known: frozenset[str]) -> Iterator[Mistake]:
    if value.text is not None and value.text not in known:
        yield mistake_at(root, path, value.spot, value.text, one_of(known), nearest(value.text, known))


def _factors(root: Placed) -> Iterator[Mistake]:
    for above, site in each(root, "lots.*.sites.*"):
        measured = (found for at in CODES for found in each(site, at.removeprefix("sites.*.")))
        codes = frozenset(value.text for _, value in measured if value.text)
        for path, factors in each(site, "logger.factors"):
            for code in factors.fields.keys() - codes:
                where = (*above, *path, code)
                yield mistake_at(root, where, factors.keys[code], code, one_of(codes), nearest(code, codes))


def _doubled(root: Placed) -> Iterator[Mistake]:
    for scope, patterns in UNIQUE:
        for above, part in each(root, scope):
            first: dict[str, Spot] = {}
            for path, value in (found for pattern in patterns for found in each(part, pattern)):
                if value.text is not None and value.text in first:
                    yield mistake_at(root, (*above, *path), value.spot, value.text, _only(first[value.text]))
                elif value.text is not None:
                    first[value.text] = value.spot


def _only(spot: Spot) -> Words:
    place = f"{spot.file}:{spot.line}"
    return Words(zh=f"不重复的名称（已用于 {place}）", en=f"a name of its own (taken at {place})")
