"""The directory: people, the groups they are in, how they are reached, and when they are on duty (W10).

It stays in notify's own database: nothing of it goes into events, logs or spans, except a person's id.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, ClassVar, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.values import Slug
from infra.runtime.states import State

LOCAL = ZoneInfo("Asia/Shanghai")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = get_args(Weekday)
HourMinute = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["08:00"])]
Phone = Annotated[str, Field(pattern=r"^\+?\d{5,20}$", examples=["19900000001"])]
Address = Annotated[str, Field(pattern=r"^[^@\s<>,;:\"]+@[^@\s<>,;:\"]+$", max_length=254)]
Language = Literal["zh", "en"]


class Card(BaseModel):
    """A part of the directory. Unknown fields are mistakes; an error does not repeat what was sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class WeeklySpan(Card):
    """Local hours on these weekdays; one that does not end later than it starts runs into the next day."""

    days: tuple[Weekday, ...] = Field(default=WEEK, min_length=1)
    starts: HourMinute
    ends: HourMinute

    def covers(self, local: datetime) -> bool:
        """Whether this local time is inside."""
        clock, today, yesterday = f"{local:%H:%M}", WEEK[local.weekday()], WEEK[local.weekday() - 1]
        if self.starts < self.ends:
            return today in self.days and self.starts <= clock < self.ends
        return (today in self.days and clock >= self.starts) or (yesterday in self.days and clock < self.ends)


class Dates(Card):
    """Whole local days, both ends included."""

    first: date
    last: date

    @model_validator(mode="after")
    def _runs_forward(self) -> Dates:
        if self.last < self.first:
            raise ValueError("the last day is before the first")
        return self

    def covers(self, local: datetime) -> bool:
        """Whether this local time is on one of the days."""
        return self.first <= local.date() <= self.last


class Duty(Card):
    """When somebody is to be told: in the weekly spans and on the dates, never while away. Neither given: always."""

    weekly: tuple[WeeklySpan, ...] = ()
    dates: tuple[Dates, ...] = ()
    away: tuple[Dates, ...] = ()

    def covers(self, at: datetime) -> bool:
        """Whether this moment is on duty."""
        local = at.astimezone(LOCAL)
        if any(days.covers(local) for days in self.away):
            return False
        spans: tuple[WeeklySpan | Dates, ...] = (*self.weekly, *self.dates)
        return not spans or any(span.covers(local) for span in spans)


class Person(Card):
    """Somebody who can be told. The first phone and the first address are used; `repr` shows the id only."""

    id: Slug
    name: str = Field(min_length=1, max_length=40, repr=False)
    organisation: Slug
    groups: tuple[Slug, ...] = ()
    phones: tuple[Phone, ...] = Field(default=(), repr=False)
    emails: tuple[Address, ...] = Field(default=(), repr=False)
    languages: tuple[Language, ...] = Field(default=("zh", "en"), min_length=1)
    """Languages of their mails; an SMS is Chinese."""
    duty: Duty = Duty()

    def address(self, channel: Literal["sms", "email"]) -> str | None:
        """Where this channel reaches them; None where it does not."""
        known = self.phones if channel == "sms" else self.emails
        return known[0] if known else None


class Directory(State):
    """All people, as one document: it is replaced whole."""

    model_config = ConfigDict(hide_input_in_errors=True)
    COLLECTION: ClassVar[str] = "directory"
    id: str = "directory"
    people: tuple[Person, ...] = ()
    source: str = ""
    """SHA-256 of the contacts file that was taken last."""

    @model_validator(mode="after")
    def _names_each_once(self) -> Directory:
        ids = [person.id for person in self.people]
        twice = sorted({id for id in ids if ids.count(id) > 1})
        if twice:
            raise ValueError(f"people that stand twice: {', '.join(twice)}")
        return self

    def person(self, id: str) -> Person | None:
        """The person of this id."""
        return next((person for person in self.people if person.id == id), None)

    def members(self, organisation: str, group: str) -> tuple[Person, ...]:
        """The people of a group, by id. A group belongs to one party: others may have one of the same name."""
        found = (one for one in self.people if one.organisation == organisation and group in one.groups)
        return tuple(sorted(found, key=lambda person: person.id))


def on_duty(people: Iterable[Person], at: datetime) -> tuple[Person, ...]:
    """Those on duty; all of them where nobody is: silence would hide the fault."""
    everybody = tuple(people)
    return tuple(person for person in everybody if person.duty.covers(at)) or everybody


def next_local(at: datetime, clock: HourMinute) -> datetime:
    """The next moment after `at` when local clocks show `clock`, in the time zone of `at`."""
    local = at.astimezone(LOCAL)
    hour, minute = (int(part) for part in clock.split(":"))
    found = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (found if found > local else found + timedelta(days=1)).astimezone(at.tzinfo)
