"""Leaving: one deadline for requests and parts together, from the moment at which the process was told."""

from __future__ import annotations

import asyncio
import time

from infra.runtime.leaving import Leaving

FOR_EVER = 100_000.0


async def test_what_requests_took_is_gone_for_the_parts() -> None:
    leaving = Leaving("incidents", FOR_EVER)
    leaving.told_at = time.monotonic() - FOR_EVER
    leaving.begin()
    async with asyncio.timeout(30):
        await leaving.close("a part that never closes", asyncio.Event().wait)


async def test_part_that_closes_is_not_given_up() -> None:
    leaving, closed = Leaving("incidents", FOR_EVER), asyncio.Event()
    leaving.begin()

    async def close() -> None:
        await asyncio.sleep(0)
        closed.set()

    await leaving.close("a part", close)
    assert closed.is_set()
