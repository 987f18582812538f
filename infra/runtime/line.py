"""The line: patience with what passes, parking with a reason for what does not, a stop when too much is bad."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from infra.runtime import metrics
from infra.runtime.ears import Ears, Gathering, Hearing
from infra.runtime.health import Health
from infra.runtime.ledger import Conflict, Ledger, Page, Said, Taken
from infra.runtime.letters import Letter, Record, event_of, open_record
from infra.runtime.minutes import Minutes
from infra.runtime.passing import passes
from infra.runtime.relay import Relay
from infra.runtime.settings import RuntimeSettings
from infra.runtime.telemetry import inside, late_root, late_span, now_ns, subjects_of, trace_of
from infra.runtime.told import told, told_whole

log = structlog.get_logger()
_CONFLICTS_MAX = 8


class NotYet(Exception):
    """What this event needs has not been heard here yet: try again a little later."""


class Line:
    """Handles the batches of one stream, in order, each until it has had its effect or is parked."""

    def __init__(
        self,
        ears: Ears,
        ledger: Ledger,
        relay: Relay,
        health: Health,
        settings: RuntimeSettings,
        topics: Sequence[str],
        heard: Mapping[str, int],
    ) -> None:
        self._ears, self._ledger, self._relay, self._health, self._settings = ears, ledger, relay, health, settings
        self.service = ears.service
        self.topics = tuple(topics)
        self.name = "line " + ",".join(topics)
        self._bad_in_a_row = 0
        self._failed: dict[str, str] = {}
        self._minutes = Minutes()
        self.heard = dict(heard)
        """Highest offset that had its effect, by `topic/partition`."""

    def open(self, record: Record) -> Letter:
        """A record as this service's handlers are given it."""
        return open_record(record, self._ears.keeps)

    async def handle(self, letters: Sequence[Letter]) -> None:
        """Returns when all of the batch has had its effect. Never raises, but for cancellation."""
        self._health.busy(self.name)
        await self._stop_when_all_is_bad()
        started = time.perf_counter()
        await self._handle(letters)
        metrics.PAGE_SECONDS.labels(self._ears.service).observe(time.perf_counter() - started)
        for (topic, partition), offset in {(one.topic, one.partition): one.offset for one in letters}.items():
            where = f"{topic}/{partition}"
            self.heard[where] = max(self.heard.get(where, -1), offset)
        self._health.idle(self.name)

    async def _handle(self, letters: Sequence[Letter], deadline: float | None = None) -> None:
        conflicts, pause = 0, self._settings.retry_pause_seconds
        deadline = deadline or time.monotonic() + self._settings.patience_seconds
        while True:
            try:
                await self._settle(letters)
                self._health.good(self.name)
                return
            except Conflict as conflict:
                conflicts += 1
                if conflicts > _CONFLICTS_MAX and (len(letters) > 1 or isinstance(conflict, Taken)):
                    await self._divide(letters, conflict)
                    return
                self._retry("conflict", conflict)
                await asyncio.sleep(0.01 * conflicts)
            except NotYet as wait:
                if time.monotonic() > deadline:
                    await self._divide(letters, wait, deadline)
                    return
                self._retry("not yet", wait)
                await asyncio.sleep(pause)
            except Exception as error:
                if not passes(error):
                    await self._divide(letters, error)
                    return
                self._retry("passing", error)
                self._health.idle(self.name)
                self._health.bad(self.name, f"waits: {told(error)}", restart=False)
                await asyncio.sleep(pause)
                pause = min(pause * 2, self._settings.retry_pause_max_seconds)

    def _retry(self, why: str, error: Exception) -> None:
        metrics.RETRIED.labels(self._ears.service, why).inc()
        log.warning("page tried again", line=self.name, why=why, error=told(error))

    async def _divide(self, letters: Sequence[Letter], error: Exception, deadline: float | None = None) -> None:
        """A page failed as a whole: halve it until the bad letter stands alone, and park that one."""
        if len(letters) > 1:
            middle = len(letters) // 2
            await self._handle(letters[:middle], deadline)
            await self._handle(letters[middle:], deadline)
            return
        letter = letters[0]
        if letter.id in self._failed:
            self._health.bad(self.name, f"cannot even park {letter.id}: {told(error)}")
            await asyncio.sleep(self._settings.retry_pause_max_seconds)
        self._failed[letter.id] = told(error)
        await self._handle(letters)
        self._failed.pop(letter.id, None)

    async def _settle(self, letters: Sequence[Letter]) -> None:
        """One page for the whole batch: decide, commit, hand to the relay."""
        started = time.perf_counter()
        async with self._ledger.lock:
            page = await self._page(letters)
            if not page.empty:
                await self._relay.commit(page)
        self._count(page, letters)
        self._minutes.close(self.name, page, letters, time.perf_counter() - started)

    def _count(self, page: Page, letters: Sequence[Letter]) -> None:
        bad = {row["event"] for row in page.parked}
        for letter in letters:
            self._bad_in_a_row = self._bad_in_a_row + 1 if letter.id in bad else 0
        metrics.PARKED.labels(self._ears.service).inc(len(page.parked))
        for entry in page.entries:
            metrics.HANDLED.labels(self._ears.service, entry.handler).inc()

    async def _page(self, letters: Sequence[Letter]) -> Page:
        page, self._minutes = self._ledger.page(), Minutes()
        await self._gather(page, letters)
        due = [(letter, hearing) for letter in letters for hearing in self._hearings(letter)]
        needs = [
            need
            for letter, hearing in due
            if hearing.needs and letter.event is not None and letter.id not in self._failed
            for need in hearing.needs(letter.event)
        ]
        keys = [inbox_key(letter, hearing) for letter, hearing in due]
        heard = await page.open(keys, needs)
        for letter in letters:
            if flaw := letter.flaw or self._failed.get(letter.id):
                self._span(letter, None, now_ns(), flaw)
                self._park(page, letter, flaw)
        for letter, hearing in due:
            if (key := inbox_key(letter, hearing)) in heard:
                metrics.REPEATED.labels(self._ears.service).inc()
                continue
            heard.add(key)
            if letter.id not in self._failed:
                await self._hear(page, letter, hearing, key)
        return page

    def _hearings(self, letter: Letter) -> Sequence[Hearing]:
        return self._ears.hearings.get(type(letter.event), ()) if letter.event is not None else ()

    async def _gather(self, page: Page, letters: Sequence[Letter]) -> None:
        batches: dict[str, list[tuple[Letter, Any]]] = defaultdict(list)
        for letter in letters:
            if letter.flaw is None and letter.id not in self._failed:
                batches[letter.type].append((letter, letter.kept if letter.event is None else letter.event))
        for event, gathering in self._ears.gatherings.items():
            if batch := batches.get(event.type()):
                await self._gather_one(page, gathering, batch)

    async def _gather_one(self, page: Page, gathering: Gathering, batch: Sequence[tuple[Letter, Any]]) -> None:
        first = batch[0][0]
        entry = page.entry(first.id, gathering.name, first.correlation)
        entry.trace = trace_of(first.attributes)
        started = now_ns()
        await gathering.handler(batch, entry)
        causes = Counter(said.causation for said in entry.says)
        traces = {}
        if entry.timers:
            traces[first.id] = entry.trace = self._span(first, gathering.name, started, None, entry.says)
        for letter, _ in batch:
            if letter.id in causes:
                traces[letter.id] = self._span(letter, gathering.name, started, None, entry.says)
            self._minutes.handled(letter, gathering.name, causes[letter.id], traces.get(letter.id))
        entry.traces |= traces
        if entry.says or entry.writes or entry.timers:
            page.accept(entry)

    async def _hear(self, page: Page, letter: Letter, hearing: Hearing, key: str) -> None:
        entry = page.entry(letter.id, hearing.name, letter.correlation)
        trace, started, error = trace_of(letter.attributes), now_ns(), None
        try:
            with inside(trace):
                await hearing.handler(letter.event, entry)
        except (Conflict, NotYet):
            raise
        except Exception as failure:
            if passes(failure):
                raise
            error = told_whole(failure)
        matters = error or entry.timers or any(not said.event.PLENTY for said in entry.says)
        entry.trace = self._span(letter, hearing.name, started, error, entry.says) if matters else trace
        if error:
            self._park(page, letter, error, hearing.name, key)
            return
        page.heard.append(key)
        page.accept(entry)
        self._minutes.handled(letter, hearing.name, len(entry.says), entry.trace if matters else None)

    def _span(
        self, letter: Letter, handler: str | None, started: int, error: str | None, says: Sequence[Said] = ()
    ) -> dict[str, str]:
        """The span of a letter that had an effect, or failed; its own root where that was not sampled. `handler`: None
        where it came to none, for it cannot be read."""
        trace = trace_of(letter.attributes)
        heard = [event for event in [event_of(letter)] if event]
        late_root(trace, letter.sent_ms, om__event_id=letter.id, **subjects_of(heard))
        return late_span(
            f"process {letter.topic}",
            trace,
            started,
            error and error[-200:],
            messaging__system="kafka",
            messaging__destination__name=letter.topic,
            messaging__operation__name="process",
            messaging__consumer__group__name=self._ears.service,
            messaging__kafka__offset=letter.offset,
            om__handler=handler,
            om__event_id=letter.id,
            om__event_type=letter.type,
            **subjects_of([*heard, *(one.event for one in says)]),
        )

    def _park(
        self, page: Page, letter: Letter, reason: str, handler: str | None = None, key: str | None = None
    ) -> None:
        self._minutes.parked(letter, handler, reason)
        page.parked.append(parked_row(letter, reason, handler))
        if key:
            page.heard.append(key)

    async def _stop_when_all_is_bad(self) -> None:
        """Too many in a row are bad: what is wrong is not the letters. Stand still, visibly, until restarted by people:
        a start before it is mended would only park more."""
        if self._bad_in_a_row < self._settings.bad_in_a_row_max:
            return
        reason = f"stopped: {self._bad_in_a_row} letters in a row could not be handled"
        self._health.bad(self.name, reason, restart=False)
        self._health.idle(self.name)  # it stands still on purpose: the watchdog leaves it to people
        await asyncio.Event().wait()


def inbox_key(letter: Letter, hearing: Hearing) -> str:
    """By which it is known that this handler heard this letter."""
    return f"{letter.id}|{hearing.name}"


def parked_row(letter: Letter, reason: str, handler: str | None) -> dict[str, Any]:
    """What is kept of a letter that could not be handled: all of it, and why."""
    return {
        "_id": f"{letter.id}|{handler or ('unreadable' if letter.flaw else 'refused')}",
        "event": letter.id,
        "type": letter.type,
        "handler": handler,
        "reason": reason,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": letter.key,
        "value": letter.value,
        "headers": [[name, value] for name, value in letter.headers],
        "at": datetime.now(UTC),
    }
