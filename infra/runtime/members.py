"""Members: the processes of one service, which share its streams, its outbox and its timers (0023).

Whoever has a stream next says first what the one before had committed. A letter may be said by two members: hearers
drop the repeat, and each member begins with the oldest that is not said, so that the first of each come in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

import structlog
from pymongo.errors import PyMongoError

from infra.runtime.health import Health
from infra.runtime.ledger import Ledger
from infra.runtime.relay import Relay
from infra.runtime.timers import Timers

log = structlog.get_logger()
LOOK_SECONDS = 10.0
SAY_SECONDS = 30.0
"""What was taken over is waited for so long, then this member goes on: nothing is lost, only its order is not known."""
_WAIT_SECONDS = 1.0
_PAUSE_SECONDS = 0.02


class Members:
    """One of them, and what it does for the others."""

    def __init__(self, ledger: Ledger, relay: Relay, timers: Timers, health: Health) -> None:
        self._ledger, self._relay, self._timers, self._health = ledger, relay, timers, health

    async def hand_over(self) -> None:
        """Returns when all that this member committed is said, and no timer is being fired."""
        await self._timers.rested()
        await self._relay.finish()

    async def take_over(self) -> None:
        """Returns when all that other members have committed by now is said: by them, within a moment, or here."""
        there = await self._unsaid("$max")
        if not there:
            return
        rows = {"seq": {"$lte": max(there.values())}}  # whoever has adopted them
        adopts_at, until = monotonic() + _WAIT_SECONDS, monotonic() + SAY_SECONDS
        while await self._ledger.db.outbox.find_one(rows, {"_id": 1}) and monotonic() < until:
            if monotonic() > adopts_at:
                await self._adopt({**rows, "owner": {"$ne": self._ledger.owner}})
                adopts_at = monotonic() + _WAIT_SECONDS
            await asyncio.sleep(_PAUSE_SECONDS)

    async def watch(self, pause_seconds: float = LOOK_SECONDS) -> None:
        """For ever: says what a member left behind that will not return, whether or not the group has missed it."""
        before: Mapping[str, int] = {}
        while True:
            await asyncio.sleep(pause_seconds)
            try:
                before = await self.look(before)
            except PyMongoError:  # whoever writes says so
                before = {}

    async def look(self, before: Mapping[str, int]) -> Mapping[str, int]:
        """The oldest letter of each other member. Of one that said nothing since the last look, all are said here: but
        only where this member itself can say something."""
        if {"kafka", "relay"} & self._health.faults.keys():
            return {}
        oldest = await self._unsaid("$min")
        if silent := [owner for owner, first in oldest.items() if before.get(owner) == first]:
            await self._adopt({"owner": {"$in": silent}})
        return oldest

    async def _unsaid(self, which: str) -> dict[str, int]:
        """The first or last letter in the outbox of each other member that has one there."""
        found = self._ledger.db.outbox.aggregate(
            [
                {"$match": {"owner": {"$ne": self._ledger.owner}}},
                {"$group": {"_id": "$owner", "seq": {which: "$seq"}}},
            ]
        )
        return {row["_id"]: row["seq"] async for row in found}

    async def _adopt(self, rows: dict[str, Any]) -> None:
        if letters := await self._relay.adopt(rows):
            log.warning("letters of another member adopted", letters=letters)
        try:
            async with asyncio.timeout(SAY_SECONDS):
                await self._relay.finish()
        except TimeoutError:
            log.warning("letters of another member not said yet")
