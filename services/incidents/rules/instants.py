"""Time inside the rules: whole milliseconds since 1970, UTC. Integers keep the hot path light, and are exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = timedelta(milliseconds=1)
_DAY = 86_400_000
_HALF_HOUR = 1_800_000
# China has kept one offset without summer time since 1992, before any data there is.
_SHANGHAI = 8 * 3_600_000


def ms_of(at: datetime) -> int:
    """Milliseconds since 1970 of an aware time."""
    return (at - _EPOCH) // _ONE


def ms_in(lasting: timedelta) -> int:
    """A duration in milliseconds."""
    return lasting // _ONE


def moment_of(ms: int) -> datetime:
    """The UTC time of these milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)


def reach_of(start: int, end: int) -> int:
    """How far back a value of [start, end) reaches: it follows on a value that ended then or later.

    Between the two lie at most two of its own periods, or half an hour where that is more. What lies further back is
    behind a gap, and nobody knows what was in between.
    """
    return start - max(_HALF_HOUR, 2 * (end - start))


def local_day(ms: int) -> int:
    """The number of the day in Asia/Shanghai."""
    return (ms + _SHANGHAI) // _DAY


def reading_id(site: str, kind: str, start: int) -> str:
    """The natural key of a reading: `site/kind/YYYYMMDDThhmmssZ`."""
    return f"{site}/{kind}/{moment_of(start):%Y%m%dT%H%M%SZ}"
