"""The segment as nearly every logger writes it, read in one go. None: it is written in any other way, or wrongly, and
is to be read field by field (`packet.py`), which says what is wrong with it."""

import re
from datetime import datetime
from functools import lru_cache

from services.assets.hj212.grammar import AHEAD_OF_QN, STANDARD_HEAD, Malformed
from services.assets.hj212.head import Head, fields_of, head_of
from services.assets.hj212.walltime import wall_time

Plain = tuple[str, str, str, str]
"""An item: code, `Avg` or `Rtd`, the number as text, the flag."""

_QN = "QN="
_TIME = re.compile("DataTime=([0-9]{14})(?=;|\\Z)")
_ITEM = re.compile(
    r";([a-z][0-9]{5})-(Avg|Rtd)=([+-]?[0-9]{1,9}(?:\.[0-9]{1,9})?),\1-Flag=([0-9A-Za-z]{0,4})(?=;|\Z)|.+", re.DOTALL
)
"""An item with one value and its flag; or all the rest, as an item without code."""
_LONGEST_KEPT = 200
"""Characters; a longer head is read field by field."""


def cut_standard(segment: bytes) -> tuple[str | None, Head, str] | None:
    """QN, the rest of the head, and CP."""
    if not segment.isascii():
        return None
    written, marked, rest = segment.decode().partition("CP=&&")
    if not marked or not rest.endswith("&&"):
        return None
    qn = None
    if written.startswith(_QN):
        qn, _, written = written.removeprefix(_QN).partition(";")
    head = _known_head(written) if len(written) < _LONGEST_KEPT else None
    return None if head is None else (qn, head, rest[:-2])


# But for its QN, a logger has the same few heads for years, one for each kind of reading and part. 5 MB when full.
@lru_cache(maxsize=8192)
def _known_head(written: str) -> Head | None:
    if not STANDARD_HEAD.fullmatch(written):
        return None
    try:
        head = head_of(written, strict=True)
    except Malformed:
        return None
    return None if "QN" in head else fields_of(head)


def plain_items(cp: str) -> tuple[datetime, list[Plain]] | None:
    """DataTime and the items of CP, each code once."""
    opening = _TIME.match(cp)
    if opening is None:
        return None
    found = _ITEM.findall(cp, opening.end())
    codes = {item[0] for item in found}
    if "" in codes or len(codes) != len(found):  # the rest, or a code twice
        return None
    moment = wall_time(opening[1])
    return None if moment is None else (moment, found)


def fields_in(item: Plain) -> dict[str, str]:
    """Value and flag, as CP read field by field has them."""
    _, suffix, text, flag = item
    return {suffix.lower(): text, "flag": flag}


def in_time(qn: str | None, data_time: datetime) -> bool:
    """Whether QN is a time, and DataTime, which has no milliseconds, not more than a day after it."""
    if qn is None:
        return True
    if len(qn) not in (14, 17) or not (qn.isascii() and qn.isdigit()):
        return False
    sent = wall_time(qn[:14])
    return sent is not None and data_time - sent <= AHEAD_OF_QN
