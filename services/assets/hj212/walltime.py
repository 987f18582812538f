"""Wall time of a station: HJ 212 writes Beijing time without a zone, `YYYYMMDDhhmmss` or with `zzz` milliseconds."""

from datetime import datetime, timedelta, timezone
from functools import lru_cache

# China has kept one offset without summer time since 1992, before any edition of HJ 212.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


FIRST_YEAR, LAST_YEAR = "1970", "2199"


def wall_time(text: str) -> datetime | None:
    """The aware time of 14 or 17 digits, in Asia/Shanghai; None if it is not a possible date of 1970 to 2199."""
    if len(text) == 14:
        return _second(text)
    rest = text[14:]
    if len(rest) != 3 or not (rest.isascii() and rest.isdigit()):
        return None
    second = _second(text[:14])
    return second and second + timedelta(milliseconds=int(rest))


# All stations of a province name the same few seconds; a history that is sent again, the same hours.
@lru_cache(maxsize=4096)
def _second(text: str) -> datetime | None:
    if not (text.isascii() and text.isdigit()) or not FIRST_YEAR <= text[:4] <= LAST_YEAR:
        return None
    try:
        return datetime.fromisoformat(f"{text[:8]}T{text[8:]}").replace(tzinfo=SHANGHAI)
    except ValueError:
        return None


def digits14(moment: datetime) -> str:
    """`YYYYMMDDhhmmss` in Shanghai wall time (`DataTime`)."""
    return f"{_local(moment):%Y%m%d%H%M%S}"


def digits17(moment: datetime) -> str:
    """`YYYYMMDDhhmmsszzz` in Shanghai wall time (`QN`)."""
    local = _local(moment)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"


def _local(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("time without a zone")
    return moment.astimezone(SHANGHAI)
