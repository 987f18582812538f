"""Trays: what is about to go to one person on one channel, in sheaves of one cause, each of which is one message.

What one reading opens or breaches is told by several events. Their notices share an `origin` and meet here, whatever
batch each was heard in, until their sheaf is taken out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from contracts.events.incidents import FaultEvent
from contracts.values import Frozen
from infra.runtime.states import State
from services.notify.domain.routes import Told


class Sheaf(Frozen):
    """Notices of one origin; they go out together at `goes`."""

    origin: str
    goes: datetime
    notices: tuple[str, ...]


class Tray(State):
    """The sheaves of one person on one channel; `id` is `person|channel`. It stays when it is empty."""

    COLLECTION: ClassVar[str] = "trays"
    sheaves: tuple[Sheaf, ...] = ()

    def sheaf(self, origin: str) -> Sheaf | None:
        """The sheaf of this origin."""
        return next((sheaf for sheaf in self.sheaves if sheaf.origin == origin), None)

    def without(self, origin: str) -> Tray:
        """The tray when this sheaf is taken out."""
        return self.model_copy(update={"sheaves": tuple(one for one in self.sheaves if one.origin != origin)})


def origin_of(event: Told, correlation: str) -> str:
    """What events of one cause share: the first cause of all and the moment it happened; empty: it goes by itself.

    The moment tells a fault's opening from its breach hours later, which has the same first cause. A missed inspection
    and a settlement are causes of their own.
    """
    return f"{correlation}@{event.at.isoformat()}" if isinstance(event, FaultEvent) else ""


def laid(tray: Tray, origin: str, notice: str, urgent: bool, now: datetime, wait: timedelta) -> tuple[Tray, Sheaf]:
    """The tray with this notice in it, and its sheaf, which goes after `wait`; at once with something urgent."""
    known = tray.sheaf(origin) or Sheaf(origin=origin, goes=now + wait, notices=())
    goes = min(known.goes, now) if urgent else known.goes
    sheaf = Sheaf(origin=origin, goes=goes, notices=(*known.notices, notice))
    return tray.model_copy(update={"sheaves": (*tray.without(origin).sheaves, sheaf)}), sheaf


def sheaf_key(tray: str, origin: str) -> str:
    """The key of the timer that takes the sheaf out."""
    return f"{tray}|{origin}"


def tray_and_origin(key: str) -> tuple[str, str]:
    """What the key of the timer was made of."""
    person, channel, origin = key.split("|", 2)
    return f"{person}|{channel}", origin
