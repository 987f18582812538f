"""The small values that both kinds of contract are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """An immutable value; unknown fields are read over, so that additions stay compatible.

    An error does not repeat what it was made of.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def whole_milliseconds(at: datetime) -> datetime:
    """UTC, cut to the millisecond: the finest time that every store and every peer of ours keeps.

    Raises ValueError where UTC has no such year (0001-01-01T00:00:00+08:00).
    """
    if at.tzinfo is UTC and at.microsecond % 1000 == 0:
        return at
    try:
        at = at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{at.isoformat()} lies outside the years 1 to 9999 in UTC") from error
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


Moment = Annotated[AwareDatetime, AfterValidator(whole_milliseconds)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=80)]
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


class Words(Frozen):
    """A text that people read: Chinese first, English second."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"
