"""The inspection plans: what falls due when, with which check-list (W4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from contracts.agreements.entry import Entry, Lasting, Term
from contracts.values import Slug

LATE_POST = timedelta(hours=48)


class Item(Entry):
    """One line of a check-list."""

    group: Slug
    """The part of the score sheet that a failure of it touches."""
    opens: Slug | None = None
    """The kind of fault that a failure opens; None: it is only recorded."""


class Evidence(Term):
    """What a post must bring."""

    position: bool = False
    photos: int = Field(default=0, ge=0)


class InspectionPlan(Entry):
    """A recurring task at each site.

    `repeats` is an RFC 5545 rule, in local time, that gives the opening of each window, counted from the start of
    the agreement. A window lasts `lasts`, or until the next one opens.
    """

    repeats: str = Field(pattern=r"^FREQ=", examples=["FREQ=WEEKLY;BYDAY=MO;BYHOUR=0;BYMINUTE=0;BYSECOND=0"])
    lasts: Lasting | Literal["until_next"]
    sites: tuple[Slug, ...] = ()
    """Empty: every site of the lot."""
    late_post: timedelta = LATE_POST
    """How long after the close a post of work done in time is still taken."""
    evidence: Evidence = Evidence()
    items: tuple[Item, ...] = Field(min_length=1)
