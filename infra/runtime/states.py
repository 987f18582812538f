"""States: what a service remembers, as frozen models in its own database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, TypeVar

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

_DURATION = TypeAdapter(timedelta)


class Unreadable(Exception):
    """A remembered thing that its model does not take: our own fault, never the caller's."""


class State(BaseModel):
    """One remembered thing, loaded and written whole. `id` is its key in `COLLECTION`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
    COLLECTION: ClassVar[str]
    id: str

    def document(self) -> dict[str, Any]:
        """As MongoDB keeps it: times as dates, decimals as text, tuples as lists."""
        kept = {name: _plain(value) for name, value in self.__dict__.items() if name != "id"}
        return {"_id": self.id, **kept}

    @classmethod
    def of(cls: type[S], document: Mapping[str, Any]) -> S:
        """Back from a document. Raises `Unreadable`, which does not repeat what the document holds."""
        kept = {name: value for name, value in document.items() if name not in ("_id", "_v")}
        try:
            return cls.model_validate({"id": document["_id"], **kept})
        except ValidationError as error:
            raise Unreadable(f"{cls.__name__} {document['_id']}: {error}") from error


S = TypeVar("S", bound=State)


def _plain(value: Any) -> Any:
    """A value as BSON has it. Exact types first: almost everything is one of these."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if write := _WRITERS.get(kind):
        return write(value)
    if isinstance(value, BaseModel):
        return {name: _plain(part) for name, part in value.__dict__.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    raise TypeError(f"a state cannot keep a {kind.__name__}")


_AS_THEY_ARE = frozenset({type(None), bool, int, str, float, bytes, datetime})
_WRITERS: dict[type, Callable[[Any], Any]] = {
    dict: lambda value: {str(name): _plain(part) for name, part in value.items()},
    tuple: lambda value: [_plain(part) for part in value],
    list: lambda value: [_plain(part) for part in value],
    set: lambda value: sorted(_plain(part) for part in value),
    frozenset: lambda value: sorted(_plain(part) for part in value),
    Decimal: str,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: lambda value: _DURATION.dump_python(value, mode="json"),
}
