"""One value of a reading. They are made and read by the million: a struct of msgspec's. Pydantic is told of it as of a
typed dictionary."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec import Struct, field
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core import core_schema as core

_NORMAL = "N"


class Measured(Struct, frozen=True, gc=False, omit_defaults=True):
    """One parameter of a reading. `value` in the unit of the station's register; None where the logger sent none.

    `flag` is the mark of HJ 212-2017 table 8 (N normal, D fault, C calibration, M maintenance, T over range,
    B communication fault, F stopped, S manual), mapped from the logger's own; only N counts as valid.
    """

    value: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    flag: str = field(default_factory=lambda: _NORMAL)  # made, not a default: what is a default is not written

    def fields(self) -> dict[str, Any]:
        """What it says: the mark, and the numbers that are there."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {**{name: number for name, number in numbers.items() if number is not None}, "flag": self.flag}

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = core.with_default_schema(handler.generate_schema(Decimal | None), default=None)
        flag = core.with_default_schema(core.str_schema(), default=_NORMAL)
        kinds = {"value": number, "low": number, "high": number, "flag": flag}
        written = core.typed_dict_schema(
            {name: core.typed_dict_field(kind, required=False) for name, kind in kinds.items()},
            cls=cls, extra_behavior="ignore", ref=f"{cls.__module__}.{cls.__qualname__}:{id(cls)}",
        )  # fmt: skip
        return core.no_info_wrap_validator_function(
            lambda said, read: said if isinstance(said, cls) else cls(**read(said)),
            written,
            serialization=core.plain_serializer_function_ser_schema(cls.fields),
        )


def are_finite(values: Iterable[Measured]) -> bool:
    """Whether all their numbers are ones to count with. A loop, not `all`: it is walked for each value there is."""
    for one in values:
        value, low, high = one.value, one.low, one.high
        if not ((value is None or value.is_finite()) and (low is None or low.is_finite())):
            return False
        if not (high is None or high.is_finite()):
            return False
    return True
