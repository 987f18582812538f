"""Each service of docker-compose.yml, run by hand exactly as the file says, beside the embedded broker and database.

Namespaces need root, which nobody has to have for `make test`: elsewhere these are skipped, and the run says why. What
can be seen without root, `tests/infra/test_image.py` looks at everywhere.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from infra.deploy.compose import COMPOSE
from infra.local.child import Child
from infra.processes import PROCESSES, Process
from tests.conftest import running
from tests.infra import dockerfile
from tests.live.sandbox import Container, alone_in_network, missing
from watchbill.secrets import Secrets

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(missing()), reason=missing() or "a container can be made")]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
PORTS = {"kafka": 9092, "mongo": 27017}
STOP_SECONDS = Child.stop_seconds
"""As `up` waits: the file gives longer, and no service needs it."""
each_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)


def filled(text: str) -> str:
    """As compose fills it where nobody has set anything."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def seconds(text: str) -> float:
    """A time as compose writes it."""
    return float(text.removesuffix("s"))


class Town(NamedTuple):
    """The process whose network holds broker and database, the folder of secrets, and the image's libraries."""

    neighbour: int
    secrets: Path
    libraries: Path


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, libraries: Path) -> Iterator[Town]:
    """Broker and database on their own ports, in a network of their own."""
    folder = tmp_path_factory.mktemp("compose")
    secrets = Secrets(folder / "installation")
    secrets.make()
    subprocess.run(["chown", "-R", filled(SERVICES["assets"]["user"]), str(secrets.shared)], check=True)
    ports = [f"--{name}-port={port}" for name, port in PORTS.items()]
    with running(folder / "platform", ports, alone_in_network) as platform:
        yield Town(platform.pid, secrets.shared, libraries)


def container_of(service: dict[str, Any], folder: Path, town: Town) -> Container:
    """The service's container; the folder of secrets is mounted where the file mounts it."""
    (volume,) = service["volumes"]
    _, inside, mode = filled(volume).split(":")
    assert (service["read_only"], service["tmpfs"], service["cap_drop"], mode) == (True, ["/tmp"], ["ALL"], "ro")
    environment = {name: filled(value) for name, value in service["environment"].items()}
    volumes, user = {town.secrets: inside}, filled(service["user"])
    return Container(folder / "root", town.libraries, environment, volumes, user, town.neighbour)


@contextmanager
def started(service: dict[str, Any], container: Container, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Its process, which does not outlive the test."""
    (entrypoint,) = dockerfile.said("ENTRYPOINT")
    process = container.start([*json.loads(entrypoint), *service["command"]], log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def becomes_healthy(service: dict[str, Any], container: Container, process: subprocess.Popen[str]) -> bool:
    """Asks as often as the file says, from the beginning on."""
    check = service["healthcheck"]
    until = time.monotonic() + seconds(check["start_period"]) + check["retries"] * seconds(check["interval"])
    while time.monotonic() < until and process.poll() is None:
        kind, *command = check["test"]
        assert kind == "CMD"
        if container.run(process.pid, *command, seconds=seconds(check["timeout"])).returncode == 0:
            return True
        time.sleep(0.5)
    return False


@each_process
def test_service_runs_as_compose_says(process: Process, town: Town, tmp_path: Path) -> None:
    service, log = SERVICES[process.name], tmp_path / "log"
    container = container_of(service, tmp_path, town)
    with started(service, container, log) as running:
        assert becomes_healthy(service, container, running), log.read_text()
        user, group = container.user.split(":")
        assert container.run(running.pid, "id", "-u").stdout.split() == [user]
        for port in process.ports.values():
            asked = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
            assert container.run(running.pid, "python", "-c", asked).returncode == 0
        assert container.run(running.pid, "find", "/tmp", "-mindepth", "1").stdout == ""
        written = container.run(running.pid, "touch", "/srv/watchbill/written")
        assert "Read-only file system" in written.stderr
        running.terminate()
        assert seconds(service["stop_grace_period"]) > STOP_SECONDS
        assert running.wait(STOP_SECONDS) == 0
    assert "Traceback" not in log.read_text()
