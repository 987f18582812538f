"""Which clock a service runs on: the system's, or one that a conductor moves (a demo, a test)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

_LONG_AGO = "1999-01-01T00:00:00Z"
_SYSTEM_CLOCK = 409


@dataclass(frozen=True)
class ServiceClock:
    """`moved_to`: where a conductor left the clock; None for one that follows the system's.

    `ahead`: how far the service's machine is before ours, to the second.
    """

    moved_to: datetime | None
    ahead: timedelta

    def now(self) -> datetime:
        """The time by which this service decides."""
        return self.moved_to or datetime.now(UTC)


def clock_of(client: httpx.Client, key: Mapping[str, str] | None = None) -> ServiceClock:
    """Asks a service, with the service key in these headers or the client's. Raises httpx.HTTPError where it does not
    say.

    A clock that is asked to go back stays where it is and says so.
    """
    answer = client.post("/runtime/clock", json={"now": _LONG_AGO, "horizon": _LONG_AGO}, headers=key)
    if answer.status_code != _SYSTEM_CLOCK:
        answer.raise_for_status()
        return ServiceClock(datetime.fromisoformat(answer.json()["now"]), _ahead(answer))
    return ServiceClock(None, _ahead(answer))


def _ahead(answer: httpx.Response) -> timedelta:
    here = datetime.now(UTC).replace(microsecond=0)
    return parsedate_to_datetime(answer.headers["date"]) - here if "date" in answer.headers else timedelta(0)
