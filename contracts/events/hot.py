"""Hot events: said by the thousand a second, so msgspec reads and writes them; schema and errors stay pydantic's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, NotRequired, Self, TypedDict

import msgspec
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from contracts.events.event import Event
from contracts.values import whole_milliseconds

_Aware = Annotated[datetime, msgspec.Meta(tz=True)]
_ENCODER = msgspec.json.Encoder()


class HotEvent(Event):
    """Reads what pydantic reads, about four times as fast: the same fields, from the same declaration.

    Fields may be moments, texts, numbers, literals, and structs of msgspec's; a subclass says in `is_sound` what its
    types alone do not.
    """

    PLENTY: ClassVar[bool] = True
    _blank: ClassVar[dict[str, Any]]
    _names: ClassVar[set[str]]
    _decoder: ClassVar[msgspec.json.Decoder[dict[str, Any]]]
    _moments: ClassVar[tuple[str, ...]]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        wire = {name: _wire_type(field) for name, field in cls.model_fields.items()}
        cls._decoder = msgspec.json.Decoder(TypedDict(cls.__name__, wire))  # type: ignore[operator]
        cls._names = set(cls.model_fields)
        cls._blank = {name: field.default for name, field in cls.model_fields.items()}
        cls._moments = tuple(name for name, field in cls.model_fields.items() if field.annotation is AwareDatetime)

    @classmethod
    def is_sound(cls, fields: dict[str, Any]) -> bool:
        """Whether values of the right types are ones that pydantic takes."""
        return True

    @classmethod
    def read(cls, text: bytes) -> Self:
        try:
            fields = cls._decoder.decode(text)
            for name in cls._moments:
                if (at := fields[name]).tzinfo is not UTC or at.microsecond % 1000:
                    fields[name] = whole_milliseconds(at)
        except ValueError:  # msgspec's, too
            return super().read(text)
        if not cls.is_sound(fields):
            return super().read(text)
        return cls.made(fields)

    @classmethod
    def made(cls, fields: dict[str, Any]) -> Self:
        """The event with these fields, which are known to be sound: `model_construct`, in a sixth of its time."""
        event = cls.__new__(cls)
        if len(fields) == len(cls._names):
            object.__setattr__(event, "__dict__", fields)
            object.__setattr__(event, "__pydantic_fields_set__", cls._names)  # of all of them, which nobody changes
        else:
            object.__setattr__(event, "__dict__", cls._blank | fields)
            object.__setattr__(event, "__pydantic_fields_set__", set(fields))
        object.__setattr__(event, "__pydantic_extra__", None)
        object.__setattr__(event, "__pydantic_private__", None)
        return event

    def written(self) -> bytes:
        return _ENCODER.encode(self.__dict__)


def _wire_type(field: FieldInfo) -> Any:
    kind = _Aware if field.annotation is AwareDatetime else field.annotation
    return kind if field.is_required() else NotRequired[kind]
