"""What can be asked for: days that have a midnight in UTC and a day after them; others are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.console.search import Wanted


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("field", ["since", "until"])
def test_day_without_a_place_in_time_is_refused(field: str, day: str) -> None:
    with pytest.raises(ValidationError):
        Wanted.model_validate({field: day})


@pytest.mark.parametrize("day", ["1970-01-01", "2026-04-08", "2199-12-31"])
def test_day_spans_a_day(day: str) -> None:
    span = Wanted.model_validate({"since": day, "until": day}).span
    assert (span["$lt"] - span["$gte"]).days == 1
