"""A scenario as data: what goes wrong at which site, from when until when.

Times are aware. A trouble of instruments or of the room touches the periods that start in [starts, ends).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


class _Spell:
    """A span of time at a site; ValueError where it is empty or without a zone."""

    __slots__ = ()
    site: str
    starts: datetime
    ends: datetime

    def __post_init__(self) -> None:
        if self.starts.tzinfo is None or self.ends.tzinfo is None:
            raise ValueError(f"{type(self).__name__} at {self.site}: a time without a zone")
        if self.starts >= self.ends:
            raise ValueError(f"{type(self).__name__} at {self.site}: ends before it starts")

    def covers(self, moment: datetime) -> bool:
        """Whether the moment lies in [starts, ends)."""
        return self.starts <= moment < self.ends


@dataclass(frozen=True)
class Drift(_Spell):
    """The value moves away from the truth by `per_hour`, in the register's unit, until somebody repairs it."""

    site: str
    code: str
    starts: datetime
    ends: datetime
    per_hour: float


@dataclass(frozen=True)
class Stuck(_Spell):
    """The value stays what it was at the start."""

    site: str
    code: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Flagged(_Spell):
    """The logger marks the value with `flag` (HJ 212-2017 table 8)."""

    site: str
    code: str
    flag: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class PowerCut(_Spell):
    """Mains at 0 V; instruments stop (mark F, no value). The logger lives as long as the UPS; None: there is none.

    What falls into the time without UPS is never measured and never arrives.
    """

    site: str
    starts: datetime
    ends: datetime
    ups: timedelta | None = None

    @property
    def dark(self) -> datetime:
        """When the logger falls silent; not before `ends` where the UPS outlasts the cut."""
        return min(self.starts + (self.ups or timedelta(0)), self.ends)


@dataclass(frozen=True)
class LineCut(_Spell):
    """The logger measures on and nothing arrives; at `ends` all that waited is sent, oldest first.

    What is due at `starts` still passes.
    """

    site: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Repeat(_Spell):
    """A share of the uploads is sent again with the same bytes, seconds or minutes later."""

    site: str
    starts: datetime
    ends: datetime
    share: float


@dataclass(frozen=True)
class Reorder(_Spell):
    """A third of the uploads is held back and overtaken by the next ones."""

    site: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True)
class Damage(_Spell):
    """A share of the uploads arrives broken first; it gets no answer, so the logger sends it again."""

    site: str
    starts: datetime
    ends: datetime
    share: float


@dataclass(frozen=True)
class RoomHot(_Spell):
    """The room is warmer by `degrees`."""

    site: str
    starts: datetime
    ends: datetime
    degrees: float


AnyTrouble = Drift | Stuck | Flagged | PowerCut | LineCut | Repeat | Reorder | Damage | RoomHot
