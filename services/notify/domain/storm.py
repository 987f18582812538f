"""Storms: more than `storm` notices to one person on one channel within `window` become one bundle."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from contracts.agreements.notices import Notices
from infra.runtime.states import State


class Window(State):
    """The time in which notices to one person on one channel are counted; `id` is `person|channel`.

    The first `storm` of them pass, notices of one cause as one; the later ones are held, and go as one bundle when the
    window ends.
    """

    COLLECTION: ClassVar[str] = "windows"
    opens: datetime
    ends: datetime
    storm: int
    passed: int = 0
    held: tuple[str, ...] = ()

    @property
    def bundle(self) -> str:
        """The id of the bundle: the cause of the notice that tells of all that are held."""
        return f"bundle/{self.id}/{self.opens:%Y%m%dT%H%M%S.%fZ}"


def window_id(person: str, channel: str) -> str:
    """One window per person and channel, whatever lot the notices are of."""
    return f"{person}|{channel}"


def admitted(
    window: Window | None, key: str, notices: tuple[str, ...], rules: Notices, now: datetime
) -> tuple[Window, bool]:
    """The window with these notices, of one cause, counted in as one, and whether they go out at once.

    A window that is over but still holds something takes them into its bundle, which is due now.
    """
    if window is None or (window.ends <= now and not window.held):
        window = Window(id=key, opens=now, ends=now + rules.window, storm=rules.storm)
    if window.passed < window.storm and not window.held:
        return window.model_copy(update={"passed": window.passed + 1}), True
    return window.model_copy(update={"held": (*window.held, *notices)}), False
