"""Seeded chance: what befalls a town at each step of a play, and its feeds. The same seed and step bring the same."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from infra.local.simulator.troubles import Reorder, Repeat
from tests.chaos.doom import Kill
from tests.chaos.proxy import Network
from tests.chaos.town import SERVERS

Pair = tuple[str, str]
"""(service, point)"""
_VICTIMS = (2, 2, 3, 4)
_DEATHS = (1, 1, 2)
"""Of a service in a step: the second may be died on the way back from the first."""
_PASSING = (1, 1, 1, 2, 3)
_MISFORTUNES, _MISFORTUNES_OF_FEW = 0.3, 0.8
_JUMPS = tuple(sign * timedelta(seconds=seconds) for seconds in (7, 600, 4_000, 7 * 3600) for sign in (-1, 1))
"""Less than the 12 hours for which a token is good."""
_SPOILT, _SPOILT_HOURS, _TWICE = 3, (3, 12), 0.3


@dataclass(frozen=True, slots=True)
class Strike:
    """A process is killed, wherever it is."""

    child: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class BadNetwork:
    """The network between the services and a server is bad for a while."""

    server: str
    network: Network
    wait_seconds: float
    lasts_seconds: float


@dataclass(frozen=True, slots=True)
class FullDisk:
    """A server cannot write any more for a while."""

    server: str
    wait_seconds: float
    lasts_seconds: float


@dataclass(frozen=True, slots=True)
class ClockJump:
    """The machine's clock jumps under a service, and back when the next may befall the town."""

    service: str
    by: timedelta
    wait_seconds: float


Misfortune = Strike | BadNetwork | FullDisk | ClockJump
Kind = Literal["strike", "network", "disk", "clock"]
_KINDS: tuple[Kind, ...] = ("strike", "strike", "network", "network", "disk", "clock", "clock")


@dataclass(frozen=True)
class Chance:
    """`pairs`: which service comes past which point at all. `every`: something happens at each n-th step only."""

    seed: int
    pairs: Collection[Pair]
    every: int = 1

    def kills(self, step: int) -> list[Kill]:
        """Who is to die at which points in this step."""
        if step % self.every:
            return []
        rng = random.Random(f"{self.seed} kills {step}")
        return [
            Kill(f"{step}.{number}", service, self._point(rng, service), rng.choice(_PASSING))
            for service in rng.sample(self._services(), rng.choice(_VICTIMS))
            for number in range(rng.choice(_DEATHS))
        ]

    def _services(self) -> list[str]:
        return sorted({service for service, _ in self.pairs})

    def _point(self, rng: random.Random, service: str) -> str:
        return rng.choice(sorted(point for one, point in self.pairs if one == service))

    def misfortune(self, step: int) -> Misfortune | None:
        """What befalls broker, database, sinks, network or a clock in this step."""
        rng = random.Random(f"{self.seed} misfortune {step}")
        if step % self.every or rng.random() > (_MISFORTUNES if self.every == 1 else _MISFORTUNES_OF_FEW):
            return None
        kind = rng.choice(_KINDS)
        wait, lasts = rng.uniform(0.0, 0.8), rng.uniform(0.3, 4.0)
        if kind == "strike":
            return Strike(rng.choice((*SERVERS, "sinks")), wait)
        if kind == "clock":
            return ClockJump(rng.choice(self._services()), rng.choice(_JUMPS), wait)
        server = rng.choice(SERVERS)
        if kind == "disk":
            return FullDisk(server, wait, lasts)
        networks: tuple[Network, ...] = ("cut", "silent", "slow")
        return BadNetwork(server, rng.choice(networks), wait, lasts)

    def feeds(self, sites: Sequence[str], starts: datetime, ends: datetime) -> list[Repeat | Reorder]:
        """Whose uploads come twice, and whose out of order, and when."""
        rng = random.Random(f"{self.seed} feeds")
        return [spell for site in rng.sample(sites, _SPOILT) for spell in self._spoilt(rng, site, starts, ends)]

    def _spoilt(self, rng: random.Random, site: str, starts: datetime, ends: datetime) -> list[Repeat | Reorder]:
        lasts = timedelta(hours=rng.randint(*_SPOILT_HOURS))
        begins = starts + timedelta(hours=rng.randrange((ends - lasts - starts) // timedelta(hours=1)))
        return [Repeat(site, begins, begins + lasts, _TWICE), Reorder(site, begins, begins + lasts)]
