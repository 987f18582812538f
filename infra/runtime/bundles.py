"""Bundles: what a page says, as one row of the outbox. A row costs the database as much as twenty letters in one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Self

from msgspec import Struct

from infra.runtime.letters import Outgoing

_BYTES_MAX = 8_000_000
"""MongoDB takes a document of 16 MiB; the largest letter is half of this."""
_FRAMING = 32
"""At most so many bytes beside a name and its value in BSON."""


class Bundle(Struct, frozen=True):
    """Letters that were committed together, in their order."""

    id: str
    letters: tuple[Outgoing, ...]

    def row(self, owner: str, seq: int) -> dict[str, Any]:
        """As the outbox keeps it: `owner` is the member that says it, in the order of `seq`."""
        return {"_id": self.id, "owner": owner, "seq": seq, "letters": [_kept(letter) for letter in self.letters]}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Back from a row; one without `letters` is itself a letter, as a build before November 2026 kept it."""
        letters = row.get("letters") or [{**row, "id": row["_id"]}]
        return cls(row["_id"], tuple(_read(letter) for letter in letters))


def bundled(letters: Sequence[Outgoing]) -> list[Bundle]:
    """As few bundles as the database takes."""
    parts: list[list[Outgoing]] = []
    size = _BYTES_MAX
    for letter in letters:
        size += (more := _size(letter))
        if size > _BYTES_MAX:
            parts.append([])
            size = more
        parts[-1].append(letter)
    return [Bundle(str(uuid.uuid4()), tuple(part)) for part in parts]


def _size(letter: Outgoing) -> int:
    """Never less than what it takes in a row."""
    headers = sum(len(name) + len(value) + _FRAMING for name, value in letter.headers)
    return len(letter.value) + len(letter.key) + len(letter.topic) + len(letter.id) + headers + 5 * _FRAMING


def _kept(letter: Outgoing) -> dict[str, Any]:
    names = {"id": letter.id, "topic": letter.topic, "key": letter.key, "value": letter.value}
    return {**names, "headers": dict(letter.headers)}


def _read(kept: Mapping[str, Any]) -> Outgoing:
    headers = tuple((name, bytes(value)) for name, value in dict(kept["headers"]).items())
    return Outgoing(kept["id"], kept["topic"], bytes(kept["key"]), bytes(kept["value"]), headers)
