"""The demonstration's month at the stations of the real agreement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import contracts.agreements
from contracts.agreements.agreement import Lot
from contracts.agreements.folder import read_agreement
from contracts.agreements.sites import Measure, Site
from infra.local.simulator import april
from infra.local.simulator.air import value
from infra.local.simulator.april import NO2, O3, PM10, PM25, STORY, troubles
from infra.local.simulator.parameters import PARAMETERS
from infra.local.simulator.station import Station
from infra.local.simulator.troubles import Drift, Flagged, Stuck
from services.assets.hj212 import Packet
from tests.infra.stations import PASSWORD, of, uploads

SITES = (
    "mulan-lake",
    "xinzhou-changgang-hill",
    "huangpi-yunwu-hill",
    "caidian-suo-river",
    "jiangxia-xin-river",
    "roadside",
    "mobile",
)
SEED = 2026
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def lot() -> Lot:
    [folder] = contracts.agreements.__path__
    return read_agreement(Path(folder) / april.AGREEMENT).lot(april.LOT)


def site_of(lot: Lot, site: str) -> Site:
    return next(known for known in lot.sites if known.id == site)


def measures(site: Site) -> list[Measure]:
    return [*site.room, *(measure for asset in site.assets for measure in asset.measures)]


def read(site: Site, packet: Packet, field: str = "avg") -> dict[str, Decimal]:
    """By code of the register and in its unit, as a gateway would store it."""
    names = {name: measure.code for measure in measures(site) for name in (measure.code, *measure.aliases)}
    factors = site.logger.factors if site.logger else {}
    found = {names[name]: fields for name, fields in packet.values.items() if field in fields}
    return {code: Decimal(fields[field]) * factors.get(code, 1) for code, fields in found.items()}


def told(lot: Lot, site: str, starts: datetime, ends: datetime) -> list[Packet]:
    """What arrives from a site in this span of the demonstration."""
    return uploads(Station(site_of(lot, site), PASSWORD, SEED, troubles(SEED)).frames(starts, ends))


def minutes_with(packets: Iterable[Packet], code: str, flag: str) -> list[datetime]:
    return sorted(time for time, packet in of("2051", packets).items() if packet.values[code]["flag"] == flag)


def every_five(starts: datetime, ends: datetime) -> list[datetime]:
    count = (ends - starts) // timedelta(minutes=5)
    return [starts.astimezone(UTC) + step * timedelta(minutes=5) for step in range(count)]


@pytest.mark.parametrize("name", SITES)
def test_ordinary_day_reads_as_meant(lot: Lot, name: str) -> None:
    site = site_of(lot, name)
    found = of("2051", uploads(Station(site, PASSWORD, SEED).frames(april.STARTS, april.STARTS + DAY)))
    assert len(found) == 288
    for time, packet in found.items():
        values = read(site, packet)
        assert set(values) == {measure.code for measure in measures(site)}
        for code, sent in values.items():
            half = Decimal("0.5000001") / 10 ** PARAMETERS[code].decimals
            assert abs(sent - Decimal(value(SEED, name, code, time))) <= half


@pytest.mark.parametrize("name", SITES)
def test_ordinary_day_stays_in_range(lot: Lot, name: str) -> None:
    site = site_of(lot, name)
    packets = uploads(Station(site, PASSWORD, SEED).frames(april.STARTS, april.STARTS + DAY))
    assert {packet.cn for packet in packets} == {"2051", "2061", "2031"}
    for packet in packets:
        values = read(site, packet)
        assert all(measure.low <= values[measure.code] <= measure.high for measure in measures(site))
        assert {fields["flag"] for fields in packet.values.values()} == {"N"}


@pytest.mark.parametrize("name", SITES)
def test_hours_of_every_site_arrive_whole(lot: Lot, name: str) -> None:
    site = site_of(lot, name)
    packets = uploads(Station(site, PASSWORD, SEED).frames(april.STARTS, april.STARTS + DAY))
    hours = of("2061", packets)
    assert len(hours) == 24
    for packet in hours.values():
        low, mean, high = (read(site, packet, field) for field in ("min", "avg", "max"))
        assert all(low[code] <= mean[code] <= high[code] for code in mean)


@pytest.mark.parametrize("seed", range(5))
def test_ozone_turns_implausible_about_half_past_nine(seed: int) -> None:
    [drift] = [trouble for trouble in troubles(seed) if isinstance(trouble, Drift)]
    times = every_five(drift.starts, drift.ends)
    shown = {
        time: value(seed, drift.site, O3, time) + drift.per_hour * (time - drift.starts).total_seconds() / 3600
        for time in times
    }
    beyond = [time for time in times if shown[time] > april.IMPLAUSIBLE_O3]
    assert abs(beyond[0] - april.april(4, "09:30")) <= timedelta(minutes=15)
    assert beyond[-1] - beyond[0] == timedelta(minutes=5 * (len(beyond) - 1))
    assert max(shown.values()) < 1200


def test_repair_is_no_jump_of_hours(lot: Lot) -> None:
    packets = told(lot, "mulan-lake", april.april(3, "12:00"), april.april(5, "00:00"))
    hours = {time: packet.values["O3"] for time, packet in of("2061", packets).items()}
    normal = {time: Decimal(fields["avg"]) for time, fields in hours.items() if fields["flag"] == "N"}
    steps = [abs(mean - normal[time - DAY / 24]) for time, mean in normal.items() if time - DAY / 24 in normal]
    assert max(steps) < 200
    assert [fields["flag"] for fields in hours.values()].count("M") == 1


def test_particles_stand_still_half_a_day(lot: Lot) -> None:
    packets = told(lot, "caidian-suo-river", april.april(8, "00:00"), april.april(8, "20:00"))
    by_value: dict[str, list[datetime]] = {}
    for time, packet in of("2051", packets).items():
        by_value.setdefault(packet.values[PM25]["avg"], []).append(time)
    still = set(every_five(april.april(8, "05:00"), april.april(8, "13:30")))
    assert [value for value, times in by_value.items() if still <= set(times)]
    assert sum(len(times) > 12 for times in by_value.values()) == 1


def test_marked_instruments_carry_their_mark(lot: Lot) -> None:
    packets = told(lot, "xinzhou-changgang-hill", april.april(10, "00:00"), april.april(11, "00:00"))
    assert minutes_with(packets, NO2, "D") == every_five(april.april(10, "14:00"), april.april(10, "17:45"))


def test_power_cut_interrupts_the_mark(lot: Lot) -> None:
    packets = told(lot, "jiangxia-xin-river", april.april(14, "00:00"), april.april(15, "00:00"))
    cut = every_five(april.april(14, "11:30"), april.april(14, "14:30"))
    assert len(of("2051", packets)) == 288
    assert minutes_with(packets, PM10, "F") == minutes_with(packets, PM25, "F") == cut
    marked = every_five(april.april(14, "09:00"), april.april(14, "15:45"))
    assert minutes_with(packets, PM10, "D") == [time for time in marked if time not in cut]
    dead = [time for time, packet in of("2051", packets).items() if Decimal(packet.values["i33103"]["avg"]) == 0]
    assert sorted(dead) == cut


def test_lost_day_comes_back_whole(lot: Lot) -> None:
    station = Station(site_of(lot, "huangpi-yunwu-hill"), PASSWORD, SEED, troubles(SEED))
    starts, ends = april.april(17, "10:00"), april.april(18, "10:00")
    assert station.frames(starts, ends - timedelta(seconds=1)) == []
    filled = uploads(station.frames(ends - timedelta(seconds=1), ends))
    assert sorted(of("2051", filled)) == every_five(starts, ends)
    assert len(of("2061", filled)) == 24 and len(of("2031", filled)) == 1


def test_roadside_loses_nothing_to_disorder(lot: Lot) -> None:
    site = site_of(lot, "roadside")
    span = (april.april(20, "06:00"), april.april(20, "16:00"))
    troubled = Station(site, PASSWORD, SEED, troubles(SEED)).frames(*span)
    plain = Station(site, PASSWORD, SEED).frames(*span)
    assert {one.data for one in troubled if one.awaited} == {one.data for one in plain}
    good = [one.data for one in troubled if one.awaited]
    assert len(good) > len(plain) and len(troubled) > len(good)
    assert list(dict.fromkeys(good)) != [one.data for one in plain]
    assert {packet.data_time for packet in uploads(troubled)} == {packet.data_time for packet in uploads(plain)}


def test_mobile_room_is_hot_two_hours(lot: Lot) -> None:
    packets = told(lot, "mobile", april.april(25, "00:00"), april.april(26, "00:00"))
    hot = [time for time, packet in of("2051", packets).items() if Decimal(packet.values["i33101"]["avg"]) > 30]
    assert sorted(hot) == every_five(april.april(25, "13:00"), april.april(25, "15:00"))


def test_troubles_name_what_there_is(lot: Lot) -> None:
    for trouble in troubles(SEED):
        codes = {measure.code for measure in measures(site_of(lot, trouble.site))}
        assert april.STARTS <= trouble.starts < trouble.ends <= april.ENDS
        if isinstance(trouble, Drift | Stuck | Flagged):
            assert trouble.code in codes


def test_every_trouble_is_told() -> None:
    for trouble in troubles(SEED):
        assert any(
            chapter.site == trouble.site and chapter.starts <= trouble.starts and trouble.ends <= chapter.ends
            for chapter in STORY
        )
    assert {chapter.site for chapter in STORY} == set(SITES)
