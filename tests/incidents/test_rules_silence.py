"""Silence: found by the site's one timer, at its true time, whatever the readings did to it."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events.incidents import FaultOpenedV1, FaultResolvedV1
from services.incidents.handlers import ears
from services.incidents.rules import Watch, fall_silent, silent_from
from tests.incidents.desk import Desk
from tests.incidents.site_stories import SILENCE, SITE, STEP, agreement, at, lot, minutes, plan, reading

LASTS = SILENCE.lasts
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


@settings(deadline=None, max_examples=60)
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


def test_site_that_was_never_heard_is_not_silent() -> None:
    watch = Watch(SITE)
    assert silent_from(watch, plan()) is None
    assert fall_silent(watch, plan(), at("12:00")) == (watch, ())
