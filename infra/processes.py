"""The processes of Watchbill, in one place: the embedded run, docker-compose.yml and the manifests are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Process:
    """A service as a process: `python -m <module>`, its HTTP port, and further ports by setting."""

    name: str
    module: str
    http_port: int
    ports: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    """What differs from the defaults wherever it runs."""

    @property
    def command(self) -> tuple[str, ...]:
        """What is run, after the interpreter."""
        return ("-m", self.module)


PROCESSES: tuple[Process, ...] = (
    Process("assets", "services.assets", 8101, {"gateway_port": 9212}),
    Process("inspections", "services.inspections", 8102),
    Process("incidents", "services.incidents", 8103),
    Process("scoring", "services.scoring", 8104),
    Process("notify", "services.notify", 8105),
    Process("console", "services.console", 8106),
)
HEALTH_PATH = "/health/live"
READY_PATH = "/health/ready"


def addresses() -> dict[str, str]:
    """Where each service is, in a network that knows it by its name."""
    return {known.name: f"http://{known.name}:{known.http_port}" for known in PROCESSES}


def process(name: str) -> Process:
    """The process of this name; KeyError where there is none."""
    return {known.name: known for known in PROCESSES}[name]
