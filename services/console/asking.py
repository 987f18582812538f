"""Asking the other services: how they stand, what they parked, and what one reading or clock says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from fastapi import Request
from pydantic import BaseModel, TypeAdapter, ValidationError

from contracts.values import Frozen, Moment, Words
from infra.runtime.acts import opened_room
from infra.runtime.ops import ParkedView, Redriven
from infra.runtime.standing import Standing
from infra.runtime.telemetry import headers_of, span
from services.console.domain.story import Frame

T = TypeVar("T")
_SECONDS = 8.0


def asking_of(request: Request) -> Asking:
    """What the pages ask by; the problem 503 while the room opens."""
    opened_room(request)
    asking: Asking = request.app.state.asking
    return asking


class Away(Exception):
    """A service that does not answer, or not as it should; in words."""


class ClockLine(Frozen):
    """One clock of a fault as incidents derives it."""

    clause: str
    title: Words
    state: str
    due: Moment | None
    counted_seconds: Decimal
    left_seconds: Decimal


class _Clocks(BaseModel):
    clocks: tuple[ClockLine, ...]


class _Reading(BaseModel):
    reading: str
    site: str
    time: datetime
    received_at: datetime
    channel: str
    digest: str
    event: str
    values: dict[str, dict[str, str]]


class Asking:
    """Asks the services at these addresses with the console's key. `Away` where one does not answer."""

    def __init__(self, services: Mapping[str, str], key: str) -> None:
        self._addresses = dict(services)
        self.services = tuple(services)
        headers = {"x-api-key": key} if key else {}
        self._client = httpx.AsyncClient(headers=headers, timeout=_SECONDS, trust_env=False)

    async def close(self) -> None:
        """Hangs up."""
        await self._client.aclose()

    async def standing(self, service: str) -> Standing:
        """How a service stands."""
        return _read(TypeAdapter(Standing), await self._ask(service, "GET", "/runtime/state"))

    async def parked(self, service: str) -> list[ParkedView]:
        """The letters that it could not handle."""
        return _read(TypeAdapter(list[ParkedView]), await self._ask(service, "GET", "/runtime/parked"))

    async def parked_one(self, service: str, id: str) -> ParkedView | None:
        """One of them, whole."""
        answer = await self._ask(service, "GET", path_of("runtime", "parked", id), absent_is_none=True)
        return None if answer is None else _read(TypeAdapter(ParkedView), answer)

    async def redrive(self, service: str, id: str, person: str) -> Redriven | None:
        """Has it heard again; None where there is none."""
        with span("redrive", om__person=person, om__parked=id, om__service=service):
            path = path_of("runtime", "redrive", id)
            answer = await self._ask(service, "POST", path, absent_is_none=True, headers=headers_of())
        return None if answer is None else _read(TypeAdapter(Redriven), answer)

    async def frame(self, reading: str, code: str | None) -> Frame | None:
        """A stored reading by its natural key, with what it says of a parameter; None where there is none."""
        site, kind, time = reading.split("/")
        path = path_of("v1", "sites", site, "readings", kind, time)
        answer = await self._ask("assets", "GET", path, absent_is_none=True)
        if answer is None:
            return None
        found = _read(TypeAdapter(_Reading), answer)
        said = found.values.get(code or "", {})
        value = f"{code} = {said.get('v', '—')} ({said.get('f', 'N')})" if said else ""
        return Frame(**found.model_dump(exclude={"values"}), value=value)

    async def clocks(self, fault: str) -> tuple[ClockLine, ...]:
        """The clocks that cover a fault, as they stand now."""
        answer = await self._ask("incidents", "GET", path_of("v1", "faults", fault), absent_is_none=True)
        return () if answer is None else _read(TypeAdapter(_Clocks), answer).clocks

    async def _ask(
        self, service: str, method: str, path: str, *, absent_is_none: bool = False, headers: Any = None
    ) -> Any:
        if service not in self._addresses:
            raise Away(f"no address of {service} is set")
        try:
            answer = await self._client.request(method, self._addresses[service] + path, headers=headers)
        except httpx.HTTPError as error:
            raise Away(f"{type(error).__name__}") from error
        if answer.status_code == 404 and absent_is_none:
            return None
        if answer.is_error:
            raise Away(f"HTTP {answer.status_code}")
        return answer.json()


def path_of(*parts: str) -> str:
    """A path whose parts stay parts: an id with `../` in it leads nowhere else."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _read(shape: TypeAdapter[T], answer: Any) -> T:
    try:
        return shape.validate_python(answer)
    except ValidationError as error:
        raise Away(f"an answer of another shape: {error.error_count()} fields") from error
