"""What every entry of an agreement carries: a name to people, and the place in the source it comes from."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contracts.values import Slug, Words


class Term(BaseModel):
    """A value of an agreement file. Unknown fields are mistakes here: a misspelt term must not be read over."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Term):
    """Where an entry comes from: the row of the requirements, and the number in the source text."""

    row: str = Field(pattern=r"^[BWG]\d{1,2}$", examples=["W5"])
    clause: str = Field(min_length=1, examples=["一包 2.4(2)③"])
    assumed: bool = False
    """The source does not give it: we took it from the practice of the field, and say so wherever it is shown."""
    note: Words | None = None
    """A contradiction or gap of the source, and how it was read."""


class Entry(Term):
    """One named thing of an agreement."""

    id: Slug
    title: Words
    source: Source


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("a duration must be longer than zero")
    return value


Lasting = Annotated[timedelta, AfterValidator(_positive)]
"""A duration longer than zero, written in ISO 8601 (`PT4H`, `P7D`)."""
