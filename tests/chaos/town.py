"""An installation that can be shaken: its services are victims, and proxies stand before broker and database."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from signal import SIGKILL
from typing import Self

from infra.local.child import BackOff
from infra.local.embedded import Embedded
from infra.local.place import Place
from infra.local.ports import Ports
from infra.processes import PROCESSES, Process
from tests.chaos.doom import Kill, Plan
from tests.chaos.proxy import LOOPBACK, Proxy
from tests.chaos.victim import FOLDER
from watchbill.installation import ROOT, Installation

SOON = BackOff(first_seconds=0.05, longest_seconds=1.0)
SERVERS = ("kafka", "mongo")
_ARMED_MAX = 6
_FULL_BYTES = 4096
"""No file may grow beyond it where the disk is full."""
_CHOKES_SECONDS = 30.0


class Town(Installation):
    """`async with Town(place)`: as an installation of its own, which may be killed, cut off and filled up."""

    def __init__(self, place: Place) -> None:
        place.prepare()
        book = Ports(place.ports)
        self.proxies = {name: Proxy(book.pick(f"{name}-proxy"), book.pick(name)) for name in SERVERS}
        self.folder = place.root / "chaos"
        self.folder.mkdir(exist_ok=True)
        self.choked: Counter[str] = Counter()
        """How often a server has died of a full disk."""
        self.plans = {process.name: Plan(self.folder, process.name) for process in PROCESSES}
        self._proxies = AsyncExitStack()
        super().__init__(place, movable=True, contacts=ROOT / "infra/local/demo_contacts.yaml")
        self.platform = Embedded(place, kafka_advertised=self.proxies["kafka"].port, back_off=SOON)

    async def __aenter__(self) -> Self:
        for proxy in self.proxies.values():
            await self._proxies.enter_async_context(proxy.running())
        return await super().__aenter__()

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        await self._proxies.aclose()

    def command(self, process: Process) -> Sequence[str]:
        return ("-m", "tests.chaos.victim", process.module)

    def environment(self, process: Process) -> Mapping[str, str]:
        """Services know broker and database by their proxies only."""
        kafka, mongo = (f"{LOOPBACK}:{self.proxies[name].port}" for name in SERVERS)
        return {
            **super().environment(process),
            "WATCHBILL_KAFKA_SERVERS": kafka,
            "WATCHBILL_MONGO_URL": f"mongodb://{mongo}/?directConnection=true",
            FOLDER: str(self.folder),
        }

    def dooms(self, kills: Sequence[Kill]) -> None:
        """These are to be died too; of those to whose points nobody came, the latest stay."""
        for service, plan in self.plans.items():
            plan.write([*plan.ahead()[-_ARMED_MAX:], *(kill for kill in kills if kill.service == service)])

    def spare(self) -> None:
        """Nobody is to die any more."""
        for plan in self.plans.values():
            plan.write(())

    def set_clocks_right(self) -> None:
        """What has jumped jumps back."""
        for plan in self.plans.values():
            plan.set_clock(timedelta(0))

    def strike(self, child: str) -> None:
        """A process dies now, wherever it is."""
        self.children.kill(child, SIGKILL)

    @asynccontextmanager
    async def full_disk(self, child: str) -> AsyncIterator[None]:
        """The process cannot write any more to the files that it has, until it has died of it, as it does when it next
        writes, or has had nothing to write for long. What comes after it can, as if room was made."""
        pid = self.children.state(child).pid
        if pid is None:
            yield
            return
        with contextlib.suppress(ProcessLookupError):
            before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (_FULL_BYTES, before[1]))
        yield
        if await self._has_died(child, pid):
            self.choked[child] += 1
            return
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    async def _has_died(self, child: str, pid: int) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CHOKES_SECONDS):
                while self.children.state(child).pid == pid:
                    await asyncio.sleep(0.05)
        return self.children.state(child).pid != pid

    async def calms_down(self) -> None:
        """Nobody dies any more; returns when all are there."""
        self.spare()
        self.set_clocks_right()
        for proxy in self.proxies.values():
            proxy.becomes("open")
        await asyncio.sleep(0)
        await asyncio.gather(*(self.children.until_ready(state.name, 120) for state in self.children.states()))

    def deaths(self) -> list[Kill]:
        """Which kill points have been died at."""
        return [kill for plan in self.plans.values() for kill in plan.deaths()]

    def misled(self) -> int:
        """At how many points a service had been told the time by a clock that had jumped."""
        return sum(plan.misled() for plan in self.plans.values())

    def passed(self) -> set[tuple[str, str]]:
        """Which service has passed which point."""
        return {(service, point) for service, plan in self.plans.items() for point in plan.passed()}
