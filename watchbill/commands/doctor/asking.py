"""How the doctor asks: shortly, and taking no answer for an answer.

Services say themselves how they stand (`/runtime/state`); broker and database are asked only what no service knows.
How to reach the two where they are secured stands in the same `WATCHBILL_…` variables as for a service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import httpx
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from infra.processes import PROCESSES, READY_PATH
from infra.runtime.connections import mongo_options
from infra.runtime.settings import RuntimeSettings
from watchbill.addresses import Addresses
from watchbill.secrets import Secrets
from watchbill.service_clock import ServiceClock, clock_of

SECONDS = 5.0
T = TypeVar("T")


class Asking:
    """Asks the installation at these addresses, as its administrator and as its conductor."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self.settings = RuntimeSettings(kafka_servers=addresses.kafka, mongo_url=addresses.mongo)
        secrets = Secrets(addresses.place.root)
        token = secrets.token("installer", "administrator", "owner")
        self._person = {"authorization": f"Bearer {token}"}
        self._service = {"x-api-key": secrets.key_of("conductor", "service")}
        self._clients = {name: httpx.Client(base_url=url, timeout=SECONDS) for name, url in addresses.http.items()}

    def close(self) -> None:
        """Hangs up."""
        for client in self._clients.values():
            client.close()
        if "mongo" in self.__dict__:
            self.mongo.close()

    @cached_property
    def health(self) -> dict[str, dict[str, str]]:
        """By service that answers: what it says is wrong, by part; empty where it is ready."""
        return self._of_each(self._clients, lambda name: dict(self._clients[name].get(READY_PATH).json()["faults"]))

    @cached_property
    def states(self) -> dict[str, dict[str, Any]]:
        """By service that says it: how it stands."""
        return self.states_now()

    def states_now(self) -> dict[str, dict[str, Any]]:
        """The same, asked anew."""
        return self._of_each(self.health, lambda name: dict(self.get(name, "/runtime/state")))

    @property
    def services(self) -> list[str]:
        """All the services there should be."""
        return [process.name for process in PROCESSES]

    @cached_property
    def clocks(self) -> dict[str, ServiceClock]:
        """The clock of each service that says it."""
        return self._of_each(self.health, lambda name: clock_of(self._clients[name], self._service))

    def _of_each(self, names: Iterable[str], ask: Callable[[str], T]) -> dict[str, T]:
        """All are asked at once: several that do not answer cost the time of one. By name, of those that do."""

        def answer(name: str) -> T | None:
            try:
                return ask(name)
            except (httpx.HTTPError, ValueError, LookupError):
                return None

        with ThreadPoolExecutor(max_workers=max(1, len(self._clients))) as pool:
            answers = zip(names, pool.map(answer, names), strict=True)
            return {name: said for name, said in answers if said is not None}

    def now(self, service: str) -> datetime:
        """The time by which a service decides."""
        clock = self.clocks.get(service)
        return clock.now() if clock else datetime.now(UTC)

    def get(self, service: str, path: str, **params: str) -> Any:
        """The answer of a query. Raises httpx.HTTPError."""
        answer = self._clients[service].get(path, params=params, headers=self._person)
        answer.raise_for_status()
        return answer.json()

    def find(self, service: str, path: str, **params: str) -> Any | None:
        """The same; None where there is none (404)."""
        try:
            return self.get(service, path, **params)
        except httpx.HTTPStatusError as error:
            if error.response.status_code == 404:
                return None
            raise

    @cached_property
    def mongo(self) -> MongoClient[dict[str, Any]]:
        """The database. What is asked of it raises PyMongoError after a short while where it is away."""
        return MongoClient(
            self.addresses.mongo, tz_aware=True, serverSelectionTimeoutMS=3000, **mongo_options(self.settings)
        )

    @cached_property
    def primary(self) -> dict[str, Any] | None:
        """What the database says of itself and its set; None where it does not answer, or has no primary. `ahead`: how
        far its machine's clock is before ours."""
        try:
            version = self.mongo.server_info()["version"]
            before = datetime.now(UTC)
            hello = self.mongo.admin.command("hello")
            after = datetime.now(UTC)
        except PyMongoError:
            return None
        theirs = hello["localTime"].replace(tzinfo=UTC)
        return {**hello, "version": version, "ahead": ahead(theirs, before, after)}


def ahead(theirs: datetime, before: datetime, after: datetime) -> timedelta:
    """How far a clock of whole milliseconds is before ours, which was read before and after theirs."""
    before = before.replace(microsecond=before.microsecond // 1000 * 1000)
    if theirs < before:
        return theirs - before
    return max(theirs - after, timedelta(0))
