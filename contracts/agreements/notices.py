"""Who is to be told of what. People and their numbers stand in notify's own directory, never here."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Literal

from pydantic import Field

from contracts.agreements.entry import Entry, Term
from contracts.agreements.faults import Family, Severity
from contracts.values import Slug


class Group(Entry):
    """A group of recipients on one side of the agreement."""

    party: Slug


class Quiet(Term):
    """Local hours in which only critical notices go out; the others wait until `ends`."""

    starts: time
    ends: time


class Route(Entry):
    """Events of type `on` (without its V) that match go to these groups on these channels."""

    on: str = Field(pattern=r"^[A-Z][A-Za-z]+$", examples=["FaultOpened"])
    severities: tuple[Severity, ...] = ()
    families: tuple[Family, ...] = ()
    to: tuple[Slug, ...] = Field(min_length=1)
    channels: tuple[Literal["sms", "email"], ...] = Field(min_length=1)
    template: Slug


class Notices(Term):
    """The routes; and the storm: more than `storm` notices to a person on a channel within `window` become one."""

    groups: tuple[Group, ...]
    routes: tuple[Route, ...]
    quiet: Quiet | None = None
    storm: int = Field(default=3, ge=1)
    window: timedelta = timedelta(minutes=10)
