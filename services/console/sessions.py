"""Sessions: who is signed in. Kept in the database, as is how often somebody tried; the cookie is a random token."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from infra.runtime.ledger import Database
from infra.runtime.security import Identity, hash_of_key
from services.console.people import People, Person
from services.console.tries import Tally, Tries


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in. `id` is the digest of the cookie's token; `csrf` stands in every form."""

    id: str
    person: str
    proof: str
    csrf: str
    expires: datetime


class Book(Tally, Protocol):
    """What is remembered of visitors."""

    async def keep(self, session: Session) -> None:
        """A session begins."""
        ...

    async def find(self, id: str) -> Session | None:
        """The session of this id; it may be over."""
        ...

    async def drop(self, id: str) -> None:
        """A session ends."""
        ...


class BookInMongo:
    """The book in the room's database, which is there once the room is open. `key`: without it nobody can tell which
    names were typed; some people type their password there."""

    def __init__(self, database: Callable[[], Database], key: str) -> None:
        self._database, self._key = database, key.encode()

    async def keep(self, session: Session) -> None:
        kept = {name: getattr(session, name) for name in ("person", "proof", "csrf", "expires")}
        await self._database().sessions.insert_one({"_id": session.id, **kept})

    async def find(self, id: str) -> Session | None:
        found = await self._database().sessions.find_one({"_id": id})
        return Session(found.pop("_id"), **found) if found else None

    async def drop(self, id: str) -> None:
        await self._database().sessions.delete_one({"_id": id})

    async def tried(self, what: str, until: datetime) -> int:
        which = hash_of_key(what, self._key)
        counted = await self._database().tries.find_one_and_update(
            {"_id": which}, {"$inc": {"count": 1}, "$set": {"expires": until}}, upsert=True, return_document=True
        )
        return int(counted["count"])


@dataclass(frozen=True, slots=True)
class Visitor:
    """A session with who it is, as of now."""

    session: Session
    identity: Identity

    @property
    def mark(self) -> str:
        """What a page is marked with that was made for this session in this role; it opens nothing."""
        return f"{self.session.id[:16]}-{self.identity.role}"


class Guard:
    """Lets people in, and knows them again. Its clock is the machine's: a conductor's has nothing to do with people."""

    def __init__(self, people: People, book: Book, tries: Tries, lasts: timedelta) -> None:
        self.people, self.book, self.tries, self.lasts = people, book, tries, lasts

    async def admit(self, name: str, password: str, address: str) -> str | None:
        """A new session's token, for the cookie; None where name or password is wrong. Raises `TooMany`."""
        async with self.tries.turn(name, address):
            person = await self.people.admitted(name, password)
        return await self.begin(person) if person else None

    async def begin(self, person: Person) -> str:
        """A new session of this person; returns its token."""
        token = secrets.token_urlsafe(32)
        ends = _now() + self.lasts
        await self.book.keep(Session(_id(token), person.identity.person, person.proof, secrets.token_urlsafe(32), ends))
        return token

    async def visitor(self, token: str) -> Visitor | None:
        """Who holds this token: with the role of now, while the password is the one that the session began with."""
        session = await self.book.find(_id(token))
        if session is None or session.expires <= _now():
            return None
        person = self.people.person(session.person)
        if person is None or person.proof != session.proof:
            return None
        return Visitor(session, person.identity)

    async def dismiss(self, visitor: Visitor) -> None:
        """The session is over."""
        await self.book.drop(visitor.session.id)


def _id(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
