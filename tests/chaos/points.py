"""The kill points: the places on a message's way before and after which a process may die.

Production code has no hooks for this. A victim (`tests/chaos/victim.py`) wraps these methods when it starts.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way: a method of a class. `only`: the one service that has it. `finds`: it may find nothing, and
    then nothing was passed after it."""

    name: str
    module: str
    owner: str
    method: str
    only: str = ""
    finds: bool = False

    @property
    def points(self) -> tuple[str, str]:
        """The names of its two points."""
        return f"{BEFORE} {self.name}", f"{AFTER} {self.name}"

    def happens_in(self, service: str) -> bool:
        """Whether this service may come to it."""
        return self.only in ("", service)


STEPS = (
    Step("receive", "infra.runtime.feed", "Feed", "_fetch", finds=True),
    Step("decide", "infra.runtime.line", "Line", "_page"),
    Step("commit", "infra.runtime.ledger", "Ledger", "commit"),
    Step("relay send", "infra.runtime.relay", "Relay", "_send"),
    Step("mark", "infra.runtime.relay", "Relay", "_forget"),
    Step("offset commit", "aiokafka", "AIOKafkaConsumer", "commit"),
    Step("timer claim", "infra.runtime.timers", "Timers", "_due", finds=True),
    Step("timer fire", "infra.runtime.timers", "Timers", "_commit"),
    Step("act", "infra.runtime.acts", "Doing", "_once"),
    Step("frame hand-over", "services.assets.publisher", "Publisher", "publish", only="assets"),
    Step("acknowledge", "services.assets.connection", "Connection", "_answer", only="assets"),
    Step("sms hand-over", "services.notify.channels.kannel", "KannelGateway", "send", only="notify"),
    Step("mail hand-over", "services.notify.channels.smtp", "SmtpServer", "send", only="notify"),
)
POINTS = tuple(point for step in STEPS for point in step.points)


def method_of(step: Step) -> Callable[..., Any]:
    """The method that is wrapped. AttributeError where the code has moved on without this list."""
    owner = getattr(importlib.import_module(step.module), step.owner)
    method: Callable[..., Any] = vars(owner)[step.method]
    return method


def watch(step: Step, passes: Callable[[str], None]) -> None:
    """From now on `passes` is called with the names of the step's points as they are passed, in this process."""
    method, (before, after) = method_of(step), step.points

    @functools.wraps(method)
    async def watched(self: Any, *given: Any, **named: Any) -> Any:
        passes(before)
        found = await method(self, *given, **named)
        if found or not step.finds:
            passes(after)
        return found

    setattr(getattr(importlib.import_module(step.module), step.owner), step.method, watched)
