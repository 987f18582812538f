"""The score sheet of a site's month (W18): findings, the points they take, and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from contracts.agreements.scores import Breaches, Counted, Deduction, FailedItems, Faults, Missed, Part, Sheet, Unmet
from contracts.events.scoring import IndicatorValue, ScoreLine
from services.scoring.book import Book

CENT = Decimal("0.01")
Finding = tuple[str, ...]
"""One counted finding, by the ids of what proves it."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled sheet. `lines` take `full` down to `earned`; an unmet gate takes that down to `points`."""

    full: Decimal
    earned: Decimal
    points: Decimal
    lines: tuple[ScoreLine, ...]
    gated_by: tuple[str, ...]
    gate_evidence: tuple[str, ...]


def fill_sheet(sheet: Sheet, book: Book, values: Sequence[IndicatorValue]) -> Filled:
    """Fills the sheet. A gate never raises a score that is already below its points."""
    lines = tuple(line for part in sheet.parts for line in part_lines(part, book, values))
    earned = sheet.full - sum((line.points for line in lines), Decimal(0))
    unmet = [value for value in values if not value.met and value.indicator in sheet.gates]
    gated_by = tuple(dict.fromkeys(value.indicator for value in unmet))
    points = min(earned, sheet.gate_points) if unmet else earned
    evidence = tuple(dict.fromkeys(id for value in unmet for id in value.evidence))
    full, earned, points = (some.quantize(CENT) for some in (sheet.full, earned, points))
    return Filled(full, earned, points, lines, gated_by, evidence)


def part_lines(part: Part, book: Book, values: Sequence[IndicatorValue]) -> list[ScoreLine]:
    """The deductions of a part that found something, in their order, until the part's points are used up."""
    left, lines = part.points, []
    for deduction in part.deductions:
        if found := findings(deduction.counts, book, values):
            lines.append(_line(part, deduction, found, left))
            left -= lines[-1].points
    return lines


def _line(part: Part, deduction: Deduction, found: Sequence[Finding], left: Decimal) -> ScoreLine:
    asked = deduction.points * len(found)
    taken = min(asked, left) if deduction.cap is None else min(asked, deduction.cap, left)
    return ScoreLine(
        part=part.id,
        deduction=deduction.id,
        title=deduction.title,
        count=len(found),
        points=taken.quantize(CENT),
        evidence=tuple(dict.fromkeys(id for finding in found for id in finding)),
    )


def findings(counts: Counted, book: Book, values: Sequence[IndicatorValue]) -> list[Finding]:
    """What a deduction counts."""
    match counts:
        case Breaches():
            return [b.evidence for b in book.breaches if b.clause in counts.clauses and book.span.ends(b.at)]
        case Missed():
            closed = [task for task in book.closed_tasks if task.plan in counts.plans and task.missed]
            return [task.missed for task in closed if not task.in_time]
        case FailedItems():
            return failed_items(counts, book)
        case Faults():
            return [(life.opening,) for life in book.opened if life.opened.kind in counts.kinds]
        case Unmet():
            return unmet(counts, values)


def failed_items(counts: FailedItems, book: Book) -> list[Finding]:
    """The failed items of these groups in what was done in the month; told twice for one task and asset, it is one."""
    listed = {(p.id, item.id) for p in book.lot.plans for item in p.items if item.group in counts.groups}
    found: dict[tuple[str, str, str | None], Finding] = {}
    for task in book.tasks:
        for id, done in task.done:
            for result in done.items if book.span.holds(done.at) else ():
                if not result.ok and (done.plan, result.item) in listed:
                    found.setdefault((task.task, result.item, result.asset), (id,))
    return list(found.values())


def unmet(counts: Unmet, values: Sequence[IndicatorValue]) -> list[Finding]:
    """The indicators that are not met, once each, however many parameters fall short."""
    found: dict[str, Finding] = {}
    for value in values:
        if value.indicator in counts.indicators and not value.met:
            found[value.indicator] = (*found.get(value.indicator, ()), *value.evidence)
    return list(found.values())
