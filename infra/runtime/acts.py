"""Acts: what people and machines do over HTTP, committed like any event, once per idempotency key."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from contracts.values import Words
from infra.runtime.ledger import Conflict, Entry
from infra.runtime.ledger import Database as RoomDatabase
from infra.runtime.letters import TooLarge
from infra.runtime.problems import Problem
from infra.runtime.security import Caller, Identity
from infra.runtime.states import State
from infra.runtime.telemetry import headers_of, mark, span, subjects_of

if TYPE_CHECKING:
    from infra.runtime.room import Room

R = TypeVar("R", bound=BaseModel)
_CONFLICTS_MAX = 8


class Acted(State):
    """What an idempotency key (`id`) was answered with."""

    COLLECTION: ClassVar[str] = "acts"
    digest: str
    answer: str
    at: datetime
    """By the system's clock: when it may be forgotten."""


def opened_room(request: Request) -> Room:
    """The room of a request; a `Problem` 503 while it opens."""
    room: Room = request.app.state.room
    if not room.health.opened:
        raise Problem(
            503, "starting", Words(zh="服务正在启动，请稍后再试", en="The service is starting; try again soon")
        )
    return room


def _database(request: Request) -> RoomDatabase:
    return opened_room(request).ledger.db


Database = Annotated[RoomDatabase, Depends(_database)]


class Doing:
    """One request that changes something: `await act("name", body, handler)`."""

    def __init__(self, request: Request, caller: Caller) -> None:
        self.room = opened_room(request)
        self.caller: Identity = caller
        self.key = request.headers.get("idempotency-key", "")
        self.parent = {name: request.headers[name] for name in ("traceparent", "tracestate") if name in request.headers}

    @property
    def now(self) -> datetime:
        """The service clock."""
        return self.room.clock.now()

    async def __call__(self, name: str, body: BaseModel, handler: Callable[[Entry, Identity], Awaitable[R]]) -> R:
        """Runs the handler in an entry and commits it. The same key and body give the same answer, without effect.

        Problems: 422 where the key was used for another body, 413 where an event would be too large; what the handler
        raises. Nothing is written then.
        """
        digest = hashlib.sha256(f"{name}|{body.model_dump_json()}".encode()).hexdigest()
        who = self.caller
        key = f"{who.organisation}|{who.role}|{who.person}|{self.key or uuid.uuid4()}"
        what, _, on = name.partition(" ")
        with span(f"act {what}", self.parent, om__person=self.caller.person, om__act=what, om__on=on or None):
            for _ in range(_CONFLICTS_MAX):
                try:
                    answer: R = await self._once(name, key, digest, handler)
                    return answer
                except Conflict:
                    continue
                except TooLarge as error:
                    words = Words(zh="内容过大，请减少后重试", en="This is too much at once: send less")
                    raise Problem(413, "too-large", words, str(error)) from error
        raise Problem(409, "conflict", Words(zh="他人正在修改，请重试", en="Somebody else is changing this; try again"))

    async def _once(
        self, name: str, key: str, digest: str, handler: Callable[[Entry, Identity], Awaitable[Any]]
    ) -> Any:
        ledger = self.room.ledger
        async with ledger.lock:
            page = ledger.page()
            entry = page.entry(f"act|{key}", name, f"act|{key}")
            entry.trace = headers_of()
            if self.key and (before := await entry.load(Acted, key)):
                return _answered(before, digest)
            result = await handler(entry, self.caller)
            mark(subjects_of(said.event for said in entry.says))
            if self.key:
                entry.write(Acted(id=key, digest=digest, answer=result.model_dump_json(), at=datetime.now(UTC)))
            page.accept(entry)
            await self.room.relay.commit(page)
        return result


def _answered(before: Acted, digest: str) -> Any:
    """The first answer once more, as a response that FastAPI passes through."""
    if before.digest != digest:
        words = Words(zh="该幂等键已用于另一内容", en="This idempotency key was used for another content")
        raise Problem(422, "key-reused", words)
    return Response(before.answer, 200, {"Idempotent-Replay": "true"}, "application/json")


Act = Annotated[Doing, Depends(Doing)]
