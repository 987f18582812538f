"""Routes: one notice per cause, person and channel, whoever is in whatever group."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agreements.notices import Quiet
from services.notify.domain.directory import LOCAL, Directory, Duty, Person, WeeklySpan
from services.notify.domain.routes import Notice, Told, after_quiet, notices_for, traits_of
from tests.notify import town


def told(event: Told, directory: Directory = town.DIRECTORY, now: datetime = town.NOON) -> tuple[Notice, ...]:
    return notices_for(event, "cause-1", town.lot(), directory, now)


def names(notices: tuple[Notice, ...]) -> list[tuple[str, str]]:
    return [(notice.person, notice.channel) for notice in notices]


def test_group_is_told_on_each_channel() -> None:
    assert names(told(town.opened())) == [("ann", "email"), ("ann", "sms"), ("boss", "email"), ("boss", "sms")]


def test_several_routes_tell_person_once() -> None:
    notices = told(town.opened(kind="power-lost", family="power", severity="critical"))
    assert names(notices) == [("ann", "email"), ("ann", "sms"), ("boss", "email"), ("boss", "sms")]
    assert {notice.route for notice in notices} == {"opened"}


def test_reopened_fault_is_told_like_its_opening() -> None:
    for kind, severity in (("no-data", "major"), ("power-lost", "critical")):
        first = told(town.opened(kind=kind, severity=severity))
        again = told(town.reopened(kind=kind))
        assert names(again) == names(first) != []
        assert {(notice.template, notice.critical) for notice in again} == {("fault-reopened", severity == "critical")}


def test_other_partys_group_is_not_told() -> None:
    stranger = town.person("stranger", 9, "city", "supplier-engineers")
    assert "stranger" not in {one for one, _ in names(told(town.opened(), Directory(people=(*town.PEOPLE, stranger))))}


def test_off_duty_engineer_is_not_told() -> None:
    night = Duty(weekly=(WeeklySpan(starts="20:00", ends="08:00"),))
    resting = town.person("ann", 1, "keeper", "supplier-engineers", duty=night)
    assert {one for one, _ in names(told(town.opened(), Directory(people=(resting, town.PEOPLE[1]))))} == {"boss"}


@pytest.mark.parametrize(
    ("event", "severity", "family"),
    [
        (town.opened(severity="minor", family="environment"), "minor", "environment"),
        (town.resolved(kind="power-lost"), "critical", "power"),
        (town.reopened(kind="power-lost"), "critical", "power"),
        (town.warned(), "major", "data"),
        (town.breached(severity="critical"), "critical", "data"),
        (town.withdrawn(), "major", "data"),
        (town.missed(), None, None),
        (town.settled(), None, None),
    ],
)
def test_traits_come_from_event_or_agreement(event: Told, severity: str | None, family: str | None) -> None:
    traits = traits_of(event, town.lot())
    assert (traits.severity, traits.family) == (severity, family)


def test_route_chooses_by_severity_and_family() -> None:
    chosen = {"severities": ("major",), "families": ("data",)}
    only = town.route("only", "FaultOpened", town.MANAGERS, "fault-opened", **chosen)
    lot = town.lot(town.NOTICES.model_copy(update={"routes": (only,)}))
    assert notices_for(town.opened(), "c", lot, town.DIRECTORY, town.NOON)
    assert not notices_for(town.opened(severity="minor"), "c", lot, town.DIRECTORY, town.NOON)
    assert not notices_for(town.opened(family="power"), "c", lot, town.DIRECTORY, town.NOON)
    assert not notices_for(town.missed(), "c", lot, town.DIRECTORY, town.NOON)


def test_quiet_hours_postpone_all_but_critical() -> None:
    night = town.beijing("2026-03-05T23:30")
    major, critical = told(town.opened(), now=night), told(town.opened(severity="critical"), now=night)
    assert {notice.send_at for notice in major} == {town.beijing("2026-03-06T07:00")}
    assert {notice.send_at for notice in critical} == {night}


def test_subject_is_the_aggregates_id() -> None:
    assert told(town.missed())[0].subject == "mulan-lake/weekly-patrol/20260302"
    assert told(town.settled())[0].subject == "town-air/lot-1/2026-02/r1"
    assert told(town.opened())[0].subject == town.opened().fault


hours = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


@settings(max_examples=80)
@given(starts=hours, ends=hours, minute=st.integers(0, 1439))
def test_quiet_ends_where_walking_ends(starts: time, ends: time, minute: int) -> None:
    """The slow way: walk the minutes until one is not quiet; hours that end where they start are the whole day."""
    now = datetime(2026, 3, 5, tzinfo=LOCAL) + timedelta(minutes=minute)

    def quiet(at: datetime) -> bool:
        clock = at.time()
        return starts <= clock < ends if starts < ends else not ends <= clock < starts

    walked = now
    while quiet(walked):
        walked += timedelta(minutes=1)
        if walked.time() == ends:
            break
    assert after_quiet(now, Quiet(starts=starts, ends=ends)) == walked


GROUPS = [group.id for group in town.GROUPS]
people = st.lists(
    st.builds(
        lambda number, org, groups: town.person(f"p{number}", number, org, *groups),
        st.integers(0, 20), st.sampled_from(["keeper", "city"]), st.lists(st.sampled_from(GROUPS), max_size=6),
    ),
    unique_by=lambda one: one.id, max_size=8,
)  # fmt: skip


@settings(max_examples=60)
@given(people=people, data=st.data())
def test_order_of_people_changes_nothing(people: list[Person], data: st.DataObject) -> None:
    events: list[Told] = [town.opened(), town.opened(severity="critical"), town.breached(), town.settled()]
    event = data.draw(st.sampled_from(events))
    shuffled = [one.model_copy(update={"groups": tuple(data.draw(st.permutations(one.groups)))}) for one in people]
    shuffled = data.draw(st.permutations(shuffled))
    notices = told(event, Directory(people=tuple(people)))
    assert notices == told(event, Directory(people=tuple(shuffled)))
    assert len(set(names(notices))) == len(notices) == len({notice.id for notice in notices})
