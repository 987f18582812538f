"""The hours of a parameter: due, with a value, valid, and taken out by power outages (W3; GB 3095-2026 table 4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.agreements.agreement import Lot
from contracts.agreements.sites import Site
from contracts.events.assets import ReadingReceivedV1
from contracts.events.event import Event
from services.scoring.faults import FaultLife
from services.scoring.recorded import Recorded
from services.scoring.span import HOUR, Span

SPARE_TIME = timedelta(minutes=15)
"""An hourly mean needs at least 45 minutes of sampling (GB 3095-2026 table 4), so an hour that loses more than this
cannot have one. Table 4 does not name particulates for the hour; we use the same limit for every parameter."""

Normal = Mapping[datetime, bool]
"""By start of the hour: whether its value carries the mark N."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Starts of hours of one parameter, and the ids of the openings that made values invalid or took hours out."""

    due: frozenset[datetime]
    captured: frozenset[datetime]
    valid: frozenset[datetime]
    outage: frozenset[datetime]
    """Hours of a power outage without a valid value: a claim over valid readings is contradicted, it takes none out."""
    spoilt_by: tuple[str, ...]
    cut_by: tuple[str, ...]


def values_of(events: Sequence[Recorded]) -> Mapping[str, Normal]:
    """The hour values by parameter. The first number for a parameter and hour stands, what conflicts with it later is
    ignored; but what people released from quarantine outweighs it, and without a number it takes the hour out."""
    values: dict[str, dict[datetime, bool]] = defaultdict(dict)
    for reading in as_they_count(known.event for known in events):
        for code, measured in reading.values.items() if reading.kind == "hour" else ():
            if reading.released_from is not None:
                values[code].pop(reading.time, None)
            if measured.value is not None:
                values[code].setdefault(reading.time, measured.flag == "N")
    return values


def as_they_count(events: Iterable[Event]) -> list[ReadingReceivedV1]:
    """The readings in the order in which their values stand: as they were received, and then what was released."""
    readings = [event for event in events if isinstance(event, ReadingReceivedV1)]
    return sorted(readings, key=lambda one: (one.released_from is not None, one.received_at, one.digest))


def required_codes(site: Site) -> tuple[str, ...]:
    """The parameters that count for the indicators, in the order of the register."""
    parts = (site.room, *(asset.measures for asset in site.assets))
    return tuple(dict.fromkeys(m.code for measures in parts for m in measures if m.standing == "required"))


def hours_of(
    code: str, site: Site, lot: Lot, span: Span, values: Mapping[str, Normal], lives: Sequence[FaultLife]
) -> Hours:
    """What became of each hour of one parameter."""
    due = frozenset(span.hours())
    normal = {hour: ok for hour, ok in values.get(code, {}).items() if hour in due}
    spoilers = {life.opening: due.intersection(_touched(life, span)) for life in _spoilers(code, site, lot, lives)}
    spoilt = frozenset[datetime]().union(*spoilers.values())
    valid = frozenset(hour for hour, ok in normal.items() if ok) - spoilt
    cuts = power_cuts(site, lot, lives)
    outage = due.intersection(outage_hours(cuts, span)) - valid
    spoilt_by = tuple(sorted(id for id, hours in spoilers.items() if hours.intersection(normal)))
    cut_by = tuple(sorted(life.opening for life in cuts if outage.intersection(_touched(life, span))))
    return Hours(due, frozenset(normal), valid, outage, spoilt_by, cut_by)


def _spoilers(code: str, site: Site, lot: Lot, lives: Sequence[FaultLife]) -> Iterator[FaultLife]:
    """The faults that make values of this parameter invalid: on an instrument that measures it, or on the whole site.

    A power fault is not among them: a power claim takes hours out or is contradicted, it never spoils a reading.
    """
    kinds = {kind.id for kind in lot.fault_kinds if kind.invalidates and kind.pauses != "power"}
    for life in lives:
        fault = life.opened
        if fault.kind in kinds and fault.code in (None, code) and _concerns(fault.asset, code, site):
            yield life


def _concerns(asset: str, code: str, site: Site) -> bool:
    measures = next((known.measures for known in site.assets if known.id == asset), ())
    return asset == site.id or any(measure.code == code for measure in measures)


def power_cuts(site: Site, lot: Lot, lives: Sequence[FaultLife]) -> list[FaultLife]:
    """The faults that say that the site had no power."""
    kinds = {kind.id for kind in lot.fault_kinds if kind.pauses == "power"}
    return [life for life in lives if life.opened.kind in kinds]


def outage_hours(cuts: Sequence[FaultLife], span: Span) -> set[datetime]:
    """The hours of which more than 15 minutes lie inside power outages; overlapping claims count once."""
    lost: dict[datetime, timedelta] = defaultdict(timedelta)
    for start, end in _merged(cuts, span):
        for hour in _hours_between(start, end):
            lost[hour] += min(end, hour + HOUR) - max(start, hour)
    return {hour for hour, time in lost.items() if time > SPARE_TIME}


def _merged(lives: Sequence[FaultLife], span: Span) -> list[tuple[datetime, datetime]]:
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(_inside(life, span) for life in lives):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _inside(life: FaultLife, span: Span) -> tuple[datetime, datetime]:
    end = span.closes if life.resolved_at is None else min(life.resolved_at, span.closes)
    return max(life.since, span.opens), end


def _touched(life: FaultLife, span: Span) -> Iterator[datetime]:
    return _hours_between(*_inside(life, span))


def _hours_between(start: datetime, end: datetime) -> Iterator[datetime]:
    """The starts of the hours that [start, end) overlaps."""
    hour = start.replace(minute=0, second=0, microsecond=0)
    while start < end and hour < end:
        yield hour
        hour += HOUR
