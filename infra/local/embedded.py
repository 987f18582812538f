"""The broker and the database of one data folder, as child processes of this one.

    async with Embedded(Place.of()) as platform:
        platform.kafka, platform.mongo

For developers: `python -m infra.local.embedded --data DIR` prints the two addresses as one line of JSON when both are
ready, and stays until SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from typing import Self

import structlog

from . import kafka, mongo, training
from .children import BackOff, Supervisor, all_or_none
from .place import Place
from .ports import LOOPBACK, Ports
from .trouble import Trouble


class Embedded:
    """`async with` starts both at once and stops them at the end; one that crashes comes back on its port by itself.

    `children` is the Supervisor: add your own processes to it, killed and restarted like these two (`kafka`, `mongo`).
    A second start on the same folder finds everything again. `kafka_advertised`: the port that the broker sends its
    clients to, where something stands before it. Raises Trouble.
    """

    def __init__(
        self,
        place: Place,
        *,
        kafka_port: int | None = None,
        mongo_port: int | None = None,
        kafka_advertised: int | None = None,
        back_off: BackOff | None = None,
    ) -> None:
        self.place = place
        self.children = Supervisor(back_off=back_off)
        self._kafka_advertised = kafka_advertised
        self.kafka = self.mongo = ""
        self._wanted = {"kafka": kafka_port, "mongo": mongo_port}
        self._held = contextlib.ExitStack()
        self._trainer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._held.enter_context(self.place.claim())
        try:
            ports = self._ports()
            await all_or_none([self._start_kafka(ports), self._start_mongo(ports)])
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all children, also those that others added. No process is left; may be called twice."""
        if self._trainer:
            self._trainer.cancel()
            await asyncio.gather(self._trainer, return_exceptions=True)
        await self.children.stop()
        self._held.close()

    def _ports(self) -> dict[str, int]:
        book = Ports(self.place.ports)
        return {name: book.pick(name, self._wanted.get(name)) for name in ("kafka", "kafka-controller", "mongo")}

    async def _start_kafka(self, ports: dict[str, int]) -> None:
        folder, log = self.place.kafka, self.place.log("kafka")
        java = await asyncio.to_thread(kafka.java)
        kafka.write_properties(folder, ports["kafka"], ports["kafka-controller"], self._kafka_advertised)
        await kafka.format_storage(java, folder, log)
        await self.children.add(kafka.broker(java, folder, log, ports["kafka"]))
        self.kafka = f"{LOOPBACK}:{ports['kafka']}"
        self._trainer = asyncio.create_task(training.train(java))

    async def _start_mongo(self, ports: dict[str, int]) -> None:
        await self.children.add(mongo.database(self.place.mongo, self.place.log("mongo"), ports["mongo"]))
        self.mongo = mongo.url(ports["mongo"])


async def stay(platform: Embedded) -> None:
    """Run until SIGTERM or Ctrl-C; say the addresses when ready."""
    loop, here = asyncio.get_running_loop(), asyncio.current_task()
    assert here is not None
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, here.cancel)
    async with platform:
        print(json.dumps({"kafka": platform.kafka, "mongo": platform.mongo}), flush=True)
        await asyncio.Event().wait()


def main(arguments: list[str] | None = None) -> int:
    about = "运行本机 Kafka 与 MongoDB / Run Kafka and MongoDB on this machine"
    parser = argparse.ArgumentParser(prog="python -m infra.local.embedded", description=about)
    parser.add_argument("--data", help="数据目录 / data folder (WATCHBILL_DATA, .watchbill)")
    parser.add_argument("--kafka-port", type=int)
    parser.add_argument("--mongo-port", type=int)
    given = parser.parse_args(arguments)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output is for the addresses
    platform = Embedded(Place.of(given.data), kafka_port=given.kafka_port, mongo_port=given.mongo_port)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(stay(platform))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
