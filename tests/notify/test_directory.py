"""The directory: who is in which group, when they are on duty, and that it keeps its secrets."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.masks import initial
from services.notify.contacts import read_contacts
from services.notify.domain.directory import (
    LOCAL,
    WEEK,
    Dates,
    Directory,
    Duty,
    WeeklySpan,
    next_local,
    on_duty,
)
from tests.notify import town

MONDAY = datetime(2026, 3, 2, tzinfo=LOCAL)
clocks = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")
weekdays = st.lists(st.sampled_from(WEEK), min_size=1, unique=True).map(tuple)
moments = st.integers(0, 14 * 24 * 60).map(lambda minute: MONDAY + timedelta(minutes=minute))


def covered_minutes(span: WeeklySpan) -> set[int]:
    """The slow way: every minute of the week, walked from each start to the next end."""
    found = set()
    for day in span.days:
        minute = WEEK.index(day) * 1440 + clock_minutes(span.starts)
        while True:
            found.add(minute % (7 * 1440))
            minute += 1
            if minute % 1440 == clock_minutes(span.ends):
                break
    return found


def clock_minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


@settings(max_examples=60)
@given(days=weekdays, starts=clocks, ends=clocks, at=moments)
def test_spans_cover_what_walking_covers(days: tuple[str, ...], starts: str, ends: str, at: datetime) -> None:
    span = WeeklySpan.model_validate({"days": days, "starts": starts, "ends": ends})
    minute = (at - MONDAY) // timedelta(minutes=1)
    assert span.covers(at) == (minute % (7 * 1440) in covered_minutes(span))


@given(at=moments, clock=clocks)
def test_next_local_is_first_later_match(at: datetime, clock: str) -> None:
    walked = at.replace(second=0) + timedelta(minutes=1)
    while f"{walked:%H:%M}" != clock:
        walked += timedelta(minutes=1)
    assert next_local(at, clock) == walked


def test_duty_without_times_is_always() -> None:
    assert Duty().covers(town.NOON)


def test_away_outweighs_duty_dates() -> None:
    day = Dates(first=date(2026, 3, 5), last=date(2026, 3, 5))
    assert Duty(dates=(day,)).covers(town.NOON)
    assert not Duty(dates=(day,)).covers(town.NOON + timedelta(days=1))
    assert not Duty(dates=(day,), away=(day,)).covers(town.NOON)


def test_nobody_on_duty_tells_everybody() -> None:
    night = Duty(weekly=(WeeklySpan(starts="20:00", ends="08:00"),))
    one, two = town.person("one", 1, "keeper", duty=night), town.person("two", 2, "keeper")
    assert on_duty([one, two], town.NOON) == (two,)
    assert on_duty([one], town.NOON) == (one,)


def test_group_belongs_to_one_party() -> None:
    people = [town.person(id, 1, party, "g") for id, party in (("b", "keeper"), ("a", "keeper"), ("c", "city"))]
    same = Directory(people=tuple(people))
    assert [one.id for one in same.members("keeper", "g")] == ["a", "b"]


def test_person_standing_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="stand twice: ann"):
        Directory(people=(town.PEOPLE[0], town.PEOPLE[0]))


def test_shown_person_hides_its_numbers() -> None:
    shown = repr(town.DIRECTORY) + str(town.DIRECTORY)
    assert "ann" in shown
    assert not [secret for secret in ("19900000001", "ann@example.com", "张ann") if secret in shown]


def test_mistake_does_not_repeat_number() -> None:
    with pytest.raises(ValidationError) as caught:
        Directory.model_validate({"people": [{"id": "x", "name": "x", "organisation": "o", "phones": ["199-0000"]}]})
    assert "199-0000" not in str(caught.value)


def test_auditors_name_is_masked() -> None:
    assert initial("陈宇") == "陈**"


def test_demo_people_fill_all_groups() -> None:
    people = read_contacts(Path("infra/local/demo_contacts.yaml")).people
    groups = {group for person in people for group in person.groups}
    assert groups == {"supplier-engineers", "supplier-managers", "buyer-supervisors", "score-committee"}
    assert all(phone.startswith("199000000") for person in people for phone in person.phones)


def test_misspelt_contacts_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "contacts.yaml"
    path.write_text("poeple: []\n")
    with pytest.raises(ValidationError, match="poeple"):
        read_contacts(path)
