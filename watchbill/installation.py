"""An installation on one machine: broker, database, sinks and the services, as supervised child processes."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from infra.local.children import Child, Supervisor, http_answers, port_answers
from infra.local.embedded import Embedded
from infra.local.place import Place
from infra.local.ports import Ports
from infra.processes import PROCESSES, READY_PATH, Process
from watchbill.secrets import Secrets

ROOT = Path(__file__).parent.parent
_FRUGAL = {"PYTHONDONTWRITEBYTECODE": "", "MALLOC_ARENA_MAX": "2"}
"""Many processes start at once: compiling anew would take longer than starting; and they share the memory."""
SINK_PORTS = ("sink-sms", "sink-smtp", "sink-web")


class Installation:
    """`async with Installation(place) as town`: everything runs, and a second start on the same folder goes on.

    `only`: the services to start; all of them when empty. `movable`: a conductor moves the services' clock.
    `sinks`: SMS and mail go to local sinks that can be read. `variables`: what services find in their environment
    besides, before all else. A heir may run its services by another `command`, in another `environment`, and on another
    `platform`.
    """

    def __init__(
        self,
        place: Place,
        *,
        movable: bool = False,
        sinks: bool = True,
        contacts: Path | None = None,
        single: bool = False,
        only: Collection[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.place, self.movable, self.sinks = place, movable, sinks
        self.contacts, self.single = contacts, single
        self.variables = dict(variables or {})
        self.processes = tuple(process for process in PROCESSES if not only or process.name in only)
        self.secrets = Secrets(place.root)
        self.platform = Embedded(place)
        self.http: dict[str, str] = {}
        self.gateway_port = 0
        self.ports: dict[str, int] = {}
        self._stack = AsyncExitStack()

    @property
    def clock_file(self) -> Path:
        """Where a conductor writes the time."""
        return self.place.root / "clock.json"

    @property
    def children(self) -> Supervisor:
        """All child processes."""
        return self.platform.children

    async def __aenter__(self) -> Self:
        self.place.prepare()
        self.secrets.make()
        try:
            await self._stack.enter_async_context(self.platform)
            self._pick_ports()
            if self.sinks:
                await self.children.add(self._sink())
            await self.children.add(*self._services())
        except BaseException:
            await self._stack.aclose()
            raise
        self._write_addresses()
        return self

    async def __aexit__(self, *_: object) -> None:
        (self.place.root / "addresses.json").unlink(missing_ok=True)
        await self._stack.aclose()

    def _pick_ports(self) -> None:
        book = Ports(self.place.ports)
        names = [process.name for process in PROCESSES] + ["gateway", *SINK_PORTS]
        self.ports = {name: book.pick(name) for name in names}
        self.http = {process.name: f"http://127.0.0.1:{self.ports[process.name]}" for process in PROCESSES}
        self.gateway_port = self.ports["gateway"]

    def _sink(self) -> Child:
        sms, smtp, web = (self.ports[name] for name in SINK_PORTS)
        where = ("--sms-port", str(sms), "--smtp-port", str(smtp), "--web-port", str(web))
        return Child(
            name="sinks",
            command=(sys.executable, "-m", "infra.local.sinks", *where, "--dir", str(self.place.root / "sinks")),
            log=self.place.log("sinks"),
            ready=port_answers(web),
            cwd=ROOT,
        )

    def _services(self) -> list[Child]:
        if not self.single:
            return [self._service(process) for process in self.processes]
        environments = {process.name: dict(self.environment(process)) for process in self.processes}
        everything = [http_answers(f"{url}{READY_PATH}") for url in self.http.values()]

        async def all_ready() -> bool:
            return all([await ready() for ready in everything])

        return [
            Child(
                name="services",
                command=(sys.executable, "-m", "watchbill.single"),
                log=self.place.log("services"),
                ready=all_ready,
                env={"WATCHBILL_SINGLE": json.dumps(environments)},
                cwd=ROOT,
                after=("kafka", "mongo"),
            )
        ]

    def _service(self, process: Process) -> Child:
        return Child(
            name=process.name,
            command=(sys.executable, *self.command(process)),
            log=self.place.log(process.name),
            ready=http_answers(f"{self.http[process.name]}{READY_PATH}"),
            env=self.environment(process),
            cwd=ROOT,
            after=("kafka", "mongo"),
        )

    def command(self, process: Process) -> Sequence[str]:
        """What is run for a service, after the interpreter."""
        return process.command

    def environment(self, process: Process) -> Mapping[str, str]:
        """The settings of a service, as its environment."""
        shared = {
            "kafka_servers": self.platform.kafka,
            "mongo_url": self.platform.mongo,
            "http_port": str(self.ports[process.name]),
            "secrets": str(self.secrets.shared),
            "clock": "movable" if self.movable else "system",
            "clock_file": str(self.clock_file),
            "kafka_partitions": "1" if self.movable else "4",
            **process.settings,
        }
        if "gateway_port" in process.ports:
            shared["gateway_port"] = str(self.gateway_port)
        if process.name == "notify":
            shared |= self._channels()
        if process.name == "console":
            shared["services"] = json.dumps(self.http)
        return (
            {f"WATCHBILL_{name.upper()}": value for name, value in shared.items()}
            | self._spans()
            | _FRUGAL
            | self.variables
        )

    def _spans(self) -> dict[str, str]:
        """Spans go to the console, soon: a test or a demo does not wait for long."""
        if not any(process.name == "console" for process in self.processes):
            return {}
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.http["console"], "OTEL_BSP_SCHEDULE_DELAY": "1000"}

    def _channels(self) -> dict[str, str]:
        contacts = {"contacts": str(self.contacts)} if self.contacts else {}
        if not self.sinks:
            return contacts
        return contacts | {
            "sms_url": f"http://127.0.0.1:{self.ports['sink-sms']}/cgi-bin/sendsms",
            "sms_keeps_keys": "true",
            "receipts_url": self.http["notify"],
            "smtp_host": "127.0.0.1",
            "smtp_port": str(self.ports["sink-smtp"]),
            "smtp_starttls": "false",
            "smtp_keeps_ids": "true",
        }

    def _write_addresses(self) -> None:
        """Where everything is, for the other commands of this data folder."""
        addresses = {
            "kafka": self.platform.kafka, "mongo": self.platform.mongo, "http": self.http,
            "gateway": f"127.0.0.1:{self.gateway_port}", "sinks": f"http://127.0.0.1:{self.ports['sink-web']}",
        }  # fmt: skip
        (self.place.root / "addresses.json").write_text(json.dumps(addresses, indent=1))
