"""Each condition, opening and clearing, against its slow version; late and repeated readings do nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from contracts.agreements.faults import Condition, FaultRule, FlagIs, Jump, Outside, Stuck, Swing
from contracts.events.assets import ReadingReceivedV1
from contracts.events.measured import Measured
from services.incidents.rules import Again, Gone, Plan, Rewritten, Seen, Sign, Watch, resolved_by_people
from tests.incidents.site_stories import HOT, PM, SITE, STEP, at, measured, minutes, plan, reading, rule, watched
from tests.incidents.slow_rules import Closing, Instants, instants

START = at("2026-03-03T20:00")
CONDITIONS: dict[str, Condition] = {
    "flag": FlagIs(test="flag", any_of=("D", "F")),
    "outside": Outside(test="outside", low=Decimal(2), high=Decimal(7), margin=Decimal(1)),
    "below": Outside(test="outside", low=Decimal(3)),
    "stuck": Stuck(test="stuck"),
    "nearly-stuck": Stuck(test="stuck", tolerance=Decimal(1), ignores=Decimal(0)),
    "jump": Jump(test="jump", by=Decimal(3), within=minutes(10)),
    "swing": Swing(test="swing", more_than=Decimal(6)),
}
durations = st.sampled_from([0, 5, 7, 10, 20, 45]).map(minutes)
samples = st.one_of(
    st.none(),
    st.builds(
        Measured,
        value=st.one_of(st.none(), st.integers(0, 9).map(Decimal), st.sampled_from([Decimal(4), Decimal(8)])),
        flag=st.sampled_from("NNNNDM"),
    ),
)
courses = st.lists(st.tuples(st.sampled_from([1, 1, 1, 1, 2, 5, 7, 8, 30]), samples), min_size=1, max_size=40)


@st.composite
def rules(draw: st.DrawFn) -> FaultRule:
    when = CONDITIONS[draw(st.sampled_from(sorted(CONDITIONS)))]
    fields = {"lasts": draw(durations), "clears": draw(durations), "flagged": draw(st.booleans())}
    return rule("one", draw(st.sampled_from(["analyser-fault", "power-loss"])), when, codes=("pm",), **fields)


def one_reading(time: datetime, sample: Measured | None) -> ReadingReceivedV1:
    return reading(time) if sample is None else reading(time, pm=sample)


def readings(course: list[tuple[int, Measured | None]]) -> list[ReadingReceivedV1]:
    time, made = START, []
    for steps, sample in course:
        time += steps * STEP
        made.append(one_reading(time, sample))
    return made


def told(signs: list[Sign]) -> list[tuple[str, datetime]]:
    names = {Seen: "opened", Gone: "cleared"}
    return [(names[type(sign)], sign.at) for sign in signs if not isinstance(sign, Rewritten)]


def told_when(came: Sequence[ReadingReceivedV1 | Closing], by: Plan) -> Instants:
    """With the end of the reading that made us say it, as the slow version has it."""
    watch, found = Watch(SITE), Instants()
    for one in came:
        if isinstance(one, Closing):
            for fault in watch.open.values():
                at = one.at(found)
                watch = resolved_by_people(watch, fault.fault, at)
                found.append(("closed", at, at))
            continue
        watch, signs = watched([one], by, watch)
        for sign in signs:
            if isinstance(sign, Seen):
                assert sign.at == one.at
                found.append(("opened", sign.at, sign.since))
            elif isinstance(sign, Again):
                assert sign.at == one.at
                found.append(("reopened", sign.at, sign.at))
            elif isinstance(sign, Gone):
                found.append(("cleared", one.at, sign.at))
    return found


@given(rules(), courses)
def test_instants_equal_the_slow_version(one: FaultRule, course: list[tuple[int, Measured | None]]) -> None:
    came = readings(course)
    assert told_when(came, plan([one])) == instants(one, "pm", came)


SAMPLES = [
    *(measured(value) for value in (5, 5, 8, 0, 6.5)),
    *(measured(8, "D"), measured(1, "D"), measured(4, "M"), measured(None)),
    None,
]
stretches = st.tuples(
    st.integers(1, 9),
    st.lists(st.sampled_from(SAMPLES), min_size=1, max_size=2),
    st.sampled_from([1, 1, 1, 1, 1, 7, 8, 30, 700]),
    st.none() | st.sampled_from([0, 0, 0, 2, 5, 11, 60, 400, -2, -7, -60]),
)


def beyond(lasts: int, clears: int) -> FaultRule:
    fields = {"lasts": minutes(lasts), "clears": minutes(clears), "flagged": True}
    return rule("one", "analyser-fault", CONDITIONS["outside"], codes=("pm",), **fields)


WARM, HIGH, GOOD = measured(6.5), measured(8, "D"), measured(5)
BEHIND_THE_MARGIN = [
    (2, [HIGH], 1, 0),
    (1, [GOOD], 1, None),
    (1, [WARM], 1, None),
    (1, [None], 1, None),
    (1, [HIGH], 1, None),
]
BEHIND_WHAT_IS_EARLY = [
    (2, [HIGH], 1, None),
    (1, [GOOD], 1, -7),
    (1, [HIGH], 1, None),
    (1, [None], 1, None),
    (1, [HIGH], 1, None),
]
EARLY_BEFORE_A_SILENCE = [(2, [HIGH, GOOD], 1, -2), (1, [HIGH], 1, None), (1, [WARM], 8, None)]
HOT_BEFORE_A_SILENCE = [(2, [HIGH], 1, 0), (3, [WARM], 30, None)]


@settings(max_examples=300)
@given(rules(), st.lists(stretches, min_size=2, max_size=7))
@example(beyond(7, 7), BEHIND_THE_MARGIN)
@example(beyond(7, 7), BEHIND_WHAT_IS_EARLY)
@example(beyond(0, 45), EARLY_BEFORE_A_SILENCE)
@example(beyond(0, 45), HOT_BEFORE_A_SILENCE)
def test_reopenings_equal_the_slow_version(one: FaultRule, course: list[tuple[Any, ...]]) -> None:
    """Stretches of values, after some of which people close what is open, with any time."""
    came: list[ReadingReceivedV1 | Closing] = []
    time = START
    for length, values, gap, back in course:
        for n in range(length):
            time += STEP if n else gap * STEP
            came.append(one_reading(time, values[n % len(values)]))
        came += [] if back is None else [Closing(time + STEP, minutes(back))]
    said = told_when(came, plan([one]))
    event(", ".join(sorted({name for name, _, _ in said})))
    assert said == instants(one, "pm", came)


@given(rules(), courses, st.data())
def test_late_and_repeated_readings_open_nothing(
    one: FaultRule, course: list[tuple[int, Measured | None]], data: st.DataObject
) -> None:
    came = readings(course)
    late = data.draw(st.lists(st.tuples(st.integers(0, len(came) - 1), st.integers(0, 40), samples), max_size=15))
    mixed = [(n, came[n]) for n in range(len(came))]
    for after, back, sample in late:
        back = back or int("pm" not in came[after].values)  # what the newest period lacks is not late
        old = came[after].time - back * STEP
        mixed.append((after, one_reading(old, sample)))
    arrived = [one for _, one in sorted(mixed, key=lambda pair: pair[0])]
    _, signs = watched(arrived, plan([one]))
    assert told(signs) == told(watched(came, plan([one]))[1])


def test_reading_twice_changes_nothing() -> None:
    hot = reading(at("10:00"), temp=35)
    once, signs = watched([hot], plan())
    twice, more = watched([hot], plan(), once)
    assert twice == once
    assert (len(signs), more) == (1, [])


def test_fault_tells_its_first_and_last_bad_reading() -> None:
    one = HOT.model_copy(update={"lasts": minutes(10)})
    (seen,) = watched([reading(at("10:00"), temp=35), reading(at("10:05"), temp=36)], plan([one]))[1]
    assert isinstance(seen, Seen)
    assert (seen.since, seen.at, seen.asset, seen.code) == (at("10:00"), at("10:10"), SITE, "temp")
    assert seen.evidence == (f"{SITE}/minute/20260303T020000Z", f"{SITE}/minute/20260303T020500Z")


def test_value_inside_the_margin_stays_bad() -> None:
    signs = watched([reading(at("10:00"), temp=31), reading(at("10:05"), temp=29)], plan([HOT]))[1]
    assert [type(sign) for sign in signs] == [Seen]


def test_each_parameter_is_judged_on_its_asset() -> None:
    signs = watched([reading(at("10:00"), pm=measured(3, "D"), so2=measured(3, "N"))], plan())[1]
    assert [(sign.kind, sign.asset) for sign in signs if isinstance(sign, Seen)] == [("analyser-fault", PM)]


def test_rule_looks_only_at_its_kind_of_reading() -> None:
    assert watched([reading(at("10:00"), kind="hour", temp=35)], plan([HOT]))[1] == []


@pytest.mark.parametrize("name", sorted(CONDITIONS))
def test_each_condition_opens_and_clears(name: str) -> None:
    values: dict[str, list[Measured]] = {
        "flag": [measured(5), measured(5, "D"), measured(5)],
        "outside": [measured(5), measured(1), measured(4)],
        "below": [measured(5), measured(2), measured(4)],
        "stuck": [measured(5), measured(5), measured(6)],
        "nearly-stuck": [measured(5), measured(6), measured(8)],
        "jump": [measured(5), measured(9), measured(9)],
        "swing": [measured(1), measured(9), measured(9)],
    }
    one = rule("one", "analyser-fault", CONDITIONS[name], codes=("pm",))
    day = START + timedelta(hours=3, minutes=50)
    came = [reading(day + n * STEP, pm=value) for n, value in enumerate(values[name])]
    _, signs = watched(came, plan([one]))
    assert told(signs) == [("opened", came[1].at), ("cleared", came[2].time)]
