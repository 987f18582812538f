"""People: who may sign in, with which role. Passwords are kept as argon2id hashes, in a secret file."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from infra.runtime.security import PEOPLE as ROLES
from infra.runtime.security import Identity

PEOPLE = "people.json"
"""`{"<name>": {"hash": "$argon2id$…", "role": "auditor", "organisation": "wuhan-emc"}}`"""
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's least for argon2id: 19 MiB, two passes."""
_NOBODY = _HASHER.hash("nobody has this password")
"""Tried for names that are not known, so that they take as long as those that are."""


def hash_of_password(password: str) -> str:
    """What is kept of a password."""
    return _HASHER.hash(password)


@dataclass(frozen=True, slots=True)
class Person:
    """Who may sign in. `proof` changes with the password: sessions of the old one end."""

    identity: Identity
    hash: str

    @property
    def proof(self) -> str:
        """What a session remembers of the password that opened it."""
        return hashlib.sha256(self.hash.encode()).hexdigest()[:32]


class People:
    """The people of the secrets folder, read anew when the file changes."""

    def __init__(self, secrets: Path) -> None:
        self._path = secrets / PEOPLE
        self._read: tuple[int, dict[str, Any]] = (-1, {})
        self._one_at_a_time = asyncio.Lock()

    def person(self, name: str) -> Person | None:
        """The person of this name, as of now; None where there is none, or with a role that is none of people's."""
        entry = self._known().get(name)
        if entry is None or entry["role"] not in ROLES:
            return None
        return Person(Identity(name, entry["role"], entry["organisation"]), entry["hash"])

    async def admitted(self, name: str, password: str) -> Person | None:
        """The person, where the password fits. One at a time: a check takes memory, and is slow on purpose."""
        known = self.person(name)
        async with self._one_at_a_time:
            fits = await asyncio.to_thread(_fits, known.hash if known else _NOBODY, password)
        return known if fits else None

    def _known(self) -> dict[str, Any]:
        changed = self._path.stat().st_mtime_ns if self._path.exists() else 0
        if self._read[0] != changed:
            self._read = changed, json.loads(self._path.read_text()) if changed else {}
        return self._read[1]


def _fits(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
