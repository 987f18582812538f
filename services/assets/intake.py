"""Intake: what a packet or a posted reading becomes, good values and quarantined ones apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from contracts.events.assets import RejectionReason
from contracts.events.event import Event
from contracts.events.measured import Measured
from services.assets.hj212 import fields_in
from services.assets.register import Known
from services.assets.said import Taken, part_of, reading_of, rejection_of, taken_of
from services.assets.sent import Sent

_FLAGS = {
    "0": "C", "1": "N", "2": "D", "3": "N", "P": "F", "BB": "B",
    "PZ": "C", "PS": "C", "AS": "C", "CZ": "C", "CS": "C", "TSL": "C", "PA": "C",
    "PF": "M", "PME": "M", "PT": "M", "PCS": "M",
}  # fmt: skip
"""Marks of the 2005 edition and of vendors, as marks of HJ 212-2017 table 8. An unknown mark stands as it is: not N."""
_CODE = re.compile(r"[0-9A-Za-z_.]{1,24}")


def take(
    sent: Sent, known: Known, received_at: datetime, tolerance: timedelta, released_from: str | None = None,
    any_range: bool = False,
) -> Taken:  # fmt: skip
    """Checks what a known logger sent, value by value.

    A code that the register does not know and a value outside the instrument's range are refused by themselves; what
    is left of a frame from the future or from before the station is refused as one. Values of known codes are in the
    register's unit and under its code, taken or refused; those of an unknown code stand as written.
    """
    good, refusals = _looked_at(sent, known, any_range)
    events: list[Event] = [
        rejection_of(known, sent, received_at, one.reason, one.detail, code, one.values) for code, one in refusals
    ]
    if refused := _refused_whole(sent, known, received_at, tolerance):
        events.insert(0, rejection_of(known, sent, received_at, *refused, values=good))
    elif sent.parts > 1:
        events.insert(0, part_of(sent, known, good, received_at))
    elif good:
        events.insert(0, reading_of(sent, known, good, received_at, released_from))
    return taken_of(events)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why one value was not taken."""

    reason: RejectionReason
    detail: str
    values: dict[str, Measured] | None = None


def _looked_at(sent: Sent, known: Known, any_range: bool) -> tuple[dict[str, Measured], list[tuple[str, Refused]]]:
    """The good values by the register's code, and the refused ones by the code as written, one after the other."""
    good: dict[str, Measured] = {}
    refusals: list[tuple[str, Refused]] = []
    ranges = known.ranges
    for item in sent.plain:
        code, _, text, flag = item
        if flag == "N" and code in ranges:
            low, high, name = ranges[code]
            if low <= (number := Decimal(text)) <= high:  # as nearly all are
                good[name] = Measured(number, None, None, "N")
                continue
        _look_closely(code, fields_in(item), known, any_range, good, refusals)
    for code, fields in sent.values.items():
        _look_closely(code, fields, known, any_range, good, refusals)
    return good, refusals


def _look_closely(
    code: str, fields: Mapping[str, str], known: Known, any_range: bool,
    good: dict[str, Measured], refusals: list[tuple[str, Refused]],
) -> None:  # fmt: skip
    judged = _judge(code, fields, known, any_range)
    if isinstance(judged, Refused):
        refusals.append((code, judged))
    else:
        good[known.measures[code].code] = judged


def _judge(code: str, fields: Mapping[str, str], known: Known, any_range: bool) -> Measured | Refused:
    measure = known.measures.get(code)
    if measure is None:
        return Refused("unknown_code", f"no {code} at {known.site}", _as_written(code, fields))
    try:
        measured = _measured(fields, known.factors.get(measure.code))
    except ArithmeticError:
        return Refused("syntax", f"{code} is not a finite number: {str(dict(fields))[:80]}")
    value = measured.value
    if value is None or any_range or measure.low <= value <= measure.high:
        return measured
    detail = f"{code}: {value} {measure.unit} is outside {measure.low} to {measure.high}"
    return Refused("out_of_range", detail, {measure.code: measured})


def _as_written(code: str, fields: Mapping[str, str]) -> dict[str, Measured]:
    try:
        return {code: _measured(fields, None)} if _CODE.fullmatch(code) else {}
    except ArithmeticError:
        return {}


def _refused_whole(sent: Sent, known: Known, at: datetime, tolerance: timedelta) -> tuple[RejectionReason, str] | None:
    if sent.time > at + tolerance:
        return "future", f"{sent.time.isoformat()} is later than {at.isoformat()}"
    if sent.time < known.since:
        return "before_station", f"{sent.time.isoformat()} is earlier than the station, {known.since.isoformat()}"
    return None


def _measured(fields: Mapping[str, str], factor: Decimal | None) -> Measured:
    """In the register's unit. Raises ArithmeticError for what is not a finite number."""
    get = fields.get
    value, flag = get("avg") or get("rtd") or get("value"), get("flag", "")
    low, high = get("min"), get("max")
    return Measured(
        _number(value, factor) if value else None,
        _number(low, factor) if low else None,
        _number(high, factor) if high else None,
        flag_of(flag),
    )


def _number(text: str, factor: Decimal | None) -> Decimal | None:
    if text.isspace():
        return None
    number = Decimal(text)
    if not number.is_finite():
        raise ArithmeticError(text)
    return number if factor is None else number * factor


def flag_of(written: str) -> str:
    """The mark as HJ 212-2017 table 8 has it. No mark counts as normal."""
    mark = written.strip().upper() or "N"
    return _FLAGS.get(mark, mark)
