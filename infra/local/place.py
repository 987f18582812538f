"""The data folder of an installation on this machine, and the lock that keeps it to one run at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .trouble import Trouble

FOLDER = ".watchbill"


@dataclass(frozen=True)
class Place:
    """Where everything of one installation lies: `kafka/ mongo/ logs/ secrets/ ports.json up.lock`."""

    root: Path

    @classmethod
    def of(cls, root: Path | str | None = None) -> Place:
        """The folder given, else WATCHBILL_DATA, else `.watchbill` here; always absolute."""
        return cls(Path(root or os.environ.get("WATCHBILL_DATA") or FOLDER).expanduser().resolve())

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def mongo(self) -> Path:
        return self.root / "mongo"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def lock(self) -> Path:
        return self.root / "up.lock"

    def log(self, name: str) -> Path:
        """The log file of the child `name`."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Make the folders; those with data or secrets for the owner only (0700). Raises Trouble if it cannot."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            for private in (self.kafka, self.mongo, self.secrets):
                private.mkdir(exist_ok=True)
                private.chmod(0o700)
        except OSError as error:
            raise _unusable(self.root, error) from error

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Hold this folder for the length of the block. Raises Trouble, with the holder's pid, if it is in use."""
        self.prepare()
        with self.lock.open("a+") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _in_use(self.root, _holder(self.lock)) from error
            held.truncate(0)
            held.write(str(os.getpid()))
            held.flush()
            yield


def _holder(lock: Path) -> str:
    return lock.read_text().strip() or "?"


def _in_use(root: Path, pid: str) -> Trouble:
    return Trouble(
        f"数据目录 {root} 正被进程 {pid} 使用。请先停止它，或用 WATCHBILL_DATA 另选目录",
        f"Data folder {root} is in use by process {pid}. Stop it first, or choose another folder by WATCHBILL_DATA",
    )


def _unusable(root: Path, error: OSError) -> Trouble:
    return Trouble(
        f"数据目录 {root} 无法使用（{error.strerror}）。请检查权限和磁盘，或用 WATCHBILL_DATA 另选目录",
        f"Data folder {root} cannot be used ({error.strerror}: {error.filename}). "
        "Check permissions and the disk, or choose another folder by WATCHBILL_DATA",
    )
