"""The broker's jars: exactly those of `kafka.lock.toml`, fetched once for each user and checked at every start.

jgo fetches them (https://github.com/apposed/jgo, a Maven client in Python). The lock names every jar and its SHA-256,
so nothing has to be resolved: 3 s from an empty cache instead of 37.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from .trouble import Trouble, extra

if TYPE_CHECKING:
    from jgo.maven import MavenContext

ENDPOINT = "org.apache.kafka:kafka_2.13:4.1.0+org.slf4j:slf4j-simple:1.7.36"
LOCK = Path(__file__).with_name("kafka.lock.toml")
AT_ONCE = 4
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def cache_folder() -> Path:
    """WATCHBILL_CACHE, else `watchbill` in the user's cache folder (XDG base directories)."""
    own = os.environ.get("WATCHBILL_CACHE")
    xdg = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return (Path(own) if own else xdg / "watchbill").expanduser().resolve()


def locked(lock: Path = LOCK) -> list[Jar]:
    """The jars that the lock allows."""
    rows = tomllib.loads(lock.read_text())["dependencies"]
    return [Jar(row["groupId"], row["artifactId"], row["version"], row["sha256"]) for row in rows]


def lock_digest(lock: Path = LOCK) -> str:
    """A short name for the content of the lock."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:12]


def ready_jars(cache: Path, jars: Sequence[Jar]) -> list[Path]:
    """The checked jars in `cache/jars`, in the lock's order; the missing ones are fetched first.

    Raises Trouble if a jar cannot be fetched or is not the one that was locked.
    """
    folder = cache / "jars"
    with _alone(cache):
        missing = [jar for jar in jars if not (folder / jar.file).exists()]
        if missing:
            log.info("fetching the broker", jars=len(missing), folder=str(folder))
            _fetch(missing, folder)
    for jar in jars:
        _check(jar, folder / jar.file)
    return [folder / jar.file for jar in jars]


class _alone:
    """One process at a time in this cache; the others wait."""

    def __init__(self, cache: Path) -> None:
        try:
            (cache / "jars").mkdir(parents=True, exist_ok=True)
            self._file = (cache / "jars.lock").open("a")
        except OSError as error:
            raise Trouble(
                f"缓存目录 {cache} 无法写入（{error.strerror}）。请检查权限，或用 WATCHBILL_CACHE 另选目录",
                f"Cache folder {cache} cannot be written ({error.strerror}). "
                "Check its permissions, or choose another by WATCHBILL_CACHE",
            ) from error

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _fetch(jars: Sequence[Jar], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as incoming:
        maven = _maven(Path(incoming))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda jar: _fetch_one(jar, maven, folder), jars))


def _maven(incoming: Path) -> MavenContext:
    extra("jgo")
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    return MavenContext(repo_cache=incoming, local_repos=[], remote_repos={"central": mirror() or MAVEN_CENTRAL_URL})


def mirror() -> str:
    """The mirror of Maven Central to use, from WATCHBILL_MAVEN; empty for Maven Central itself."""
    return os.environ.get("WATCHBILL_MAVEN", "").rstrip("/")


def _fetch_one(jar: Jar, maven: MavenContext, folder: Path) -> None:
    try:
        fetched = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except (OSError, RuntimeError) as error:
        raise _unreachable(jar, folder, error) from error
    _check(jar, fetched)
    os.replace(fetched, folder / jar.file)


def _check(jar: Jar, path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise Trouble(
            f"{path} 与锁文件 {LOCK.name} 不符（SHA-256 {found}，应为 {jar.sha256}）。"
            "请删除该文件后重新启动；若再次出现，说明 Maven 镜像给出的文件不对",
            f"{path} is not the file named in {LOCK.name} (SHA-256 {found}, expected {jar.sha256}). "
            "Delete it and start again; if this comes back, the Maven mirror gives a wrong file",
        )


def _unreachable(jar: Jar, folder: Path, error: Exception) -> Trouble:
    return Trouble(
        f"jgo（Maven 客户端）下载 {jar.file} 失败。请检查网络；或用 WATCHBILL_MAVEN 指定 Maven 镜像地址；"
        f"或从另一台机器把 jars 目录复制到 {folder}",
        f"jgo, the Maven client, could not fetch {jar.file}. Check the network; or name a Maven mirror by "
        f"WATCHBILL_MAVEN; or copy the jars from another machine into {folder}",
        tail=f"{type(error).__name__}: {error}"[:500],
    )


def relock() -> None:
    """Resolve ENDPOINT anew and write the lock: for developers, when the broker's version changes."""
    import jgo

    with tempfile.TemporaryDirectory() as cache:
        text = jgo.build(ENDPOINT, cache_dir=Path(cache)).lock_path.read_text()
    LOCK.write_text("".join(line for line in text.splitlines(keepends=True) if not line.startswith("generated")))


if __name__ == "__main__":
    relock()
