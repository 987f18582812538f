"""Timers: rows that wake a service when they are due; an overdue one fires at once with its true due time."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import structlog
from pymongo.errors import PyMongoError

from infra.runtime import metrics
from infra.runtime.clock import Clock
from infra.runtime.ears import Ears, Wake, Waking
from infra.runtime.health import Health
from infra.runtime.ledger import Conflict, Ledger, Page
from infra.runtime.line import passes
from infra.runtime.relay import Relay
from infra.runtime.settings import RuntimeSettings
from infra.runtime.telemetry import inside, late_span, now_ns

log = structlog.get_logger()
_BATCH = 200
_OUTSIDE_AT_ONCE = 8
_TRIES = 8


class Timers:
    """Fires what is due, oldest first; a timer and what it causes go in one transaction."""

    def __init__(
        self, ears: Ears, ledger: Ledger, relay: Relay, clock: Clock, health: Health, settings: RuntimeSettings
    ) -> None:
        self._ears, self._ledger, self._relay, self._clock, self._health = ears, ledger, relay, clock, health
        self._poll_seconds = settings.timer_poll_seconds
        self._tries: dict[str, int] = {}
        self._alone = settings.movable
        self._soonest: datetime | None = None
        self._known_of = -1

    async def run(self) -> None:
        """Works for ever."""
        while True:
            try:
                fired = await self.fire_due()
                self._health.good("timers")
                if not fired:
                    await self._clock.stirred(self._poll_seconds)
            except (Conflict, PyMongoError, OSError) as error:
                if not isinstance(error, Conflict):
                    self._relay.doubt()
                    self._health.bad("timers", f"{type(error).__name__}: {error}", restart=False)
                await asyncio.sleep(0.05)

    async def next_due(self) -> datetime | None:
        """When the next timer is due, or None; asked of the database only after timers were written."""
        if self._known_of != (written := self._ledger.timers_written):
            row = await self._ledger.db.timers.find_one({}, {"due": 1}, sort=[("due", 1)])
            self._soonest, self._known_of = (row["due"] if row else None), written
        return self._soonest

    async def fire_due(self) -> int:
        """Fires up to a batch of due timers; returns how many."""
        if self._alone and ((soonest := await self.next_due()) is None or soonest > self._clock.horizon()):
            return 0
        due = {"due": {"$lte": self._clock.horizon()}}
        rows = await self._ledger.db.timers.find(due).sort([("due", 1), ("_id", 1)]).limit(_BATCH).to_list(None)
        lag = (self._clock.now() - rows[0]["due"]).total_seconds() if rows else 0.0
        metrics.TIMER_LAG.labels(self._ears.service).set(lag)
        inside_rows = [row for row in rows if not self._is_outside(row)]
        outside_rows = [row for row in rows if self._is_outside(row)]
        if inside_rows:
            await self._fire_together(inside_rows)
        for start in range(0, len(outside_rows), _OUTSIDE_AT_ONCE):
            tries = (self._fire_alone(row) for row in outside_rows[start : start + _OUTSIDE_AT_ONCE])
            results = await asyncio.gather(*tries, return_exceptions=True)
            for failed in (result for result in results if isinstance(result, BaseException)):
                raise failed
        return len(rows)

    def _is_outside(self, row: dict[str, Any]) -> bool:
        waking = self._ears.wakings.get(row["name"])
        return waking is not None and waking.outside

    async def _fire_together(self, rows: list[dict[str, Any]]) -> None:
        async with self._ledger.lock:
            page = self._ledger.page()
            await page.fetch(need for row in rows for need in self._needs(row))
            for row in rows:
                await self._fire(page, row)
            self._relay.post(await self._ledger.commit(page))

    async def _fire_alone(self, row: dict[str, Any]) -> None:
        page = self._ledger.page()
        await page.fetch(self._needs(row))
        await self._fire(page, row)
        async with self._ledger.lock:
            self._relay.post(await self._ledger.commit(page))

    def _needs(self, row: dict[str, Any]) -> Any:
        waking = self._ears.wakings.get(row["name"])
        return waking.needs(row["key"]) if waking and waking.needs else ()

    async def _fire(self, page: Page, row: dict[str, Any]) -> None:
        waking, wake = self._ears.wakings.get(row["name"]), Wake(row["name"], row["key"], row["due"])
        cause = f"{row['_id']}@{row['due'].isoformat()}"
        entry = page.entry(cause, waking.name if waking else "nobody", row.get("correlation") or cause)
        trace, started, error = row.get("trace") or {}, now_ns(), None
        try:
            if waking is None:
                raise LookupError(f"nobody wakes on {row['name']!r}")
            with inside(trace):
                await waking.handler(wake, entry)
        except Exception as failure:
            if passes(failure) or isinstance(failure, Conflict) or self._again(row):
                raise Conflict(f"timer {row['_id']}: {failure}") from failure
            error = f"{type(failure).__name__}: {failure}"
        page.fired.append((row["_id"], row["due"]))
        entry.trace = self._span(waking, row, trace, started, error)
        if error:
            self._park(page, row, error)
            return
        page.accept(entry)
        metrics.FIRED.labels(self._ears.service, row["name"]).inc()
        log.info(
            "timer fired",
            timer=row["name"],
            key=row["key"],
            due=row["due"].isoformat(),
            said=len(entry.says),
            trace=entry.trace.get("traceparent"),
        )

    def _again(self, row: dict[str, Any]) -> bool:
        """A handler that fails is tried a few times: what it needs may be on its way."""
        self._tries[row["_id"]] = self._tries.get(row["_id"], 0) + 1
        return self._tries[row["_id"]] < _TRIES

    def _span(
        self, waking: Waking | None, row: dict[str, Any], trace: dict[str, str], started: int, error: str | None
    ) -> dict[str, str]:
        handler = waking.name if waking else None
        return late_span(
            f"wake {row['name']}",
            trace,
            started,
            error,
            om__handler=handler,
            om__timer=row["_id"],
            om__due=row["due"].isoformat(),
        )

    def _park(self, page: Page, row: dict[str, Any], reason: str) -> None:
        log.error("timer parked", timer=row["_id"], reason=reason[:300])
        metrics.PARKED.labels(self._ears.service).inc()
        page.parked.append(
            {**row, "_id": f"timer|{row['_id']}", "reason": reason, "type": "timer", "at": self._clock.now()}
        )
