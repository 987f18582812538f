"""Ears: the dispatch table of a service. What a service hears, and what wakes it, is read from here."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from contracts.events.event import Event

if TYPE_CHECKING:
    from infra.runtime.ledger import Entry, State
    from infra.runtime.letters import Keeps, Letter

E = TypeVar("E", bound=Event)
Needs = Callable[[Any], Iterable[tuple[type["State"], str]]]
Gatherer = Callable[[Sequence[tuple["Letter", Any]], "Entry"], Awaitable[None]]
G = TypeVar("G", bound=Gatherer)


@dataclass(frozen=True, slots=True)
class Wake:
    """A timer that fired: `due` is when it should have, however late it is."""

    name: str
    key: str
    due: datetime


@dataclass(frozen=True, slots=True)
class Hearing:
    """One handler of one event type."""

    event: type[Event]
    handler: Callable[[Any, Entry], Awaitable[None]]
    needs: Needs | None

    @property
    def name(self) -> str:
        """The handler's name: half of the inbox key."""
        return self.handler.__name__


@dataclass(frozen=True, slots=True)
class Gathering:
    """A handler of all events of one type in a batch at once, which is idempotent by itself: the hot path.

    `keeps`: what it is given of an event in the event's place, made when a letter is opened: so that an event is gone
    before the next one is read, instead of five hundred at once.
    """

    event: type[Event]
    handler: Gatherer
    keeps: Keeps | None = None

    @property
    def name(self) -> str:
        """The handler's name."""
        return self.handler.__name__

    def given(self, letter: Letter, event: Event) -> tuple[Letter, Any]:
        """What the handler is given of a letter that was opened whole."""
        return letter, self.keeps(letter.id, event) if self.keeps else event


@dataclass(frozen=True, slots=True)
class Waking:
    """One handler of one kind of timer. An `outside` one talks to the world: no lock is held, several run at once.

    One that `recurs` sets itself anew for ever: each firing begins a trace, and is the first cause of what it says.
    """

    timer: str
    handler: Callable[[Wake, Entry], Awaitable[None]]
    needs: Needs | None
    outside: bool
    recurs: bool

    @property
    def name(self) -> str:
        """The handler's name."""
        return self.handler.__name__


class Ears:
    """The dispatch table of one service, filled by its `handlers.py` at import."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.hearings: dict[type[Event], list[Hearing]] = defaultdict(list)
        self.gatherings: dict[type[Event], Gathering] = {}
        self.keeps: dict[type[Event], Keeps] = {}
        """What of an event is kept in its place, where a gathering says so."""
        self.wakings: dict[str, Waking] = {}

    def hears(
        self, event: type[E], *, needs: Callable[[E], Iterable[tuple[type[State], str]]] | None = None
    ) -> Callable[[Callable[[E, Entry], Awaitable[None]]], Callable[[E, Entry], Awaitable[None]]]:
        """Declares a handler. `needs` names the states it will load: they are fetched for the whole batch at once."""

        def declare(handler: Callable[[E, Entry], Awaitable[None]]) -> Callable[[E, Entry], Awaitable[None]]:
            _check(handler, event)
            self.hearings[event].append(Hearing(event, handler, needs))
            self._check_kept(event)
            return handler

        return declare

    def gathers(self, event: type[E], *, keeps: Callable[[str, E], Any] | None = None) -> Callable[[G], G]:
        """Declares the handler of whole batches of a hot event type; redelivery must change nothing by itself. `keeps`
        makes what the handler is given of an event, from its id and itself; nobody else here hears such an event."""

        def declare(handler: G) -> G:
            self.gatherings[event] = Gathering(event, handler, keeps)
            if keeps:
                self.keeps[event] = keeps
            self._check_kept(event)
            return handler

        return declare

    def _check_kept(self, event: type[Event]) -> None:
        if event in self.keeps and event in self.hearings:
            raise TypeError(f"{event.__name__} is not kept whole: it cannot be heard")

    def wakes(
        self,
        timer: str,
        *,
        needs: Callable[[str], Iterable[tuple[type[State], str]]] | None = None,
        outside: bool = False,
        recurs: bool = False,
    ) -> Callable[[Callable[[Wake, Entry], Awaitable[None]]], Callable[[Wake, Entry], Awaitable[None]]]:
        """Declares the handler of the timers of this name."""

        def declare(handler: Callable[[Wake, Entry], Awaitable[None]]) -> Callable[[Wake, Entry], Awaitable[None]]:
            _check(handler, Wake)
            if timer in self.wakings:
                raise TypeError(f"two handlers wake on {timer!r}")
            self.wakings[timer] = Waking(timer, handler, needs, outside, recurs)
            return handler

        return declare

    @property
    def topics(self) -> tuple[str, ...]:
        """The streams this service listens to."""
        return tuple(sorted({event.TOPIC for event in (*self.hearings, *self.gatherings)}))

    def events_on(self, topics: Sequence[str]) -> tuple[type[Event], ...]:
        """The event types this service hears on these streams."""
        return tuple(event for event in {**self.hearings, **self.gatherings} if event.TOPIC in topics)


def _check(handler: Callable[..., Any], first: type[Any]) -> None:
    """A wrong signature is an error at import, not at the first event."""
    names = list(inspect.signature(handler).parameters)
    if not inspect.iscoroutinefunction(handler) or len(names) != 2:
        raise TypeError(f"{handler.__name__} must be `async def (event, entry)`")
    said = handler.__annotations__.get(names[0])
    if said not in (first, first.__name__):
        raise TypeError(f"{handler.__name__} takes {said}, but is declared for {first.__name__}")
