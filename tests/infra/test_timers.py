"""A timer that cannot fire keeps nobody waiting who only wants to know that nothing is being fired."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from infra.runtime.clock import SystemClock
from infra.runtime.ears import Ears
from infra.runtime.health import Health
from infra.runtime.ledger import Ledger
from infra.runtime.relay import Relay
from infra.runtime.settings import RuntimeSettings
from infra.runtime.timers import Timers


class Nobody(Timers):
    """Has one timer, on which nobody wakes."""

    async def _due(self) -> list[dict[str, Any]]:
        now = self._clock.now()
        return [{"_id": "lost|1", "name": "lost", "key": "1", "due": now, "armed_by": ""}]


async def test_timer_that_fails_holds_up_no_hand_over() -> None:
    async def fetch(keys: Any) -> None:
        return None

    ledger = SimpleNamespace(page=lambda: SimpleNamespace(fetch=fetch), lock=asyncio.Lock())
    clock, health, settings = SystemClock(), Health(60.0), RuntimeSettings()
    timers = Nobody(Ears("notify"), cast(Ledger, ledger), cast(Relay, None), clock, health, settings)
    firing = asyncio.create_task(timers.run())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await timers.rested()
    assert not firing.done()
    firing.cancel()
