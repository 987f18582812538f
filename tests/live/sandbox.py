"""Containers by hand: what an engine would make of the Dockerfile and of one service of docker-compose.yml.

A network of its own, in which broker and database answer by the names and ports that the file says. For each service a
root of its own that holds what the image holds, libraries of its lock and no others: read-only, with `/tmp` as its one
writable place; a user without any right; the image's environment and the service's, and no other. Linux namespaces by
util-linux and iproute2; needs root.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from infra.deploy.compose import COMPOSE
from infra.local.leash import leashed
from tests.infra import dockerfile

TOOLS = ("unshare", "nsenter", "setpriv", "chroot", "mount", "ip")
HOSTS = tuple(yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"])
SYSTEM = ("/bin", "/lib", "/lib64", "/usr", sys.base_prefix)
HOME, LIBRARIES = "/srv/watchbill", "/opt/watchbill"


def missing() -> str:
    """Why no container can be made here; empty where one can."""
    if lacking := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"not installed: {', '.join(lacking)}"
    if os.geteuid() != 0:
        return "namespaces with another user need root"
    return subprocess.run(["unshare", "-nm", "true"], capture_output=True, text=True, check=False).stderr.strip()


def alone_in_network(command: Sequence[str]) -> list[str]:
    """The command in a network of its own, which knows itself only."""
    return ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]


@dataclass(frozen=True)
class Container:
    """One service as the file describes it. `libraries`: the environment that the image has; `neighbour`: the process
    whose network it joins."""

    root: Path
    libraries: Path
    environment: Mapping[str, str]
    volumes: Mapping[Path, str]
    user: str
    neighbour: int

    def start(self, entry: Sequence[str], log: Path) -> subprocess.Popen[str]:
        """Runs the command; the process is the service's own."""
        self.root.mkdir()
        script = "\n".join((*self._build(), f"exec {shlex.join(self._inside(entry))}"))
        network = ["nsenter", f"--net=/proc/{self.neighbour}/ns/net"]
        with log.open("w") as out:
            return subprocess.Popen(
                leashed([*network, "unshare", "--mount", "sh", "-euc", script]), stdout=out, stderr=out, text=True
            )

    def run(self, beside: int, *command: str, seconds: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Runs a further command beside the service's process, as a health check does."""
        there = ["nsenter", f"--target={beside}", "--mount", "--net"]
        return subprocess.run(
            [*there, *self._inside(command)], capture_output=True, text=True, timeout=seconds, check=False
        )

    def _inside(self, command: Sequence[str]) -> list[str]:
        user, group = self.user.split(":")
        said = dockerfile.environment() | dict(self.environment)
        return [
            "chroot", str(self.root),
            "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs",
            "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all",
            "env", "-i", f"--chdir={HOME}", *(f"{name}={value}" for name, value in said.items()), *command,
        ]  # fmt: skip

    def _build(self) -> Iterator[str]:
        root = shlex.quote(str(self.root))
        yield "mount --make-rprivate /"
        yield f"mount -t tmpfs -o mode=755 tmpfs {root}"
        for there in ("/proc", "/dev", "/tmp", "/etc", HOME):
            yield f"mkdir -p {root}{there}"
        yield f"echo 127.0.0.1 localhost {' '.join(HOSTS)} > {root}/etc/hosts"
        for source, to in dockerfile.copies():
            yield f"mkdir -p $(dirname {root}{HOME}/{to}) && cp -r {shlex.quote(str(source))} {root}{HOME}/{to}"
        bound = {name: name for name in SYSTEM if Path(name).exists()} | {str(self.libraries): LIBRARIES}
        for source, there in {**bound, **{str(source): there for source, there in self.volumes.items()}}.items():
            yield f"mkdir -p {root}{there} && mount --rbind {shlex.quote(source)} {root}{there}"
            yield f"mount -o remount,bind,ro {root}{there}"
        yield f"mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev"
        yield f"mount -o remount,ro {root}"
        yield f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp"
