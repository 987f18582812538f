"""Release: what a rejection says once more, now that people let it count. Pure.

A release forgives what it was refused for and nothing else: `out_of_range` passes over the range, `conflict` stands in
place of what it contradicts (merge.py); everything else is checked as if the logger sent it now.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from msgspec import structs

from contracts.events.assets import ReadingRejectedV1
from contracts.values import Words
from services.assets.hj212 import Malformed, parse
from services.assets.intake import take
from services.assets.register import Known
from services.assets.said import Taken
from services.assets.sent import Sent, sent_of, written_of

_NUMBERED = re.compile(r"PNUM=(\d+);PNO=(\d+);")
_PASS_OVER_RANGE = frozenset({"out_of_range", "conflict"})
"""Refused for the range, or checked against it when it was heard."""

DAMAGED = Words(zh="报文已损坏，无法放行", en="The frame is damaged: it cannot be released")
NO_READING = Words(zh="报文中没有读数", en="The frame holds no reading")


def released(rejection: ReadingRejectedV1, known: Known, at: datetime, tolerance: timedelta) -> Taken | Words:
    """What becomes of it: exactly what the same values become that are not refused. In words why there is nothing."""
    sent = _kept(rejection) or _read_again(rejection)
    if isinstance(sent, Words):
        return sent
    if sent.channel == "release" and rejection.reason != "unknown_code":
        known = replace(known, factors={})  # what is kept of known codes is in the register's unit
    any_range = rejection.reason in _PASS_OVER_RANGE
    return take(sent, known, at, tolerance, released_from=rejection.rejection, any_range=any_range)


def _kept(rejection: ReadingRejectedV1) -> Sent | None:
    """From the values that the rejection keeps; None where it keeps none."""
    part, parts = _part_of(rejection)
    if rejection.kind is None or rejection.time is None or not (rejection.values or parts > 1):
        return None
    values = {code: written_of(measured) for code, measured in rejection.values.items()}
    digest = rejection.rejection
    return Sent(rejection.kind, rejection.time, values, digest, channel="release", part=part, parts=parts)


def _part_of(rejection: ReadingRejectedV1) -> tuple[int, int]:
    """A part that was refused whole is still waited for as a part; of other parts the rest was said already."""
    numbered = _NUMBERED.search(rejection.piece)
    if numbered is None or rejection.reason not in ("future", "before_station"):
        return 1, 1
    return int(numbered[2]), int(numbered[1])


def _read_again(rejection: ReadingRejectedV1) -> Sent | Words:
    """From its frame: all of it, or the one value that was refused."""
    raw = rejection.piece.encode()
    try:
        sent = sent_of(parse(raw.partition(b"##")[2][4:-4]), raw)
    except Malformed:
        return DAMAGED
    if isinstance(sent, str):
        return NO_READING
    if rejection.code is None:
        return sent
    only = {code: fields for code, fields in sent.values.items() if code == rejection.code}
    plain = [item for item in sent.plain if item[0] == rejection.code]
    return structs.replace(sent, values=only, plain=plain, part=1, parts=1)
