"""The handling rate of a site's month (W3): which faults it is over, and which of them count as handled."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.scoring.book import Book
from services.scoring.faults import Breach, FaultLife


def counted_faults(book: Book) -> list[FaultLife]:
    """The faults that the handling rate of this month is over (W3, 一包 2.2(4)).

    A fault *falls due* once: when the first of its deadlines runs out (a standing breach), or when it is resolved, if
    that comes first: one that is over needs its deadline no more. Months tile time, so it falls due in exactly one of
    them, and counts there. One that fell due in an earlier month and is open still at this month's close counts
    here, too, and in every month until it is resolved. One whose deadlines lie ahead, or that has none, is not due
    yet: it counts nowhere, so not as handled either, until it is resolved or breached.
    """
    if book.span.closes <= book.span.opens:
        return []
    return [life for life in book.lives if _counts(life, book)]


def is_handled(life: FaultLife, book: Book) -> bool:
    """Whether the fault is resolved by the month's close, or by now in a month so far: nothing else handles one."""
    return life.resolved_at is not None and life.resolved_at <= book.span.known


def _counts(life: FaultLife, book: Book) -> bool:
    due, span = fell_due(life, book.breaches), book.span
    if due is None:
        return False
    return span.ends(due) or (due <= min(span.opens, span.known) and not is_handled(life, book))


def fell_due(life: FaultLife, breaches: Iterable[Breach]) -> datetime | None:
    """When a fault fell due; None for one that is open and within all of its deadlines."""
    moments = [breach.at for breach in breaches if breach.fault == life.opened.fault]
    return min([*moments, *([life.resolved_at] if life.resolved_at else [])], default=None)
