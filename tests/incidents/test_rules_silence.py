"""Silence: found by the site's one timer, at its true time, whatever the readings did to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events.event import Event
from contracts.events.incidents import FaultOpenedV1, FaultReopenedV1, FaultResolvedV1
from services.incidents.handlers import ears
from services.incidents.rules import Watch, fall_silent, silent_from
from tests.incidents.desk import Desk
from tests.incidents.happenings import faults, post
from tests.incidents.site_stories import SILENCE, SITE, STEP, agreement, at, lot, minutes, plan, reading

LASTS, MOMENT = SILENCE.lasts, timedelta(milliseconds=1)
END = at("2026-03-05T00:00")


def slow_silences(ends: list[datetime], clears: timedelta) -> list[tuple[str, datetime]]:
    """Goes through the ends of all readings, which came at once, and through the gaps between them.

    A silence is over with the end of the first reading of those that end it.
    """
    told: list[tuple[str, datetime]] = []
    good: datetime | None = None
    for n, end in enumerate(ends):
        if told and told[-1][0] == "opened":
            good = good or end
            if end - good >= clears:
                told.append(("cleared", good))
        following = ends[n + 1] if n + 1 < len(ends) else END
        if following - end >= LASTS:
            good = None
            if not told or told[-1][0] == "cleared":
                told.append(("opened", end + LASTS))
    return told


@settings(max_examples=60)
@given(st.lists(st.sampled_from([1, 1, 1, 2, 5, 6, 7, 30]), max_size=25), st.sampled_from([0, 1, 2]))
async def test_silences_equal_the_slow_version(gaps: list[int], clears: int) -> None:
    rule = SILENCE.model_copy(update={"clears": clears * minutes(7)})
    desk, ends = Desk(ears, at("05:00")), []
    await desk.publish(agreement(lot([rule]), version=40 + clears))
    for gap in gaps:
        await desk.pass_time(desk.now + gap * STEP)
        await desk.hear(reading(desk.now - STEP, pm=5))
        ends.append(desk.now)
    await desk.pass_time(END)
    told = [
        ("opened" if isinstance(event, FaultOpenedV1) else "cleared", event.at)
        for event in desk.told(FaultOpenedV1, FaultResolvedV1)
    ]
    assert told == slow_silences(ends, clears * minutes(7))


def slow_closings(ends: list[datetime], closings: list[datetime], clears: timedelta) -> list[tuple[str, datetime]]:
    """Goes through the hours minute by minute: what was said by then, and what nothing that came speaks against."""
    told: list[tuple[str, datetime]] = []
    since, now, is_doubted = ends[0], ends[0], False
    good: datetime | None = None
    while now <= END:
        is_open = bool(told) and told[-1][0] in ("opened", "reopened")
        if now - since >= LASTS:
            good = None
            told += [] if is_open else [("reopened" if is_doubted else "opened", now)]
            is_open, is_doubted = True, False
        if now in ends:
            since = now
            good = good or now if is_open or is_doubted else None
            if good is not None and now - good >= clears:
                told += [("cleared", max(good, told[-1][1] + MOMENT * (told[-1][0] == "reopened")))] if is_open else []
                good, is_doubted = None, False
        elif now in closings and is_open and now > told[-1][1]:
            told.append(("closed", now))
            since, is_doubted = now, True
        now += timedelta(minutes=1)
    return told


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([1, 1, 2, 6, 7, 9, 12, 30]), min_size=1, max_size=14),
    st.lists(st.integers(1, 400), max_size=8, unique=True),
    st.sampled_from([0, 0, 1, 2]),
)
async def test_closed_silences_equal_the_slow_version(gaps: list[int], closed: list[int], clears: int) -> None:
    desk, ends = Desk(ears, at("05:00")), [at("05:00") + n * STEP for n in accumulate(gaps)]
    closings = [at("05:00") + timedelta(minutes=3 * n) for n in closed]
    rule = SILENCE.model_copy(update={"clears": clears * minutes(7)})
    await desk.publish(agreement(lot([rule]), version=44 + clears))
    for time in sorted({*ends, *closings}):
        await desk.pass_time(time)
        open_now = [fault for fault in faults(desk) if fault.open]
        if time in ends:
            await desk.hear(reading(time - STEP, pm=5))
        elif open_now and time > max(open_now[0].opened.at, open_now[0].reopened_at or time - STEP):
            await post(desk, FaultResolvedV1, open_now[0].id, time)
    await desk.pass_time(END)
    said = desk.told(FaultOpenedV1, FaultReopenedV1, FaultResolvedV1)
    assert [(_name(event), event.at) for event in said] == slow_closings(ends, closings, clears * minutes(7))


def _name(event: Event) -> str:
    if isinstance(event, FaultResolvedV1):
        return "cleared" if event.by.startswith("rule:") else "closed"
    return "opened" if isinstance(event, FaultOpenedV1) else "reopened"


def test_site_that_was_never_heard_is_not_silent() -> None:
    watch = Watch(SITE)
    assert silent_from(watch, plan()) is None
    assert fall_silent(watch, plan(), at("12:00")) == (watch, ())
