"""Seeded chance: what befalls a town at each step of a play. The same seed and step bring the same."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from tests.chaos.doom import Kill
from tests.chaos.proxy import Network
from tests.chaos.town import SERVERS

Pair = tuple[str, str]
"""(service, point)"""
_VICTIMS = (2, 2, 3, 4)
_DEATHS = (1, 1, 2)
"""Of a service in a step: the second may be died on the way back from the first."""
_PASSING = (1, 1, 1, 2, 3)
_MISFORTUNES = 0.3


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


Misfortune = Strike | BadNetwork | FullDisk


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
        services = sorted({service for service, _ in self.pairs})
        return [
            Kill(f"{step}.{number}", service, self._point(rng, service), rng.choice(_PASSING))
            for service in rng.sample(services, rng.choice(_VICTIMS))
            for number in range(rng.choice(_DEATHS))
        ]

    def _point(self, rng: random.Random, service: str) -> str:
        return rng.choice(sorted(point for one, point in self.pairs if one == service))

    def misfortune(self, step: int) -> Misfortune | None:
        """What befalls broker, database, sinks or network in this step."""
        rng = random.Random(f"{self.seed} misfortune {step}")
        if step % self.every or rng.random() > _MISFORTUNES:
            return None
        kind: Literal["strike", "network", "disk"] = rng.choice(("strike", "strike", "network", "network", "disk"))
        wait, lasts = rng.uniform(0.0, 0.8), rng.uniform(0.3, 4.0)
        if kind == "strike":
            return Strike(rng.choice((*SERVERS, "sinks")), wait)
        server = rng.choice(SERVERS)
        if kind == "disk":
            return FullDisk(server, wait, lasts)
        networks: tuple[Network, ...] = ("cut", "silent", "slow")
        return BadNetwork(server, rng.choice(networks), wait, lasts)
