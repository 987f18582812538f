"""A period that comes in several packets: each code is judged once, by its first value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contracts.events.assets import ReadingReceivedV1
from contracts.events.incidents import FaultOpenedV1
from contracts.events.measured import Measured
from services.incidents.rules import Sign, Watch, outages_of
from services.incidents.rules.notes import plain_of, watch_of
from tests.incidents.desk import every
from tests.incidents.happenings import new_desk
from tests.incidents.site_stories import (
    FLAG,
    HOT,
    LEAP,
    POWER,
    RANGE,
    SITE,
    STEP,
    STUCK,
    at,
    measured,
    minutes,
    plan,
    reading,
    watched,
)

BY = plan([FLAG, HOT, STUCK.model_copy(update={"lasts": minutes(10)}), LEAP, RANGE, POWER])
CODES = ("pm", "so2", "temp", "volt", "unknown")
values = st.builds(measured, st.sampled_from([0, 20, 35, 100, 230]), st.sampled_from("NNND"))
periods = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 2, 9]),
        st.dictionaries(st.sampled_from(CODES), values),
        st.lists(st.dictionaries(st.sampled_from(CODES), values), max_size=3),
    ),
    max_size=15,
)


def known(signs: list[Sign]) -> list[tuple[str, ...]]:
    """Without the readings that show it, and in an order that does not depend on the packets."""
    told = [(type(sign).__name__, sign.asset, sign.kind, sign.at) for sign in signs if hasattr(sign, "at")]
    return sorted((name, asset, kind, moment.isoformat()) for name, asset, kind, moment in told)


@given(periods)
def test_packets_say_what_one_reading_says(
    course: list[tuple[int, dict[str, Measured], list[dict[str, Measured]]]],
) -> None:
    whole: list[ReadingReceivedV1] = []
    parts: list[ReadingReceivedV1] = []
    time = at("06:00")
    for steps, first, more in course:
        time += steps * STEP
        parts += [reading(time, **packet) for packet in (first, *more)]
        seen: dict[str, Measured] = {}
        for packet in (first, *more):
            seen = {**packet, **seen}
        whole.append(reading(time, **seen))
    one, signs = watched(whole, BY)
    other, more_signs = watched(parts, BY)
    assert known(more_signs) == known(signs)
    assert outages_of(other) == outages_of(one)
    assert (other.newest, other.streaks, other.memories) == (one.newest, one.streaks, one.memories)
    assert {key: set(codes) for key, codes in other.lacking.items()} == {
        key: set(codes) for key, codes in one.lacking.items()
    }
    assert watch_of(plain_of(other)) == other


def test_first_value_of_a_code_stands() -> None:
    came = [reading(at("06:00"), temp=20), reading(at("06:00"), temp=45, volt=0), reading(at("06:00"), volt=230)]
    watch, signs = watched(came, BY)
    assert [sign.kind for sign in signs] == ["power-loss"]
    assert watch.lacking == {"minute": ("pm", "so2")}


def test_code_of_an_older_period_is_late() -> None:
    came = [reading(at("06:00"), pm=5), reading(at("06:05"), pm=6), reading(at("06:00"), temp=45)]
    assert watched(came, BY)[1] == []


def test_full_reading_leaves_nothing_to_remember() -> None:
    watch, _ = watched([reading(at("06:00"), pm=5, so2=5, temp=20, volt=230)], BY)
    assert watch.lacking == {}


async def test_room_of_a_second_packet_is_watched() -> None:
    desk = await new_desk()
    for time in every(STEP, at("06:00"), at("08:00")):
        await desk.pass_time(time + STEP)
        await desk.hear(reading(time, so2=5), reading(time, temp=45, volt=230))
    assert [event.kind for event in desk.told(FaultOpenedV1)] == ["room-hot"]


def test_watch_of_an_older_version_is_read() -> None:
    old = plain_of(watched([reading(at("06:00"), pm=5, temp=45)], BY)[0])
    del old["lacking"]
    old["streaks"] = [[key, streak[:3]] for key, streak in old["streaks"]]
    old["memories"] = [[key, memory[:3]] for key, memory in old["memories"]]
    old["open"] = [[key, fault[:6]] for key, fault in old["open"]]
    watch = watch_of(old)
    assert (watch.site, set(watch.open)) == (SITE, {f"{SITE}|room-hot"})
    assert isinstance(watched([reading(at("06:05"), pm=5, temp=45)], BY, watch)[0], Watch)
