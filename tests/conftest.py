"""One embedded pair, Kafka and mongod, for all live tests of a session.

The pair runs in a process of its own, so it does not care about event loops; the process is on a leash, so it does
not outlive pytest. Tests share it: use names of your own for topics, groups and databases. Tests that kill a server
start their own `Embedded`.
"""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
import structlog

from infra.local.leash import leashed

ROOT = Path(__file__).parents[1]
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
START_SECONDS = 180.0


@dataclass(frozen=True)
class Platform:
    """Addresses for clients: `kafka` as host:port, `mongo` as a URL; the data folder with its logs; its process."""

    kafka: str
    mongo: str
    data: Path
    pid: int


@contextmanager
def running(
    data: Path, more: Sequence[str] = (), place: Callable[[Sequence[str]], Sequence[str]] = list
) -> Iterator[Platform]:
    """The developers' command, run as they would: `python -m infra.local.embedded --data DIR`.

    `more` arguments; `place` says where it runs, such as in a network of its own.
    """
    command = leashed(place([sys.executable, "-m", "infra.local.embedded", "--data", str(data), *more]))
    errors = data.with_name(data.name + ".stderr")
    with errors.open("w") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline() if select.select([process.stdout], [], [], START_SECONDS)[0] else ""
        assert said, f"the embedded platform did not start: {errors.read_text()}"
        yield Platform(**json.loads(said), data=data, pid=process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=40)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that two workers end at about the same time."""
    items.sort(key=lambda item: not {"journeys", "chaos"} & set(item.path.parts))


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """structlog's own default draws every exception with all its variables, which takes seconds."""
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.KeyValueRenderer()])


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform")) as addresses:
        yield addresses


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of what the image installs, and of nothing else: the developers' own has what a lock may lack."""
    folder, uv = tmp_path_factory.mktemp("image") / "libraries", str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    locked = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", "requirements-service.lock"]
    install = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *locked]
    subprocess.run(install, cwd=ROOT, check=True)
    return folder
