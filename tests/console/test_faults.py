"""The list of faults: whether each goes on, and what became of its time limits."""

from __future__ import annotations

from services.console.domain.faults import lines_of
from tests.console.papers import at, breached, opened, reopened, resolved, row, withdrawn


def test_line_says_what_stands_and_what_was_taken_back() -> None:
    rows = [row("o", opened()), row("b", breached()), row("r", resolved(5))]
    (line,) = lines_of(rows)
    assert (line.open, line.reopened, line.breaches, line.withdrawn) == (False, False, 1, 0)
    (line,) = lines_of([*rows, row("w", withdrawn(6)), row("again", reopened(7))])
    assert (line.open, line.reopened, line.breaches, line.withdrawn) == (True, True, 0, 1)


def test_breach_that_only_moved_stands() -> None:
    """Incidents take it back and say it anew in one go, with a moment that has passed as well."""
    moved = [row("w", withdrawn(6, at(5))), row("c", breached(5), said_at=at(6))]
    (line,) = lines_of([row("o", opened()), row("b", breached()), *moved])
    assert (line.breaches, line.withdrawn) == (1, 0)


def test_fault_without_its_opening_is_left_out() -> None:
    assert lines_of([row("b", breached())]) == []


def test_newest_stands_first() -> None:
    later = opened(fault="G", at=opened().at.replace(year=2027))
    assert [line.opened.fault for line in lines_of([row("o", opened()), row("p", later)])] == ["G", "F"]
