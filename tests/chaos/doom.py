"""A service's doom: where it is to die, and how far its clock is off, in files that a restart goes on with."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from tests.chaos.clock import JumpingClock


@dataclass(frozen=True, slots=True)
class Kill:
    """To die at the n-th passing of a point, counted from when the process knows of it. `id` is its own in a play."""

    id: str
    service: str
    point: str
    passing: int = 1


class Plan:
    """The files of one service: `.plan` and `.clock` are written by the harness, the others by the victim.

    A planned kill whose id stands among the deaths is done; of the others the first that comes up is died.
    """

    def __init__(self, folder: Path, service: str) -> None:
        files = [folder / f"{service}.{name}" for name in ("plan", "clock", "deaths", "misled", "passed")]
        self._plan, self._clock, self._deaths, self._misled, self._passed = files
        for path in files:
            path.touch()

    def write(self, kills: Sequence[Kill]) -> None:
        """From now on these are to be died, and no others."""
        _replace(self._plan, "".join(json.dumps(asdict(kill)) + "\n" for kill in kills))

    def set_clock(self, ahead: timedelta) -> None:
        """From the next point on the machine's clock is so far ahead of the true time."""
        _replace(self._clock, str(ahead.total_seconds()))

    def ahead(self) -> list[Kill]:
        """What is planned and not done."""
        done = {kill.id for kill in self.deaths()}
        return [kill for row in _rows(self._plan) if (kill := Kill(**row)).id not in done]

    def deaths(self) -> list[Kill]:
        """What was died."""
        return [Kill(**row) for row in _rows(self._deaths)]

    def misled(self) -> int:
        """At how many points it had been told the time by a clock that had jumped."""
        return len(_rows(self._misled))

    def passed(self) -> set[str]:
        """All points that were ever passed."""
        return {row["point"] for row in _rows(self._passed)}


class Victim(Plan):
    """The plan as the process sees it that is to die by it."""

    def __init__(self, folder: Path, service: str, clock: JumpingClock) -> None:
        super().__init__(folder, service)
        self._wears = clock
        self._known: tuple[int, int] | None = None
        self._armed: list[Kill] = []
        self._passings: Counter[str] = Counter()
        self._met: set[str] = set()

    def passes(self, point: str) -> None:
        """A point is passed: does not return where that is the end."""
        if point not in self._met:
            self._met.add(point)
            _append(self._passed, {"point": point})
        self._look()
        if self._wears.was_asked:
            self._wears.was_asked = False
            _append(self._misled, {"at": point})
        for kill in self._armed:
            if kill.point == point:
                self._passings[kill.id] += 1
                if self._passings[kill.id] >= kill.passing:
                    self._die(kill)

    def _die(self, kill: Kill) -> None:
        _append(self._deaths, asdict(kill))
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)

    def _look(self) -> None:
        """What is written anew is another file."""
        if (files := (self._plan.stat().st_ino, self._clock.stat().st_ino)) == self._known:
            return
        self._known, self._armed = files, self.ahead()
        self._wears.ahead = timedelta(seconds=float(self._clock.read_text() or 0))


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(f"{path.suffix}.new")
    fresh.write_text(text)
    fresh.replace(path)


def _append(path: Path, row: dict[str, object]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
