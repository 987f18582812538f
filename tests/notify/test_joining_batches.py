"""Joining, whatever the batches: nothing is lost, nothing is told twice, and batches within the wait change nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events.event import Event
from services.notify.domain.tray import Tray
from tests.notify import town
from tests.notify.desk import Desk
from tests.notify.test_joining import ann, faults, texts, told

heard = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from([0, 0, 0, 300, 1000, 20_000]), st.booleans()),
    min_size=1, max_size=14,
)  # fmt: skip


@settings(max_examples=60)
@given(heard=heard, sizes=st.lists(st.integers(1, 4), max_size=14))
def test_everything_is_told_exactly_once(heard: list[tuple[int, bool, int, bool]], sizes: list[int]) -> None:
    """Whatever the batches, the pauses between them, lost commits and batches that come again."""
    asyncio.run(_told_once(heard, sizes))


async def _told_once(heard: list[tuple[int, bool, int, bool]], sizes: list[int]) -> None:
    desk, gateway = await ann()
    left = list(enumerate(heard))
    while left:
        size = sizes.pop() if sizes else 1
        batch, left = left[:size], left[size:]
        for reading in sorted({one[0] for _, one in batch}):
            await _hear_of(desk, reading, [(number, one) for number, one in batch if one[0] == reading])
        desk.commits_lost = sum(one[3] for _, one in batch)
        await desk.fire(desk.time + timedelta(milliseconds=batch[-1][1][2]))
    await desk.fire(desk.time + timedelta(hours=1))
    assert told(desk) == sorted(f"e-{number}" for number in range(len(heard)))
    assert gateway.repeats == 0
    assert not [sheaf for tray in desk.all(Tray) for sheaf in tray.sheaves]


async def _hear_of(desk: Desk, reading: int, batch: list[tuple[int, tuple[int, bool, int, bool]]]) -> None:
    pairs: list[tuple[Event, str]] = [
        (town.opened(fault=f"f-{number}", severity="critical" if one[1] else "major"), f"e-{number}")
        for number, one in batch
    ]
    await desk.hear_all(pairs, f"reading-{reading}")
    if batch[-1][1][3]:
        await desk.hear_all(pairs, f"reading-{reading}")


@settings(max_examples=40)
@given(count=st.integers(1, 6), data=st.data())
def test_batches_of_one_moment_make_one_message(count: int, data: st.DataObject) -> None:
    """While nothing is urgent, the batches in which a cause is heard within the wait change no text."""
    cuts = sorted(data.draw(st.sets(st.integers(1, count), max_size=3)))
    pauses = data.draw(st.lists(st.integers(0, 300), min_size=len(cuts), max_size=len(cuts)))
    together, apart = asyncio.run(_texts(count, [], [])), asyncio.run(_texts(count, cuts, pauses))
    assert len(together) == len(apart) == 1
    assert lines_of(together[0]) == lines_of(apart[0])
    assert len(lines_of(together[0])) == count + (count > 1)


def lines_of(text: str) -> list[str]:
    """Its lines without their numbers, sorted: those that were heard first stand first."""
    return sorted(line.partition(". ")[2] or line for line in text.splitlines())


async def _texts(count: int, cuts: list[int], pauses: list[int]) -> list[str]:
    desk, gateway = await ann()
    pairs, start = faults(count, at=town.NOON), 0
    for cut, pause in zip(cuts, pauses, strict=True):
        await desk.hear_all(pairs[start:cut], "reading-1")
        await desk.fire(desk.time + timedelta(milliseconds=pause))
        start = cut
    await desk.hear_all(pairs[start:], "reading-1")
    await desk.fire(town.NOON + timedelta(minutes=1))
    return texts(gateway)
