"""Timers: rows that wake a service when they are due; an overdue one fires at once with its true due time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from infra.runtime import metrics
from infra.runtime.clock import Clock
from infra.runtime.ears import Ears, Wake, Waking
from infra.runtime.health import Health
from infra.runtime.ledger import Conflict, Entry, Ledger, Page, Taken
from infra.runtime.line import NotYet
from infra.runtime.passing import passes
from infra.runtime.relay import Relay
from infra.runtime.settings import RuntimeSettings
from infra.runtime.telemetry import inside, late_span, now_ns, subjects_of, trace_id_of
from infra.runtime.told import told, told_whole

log = structlog.get_logger()
_BATCH = 200
_OUTSIDE_AT_ONCE = 8
_TRIES = 8
_PAUSE_SECONDS = 0.05
Row = dict[str, Any]


class Timers:
    """Fires what is due, oldest first; a timer and what it causes go in one transaction.

    After a stop, or where the clock jumped, many are overdue. They fire as they would have, one after the other: what
    one of them sets, or sets anew, takes its place in the row before the later ones.
    """

    def __init__(
        self, ears: Ears, ledger: Ledger, relay: Relay, clock: Clock, health: Health, settings: RuntimeSettings
    ) -> None:
        self._ears, self._ledger, self._relay, self._clock, self._health = ears, ledger, relay, clock, health
        self._poll_seconds = settings.timer_poll_seconds
        self._patience_seconds = settings.patience_seconds
        self._failing: dict[str, tuple[int, float]] = {}
        """Tries so far, and since when, of timers that could not fire."""
        self._alone = settings.movable
        self._soonest: datetime | None = None
        self._known_of = -1
        self._is_closing = False
        self._turn: Callable[[], bool] = lambda: True
        self._idle = asyncio.Event()
        self._idle.set()

    async def finish(self) -> None:
        """Fires no more; returns when what is being fired is committed: what went out into the world is remembered."""
        self._is_closing = True
        await self.rested()

    async def rested(self) -> None:
        """Returns when nothing is being fired."""
        await self._idle.wait()

    @property
    def _may_fire(self) -> bool:
        return self._turn() and not self._is_closing

    async def run(self, turn: Callable[[], bool] = lambda: True) -> None:
        """Works as long as it is this member's turn."""
        self._turn = turn
        while self._may_fire:
            self._idle.clear()
            try:
                fired = await self.fire_due()
                if self._failing:
                    if again := sorted(id for id, (tries, _) in self._failing.items() if tries > 1):
                        self._health.bad("timers", f"tried again: {', '.join(again)[:300]}", restart=False)
                    self._idle.set()
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                self._health.good("timers")
                self._idle.set()
                if not fired:
                    await self._clock.stirred(self._poll_seconds)
            except (PyMongoError, KafkaError, OSError) as error:
                self._health.bad("timers", told(error), restart=False)
                self._idle.set()
                await asyncio.sleep(_PAUSE_SECONDS)
        self._failing.clear()
        self._health.good("timers")
        metrics.TIMER_LAG.labels(self._ears.service).set(0.0)
        self._idle.set()
        if self._is_closing:
            await asyncio.Event().wait()  # a supervised task that ends is a fault

    async def next_due(self) -> datetime | None:
        """When the next timer is due, or None; asked of the database only after timers were written."""
        if self._known_of != (written := self._ledger.timers_written):
            row = await self._ledger.db.timers.find_one({}, {"due": 1}, sort=[("due", 1)])
            self._soonest, self._known_of = (row["due"] if row else None), written
        return self._soonest

    async def fire_due(self) -> int:
        """Fires up to a batch of due timers; returns how many."""
        if self._alone and ((soonest := await self.next_due()) is None or soonest > self._clock.horizon()):
            self._failing.clear()
            metrics.TIMER_LAG.labels(self._ears.service).set(0.0)
            return 0
        rows = await self._due()
        lag = (self._clock.now() - rows[0]["due"]).total_seconds() if rows else 0.0
        metrics.TIMER_LAG.labels(self._ears.service).set(lag)
        self._failing = {row["_id"]: self._failing[row["_id"]] for row in rows if row["_id"] in self._failing}
        inside_rows = [row for row in rows if not self._is_outside(row)]
        outside_rows = [row for row in rows if self._is_outside(row)]
        if inside_rows:
            await self._fire_inside(inside_rows)
        for start in range(0, len(outside_rows), _OUTSIDE_AT_ONCE):
            if not self._may_fire:
                break
            tries = (self._fire_alone(row) for row in outside_rows[start : start + _OUTSIDE_AT_ONCE])
            results = await asyncio.gather(*tries, return_exceptions=True)
            for failed in (result for result in results if isinstance(result, BaseException)):
                raise failed
        return len(rows)

    async def _due(self) -> list[Row]:
        """The next batch of timers that are due, oldest first."""
        due = {"due": {"$lte": self._clock.horizon()}}
        return await self._ledger.db.timers.find(due).sort([("due", 1), ("_id", 1)]).limit(_BATCH).to_list(None)

    def _is_outside(self, row: Row) -> bool:
        waking = self._ears.wakings.get(row["name"])
        return waking is not None and waking.outside

    async def _fire_inside(self, rows: Sequence[Row]) -> None:
        """All in one transaction; if that fails, each in its own, so that a bad one does not hold up the others, up to
        one that sets a timer before the next."""
        try:
            await self._fire_together(rows)
        except Exception as failure:
            if passes(failure):
                raise
            for place, row in enumerate(rows, 1):
                page = await self._fire_alone(row)
                if page is not None and _comes_between(page.entries[-1], rows[place:]):
                    break

    async def _fire_alone(self, row: Row) -> Page | None:
        """What was committed; None where it failed."""
        try:
            return await (self._fire_outside(row) if self._is_outside(row) else self._fire_together([row]))
        except Exception as failure:
            await self._failed(row, failure)
            return None

    async def _fire_together(self, rows: Sequence[Row]) -> Page:
        async with self._ledger.lock:
            page = await self._page(rows)
            await self._commit(page, rows[: len(page.entries)])
        return page

    async def _fire_outside(self, row: Row) -> Page:
        """The world is asked without the lock."""
        page = await self._page([row])
        async with self._ledger.lock:
            await self._commit(page, [row])
        return page

    async def _failed(self, row: Row, failure: Exception) -> None:
        """Tried again for a while, for what it needs may be on its way; then parked. A conflict is no failure: another
        was first with this timer or with its state, and the next look finds what is left of it."""
        if passes(failure):
            raise failure
        if isinstance(failure, Conflict) and not isinstance(failure, Taken):
            metrics.RETRIED.labels(self._ears.service, "conflict").inc()
            return
        tries, since = self._failing.get(row["_id"], (0, time.monotonic()))
        waited = time.monotonic() - since
        self._failing[row["_id"]] = tries + 1, since
        if waited < self._patience_seconds if isinstance(failure, NotYet) else tries + 1 < _TRIES:
            return
        reason = told_whole(failure)
        log.error("timer parked", timer=row["name"], key=row["key"], event_id=cause_of(row), reason=reason[-300:])
        metrics.PARKED.labels(self._ears.service).inc()
        page = self._ledger.page()
        page.fired.append({name: row.get(name) for name in ("_id", "due", "armed_by")})
        parked = {"_id": f"timer|{row['_id']}", "reason": reason, "type": "timer", "at": self._clock.now()}
        page.parked.append({**row, **parked})
        with suppress(Conflict):  # it is another's affair by now
            async with self._ledger.lock:
                await self._ledger.commit(page)
        del self._failing[row["_id"]]

    async def _page(self, rows: Sequence[Row]) -> Page:
        """The first of these, up to one that sets a timer before the next."""
        page = self._ledger.page()
        await page.fetch(need for row in rows for need in self._needs(row))
        for place, row in enumerate(rows, 1):
            await self._fire(page, row)
            if _comes_between(page.entries[-1], rows[place:]):
                break
        return page

    async def _commit(self, page: Page, rows: Sequence[Row]) -> None:
        await self._relay.commit(page)
        for row, entry in zip(rows, page.entries, strict=True):
            self._failing.pop(row["_id"], None)
            metrics.FIRED.labels(self._ears.service, row["name"]).inc()
            log.info(
                "timer fired",
                timer=row["name"],
                key=row["key"],
                due=row["due"].isoformat(),
                said=len(entry.says),
                handler=self._ears.wakings[row["name"]].name,
                event_id=cause_of(row),
                trace_id=trace_id_of(entry.trace),
            )

    def _needs(self, row: Row) -> Any:
        waking = self._ears.wakings.get(row["name"])
        return waking.needs(row["key"]) if waking and waking.needs else ()

    async def _fire(self, page: Page, row: Row) -> None:
        waking, wake = self._ears.wakings.get(row["name"]), Wake(row["name"], row["key"], row["due"])
        if waking is None:
            raise LookupError(f"nobody wakes on {row['name']!r}")
        cause, origin = cause_of(row), {} if waking.recurs else row
        entry = page.entry(cause, waking.name, origin.get("correlation") or cause)
        trace, started, error = origin.get("trace") or {}, now_ns(), None
        try:
            with inside(trace):
                await waking.handler(wake, entry)
        except Exception as failure:
            error = told(failure)
            raise
        finally:
            matters = error or entry.says
            entry.trace = self._span(waking, row, entry, trace, started, error) if matters else trace
        page.fired.append({name: row.get(name) for name in ("_id", "due", "armed_by")})
        page.accept(entry)

    def _span(
        self, waking: Waking, row: Row, entry: Entry, trace: dict[str, str], started: int, error: str | None
    ) -> dict[str, str]:
        return late_span(
            f"wake {row['name']}",
            trace,
            started,
            error,
            om__handler=waking.name,
            om__timer=row["_id"],
            om__due=row["due"].isoformat(),
            **subjects_of(said.event for said in entry.says),
        )


def _comes_between(entry: Entry, later: Sequence[Row]) -> bool:
    """Whether an entry sets a timer that is due before these, or touches one of them."""
    if not later or not entry.timers:
        return False
    first = (later[0]["due"], later[0]["_id"])
    return any((due and (due, id) < first) for id, (_, _, due) in entry.timers.items()) or any(
        row["_id"] in entry.timers for row in later
    )


def cause_of(row: Row) -> str:
    """The cause of what a firing says: the same however often this firing is tried, another when it was set anew."""
    return f"{row['_id']}@{row['due'].isoformat()}|{row.get('armed_by', '')}"
