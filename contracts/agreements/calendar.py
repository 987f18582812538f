"""The agreement's calendar: which days are workdays, weekends and holidays, and named hours on them."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from contracts.agreements.entry import Source, Term
from contracts.values import Slug, Words

DayKind = Literal["workday", "weekend", "holiday"]
EVERY_DAY: tuple[DayKind, ...] = ("workday", "weekend", "holiday")


def _names_no_zone(at: time) -> time:
    if at.tzinfo is not None:
        raise PydanticCustomError("time_parsing", "a local time of day names no zone")
    return at


WallTime = Annotated[time, AfterValidator(_names_no_zone)]


class Span(Term):
    """Hours of one day, local wall time: from `starts` (included) to `ends` (excluded; "00:00" is the day's end)."""

    starts: WallTime
    ends: WallTime

    @model_validator(mode="after")
    def _runs_forward(self) -> Span:
        if self.ends != time(0) and self.ends <= self.starts:
            raise ValueError("a span must end later than it starts on the same day (00:00 is the day's end)")
        return self


class Hours(Term):
    """Named hours, such as 'office' or 'patrol': the time that a clause counts, or in which a fault is covered."""

    id: Slug
    title: Words
    days: tuple[DayKind, ...] = EVERY_DAY
    spans: tuple[Span, ...] = Field(min_length=1)
    source: Source | None = None


class Year(Term):
    """The days of one year that are not what their weekday says."""

    holidays: tuple[date, ...]
    makeup_workdays: tuple[date, ...] = ()
    provisional: bool = False
    """The State Council's notice is not out: statutory days only."""
    source: Source | None = None


class Calendar(Term):
    """A year that is not listed is unknown: asking for its days is an error, never a silent guess."""

    id: Slug
    timezone: Literal["Asia/Shanghai"] = "Asia/Shanghai"
    years: dict[int, Year]
    hours: tuple[Hours, ...]
