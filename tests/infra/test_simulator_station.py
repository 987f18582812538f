"""What an ordinary station sends, read by the gateway's own codec."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agreements.sites import Site
from infra.local.simulator.air import value
from infra.local.simulator.station import Station
from infra.local.trouble import Trouble
from services.assets.hj212 import DIALECTS, Frame, Splitter
from tests.infra.stations import GASES, PASSWORD, at, of, site, uploads

FIVE = timedelta(minutes=5)
O3 = "a05024"


def station(where: Site | None = None, **logger: Any) -> Station:
    return Station(where or site(**logger), PASSWORD, seed=7)


def test_hour_sends_minutes_then_hour() -> None:
    found = uploads(station().frames(at(8), at(9)))
    assert [packet.cn for packet in found] == ["2051"] * 12 + ["2061"]
    times = [packet.data_time for packet in found]
    assert times == [at(8) + FIVE * count for count in range(12)] + [at(8)]


def test_frames_leave_when_periods_end() -> None:
    sent = station().frames(at(8), at(9))
    assert [one.at for one in sent] == [at(8) + FIVE * count for count in range(1, 13)] + [at(9)]
    assert all(one.awaited for one in sent)


def test_midnight_sends_the_day() -> None:
    found = uploads(station().frames(at(24) - FIVE, at(24)))
    assert [(packet.cn, packet.data_time) for packet in found] == [
        ("2051", at(24) - FIVE),
        ("2061", at(23)),
        ("2031", at(0)),
    ]


def test_minute_value_is_the_air() -> None:
    for time, packet in of("2051", uploads(station().frames(at(8), at(10)))).items():
        for code in GASES:
            assert packet.values[code]["avg"] == f"{value(7, 'hill', code, time):.1f}"
            assert packet.values[code]["flag"] == "N"


@pytest.mark.parametrize("interval", [1, 5, 10, 30])
def test_hour_is_mean_of_minutes(interval: int) -> None:
    found = uploads(station(minute_interval=timedelta(minutes=interval)).frames(at(8), at(9)))
    minutes = [Decimal(packet.values[O3]["avg"]) for packet in of("2051", found).values()]
    hour = of("2061", found)[at(8)].values[O3]
    assert len(minutes) == 60 // interval
    assert abs(Decimal(hour["avg"]) - sum(minutes, Decimal(0)) / len(minutes)) <= Decimal("0.1")
    assert (Decimal(hour["min"]), Decimal(hour["max"])) == (min(minutes), max(minutes))
    assert hour["flag"] == "N"


def test_day_is_mean_of_hours() -> None:
    found = uploads(station().frames(at(0), at(24)))
    hours = [packet.values[O3] for packet in of("2061", found).values()]
    day = of("2031", found)[at(0)].values[O3]
    assert abs(Decimal(day["avg"]) - sum((Decimal(hour["avg"]) for hour in hours), Decimal(0)) / 24) <= Decimal("0.1")
    assert Decimal(day["min"]) == min(Decimal(hour["min"]) for hour in hours)
    assert Decimal(day["max"]) == max(Decimal(hour["max"]) for hour in hours)


def test_alias_stands_for_the_code() -> None:
    [packet, *_] = uploads(station(site(aliases={O3: "O3"})).frames(at(8), at(9)))
    assert "O3" in packet.values and O3 not in packet.values


@pytest.mark.parametrize("factor", [Decimal(1000), Decimal("0.001"), Decimal(1)])
def test_sent_value_times_factor_is_meant(factor: Decimal) -> None:
    plain = of("2051", uploads(station().frames(at(8), at(9))))
    scaled = of("2051", uploads(station(factors={O3: factor}).frames(at(8), at(9))))
    for time, packet in plain.items():
        meant, sent = Decimal(packet.values[O3]["avg"]), Decimal(scaled[time].values[O3]["avg"])
        assert abs(sent * factor - meant) <= (0 if factor >= 1 else Decimal("0.1"))


def test_logger_of_2005_names_no_qn() -> None:
    sent = station(edition="2005").frames(at(8), at(9))
    assert {one.qn for one in sent} == {""}
    assert {(packet.qn, packet.flag) for packet in uploads(sent)} == {(None, 1)}


def test_qn_is_there_once() -> None:
    sent = station().frames(at(0), at(48))
    assert len({one.qn for one in sent}) == len(sent)
    assert [one.qn for one in sent] == sorted(one.qn for one in sent)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialect_of_crc_is_written(dialect: str) -> None:
    data = b"".join(one.data for one in station(crc=dialect).frames(at(8), at(9)))
    pieces = Splitter(allowed=DIALECTS).feed(data)
    assert {piece.dialect for piece in pieces if isinstance(piece, Frame)} == {dialect}


@settings(max_examples=15)
@given(st.lists(st.integers(0, 30 * 60), min_size=1, max_size=4))
def test_spans_add_up_to_whole(minutes: list[int]) -> None:
    cuts = sorted({*minutes, 0, 30 * 60})
    moments = [at(minute / 60) for minute in cuts]
    parts = [one for start, end in zip(moments, moments[1:], strict=False) for one in station().frames(start, end)]
    assert parts == station().frames(moments[0], moments[-1])


def test_same_seed_sends_same_bytes() -> None:
    whole = station().frames(at(0), at(24))
    again = station()
    again.frames(at(20), at(24))
    assert again.frames(at(0), at(24)) == whole
    assert Station(site(), PASSWORD, seed=8).frames(at(0), at(24)) != whole


def test_odd_seconds_lose_no_frame() -> None:
    start = datetime(2026, 4, 2, 0, 4, 59, 500_000, tzinfo=UTC)
    assert [one.at for one in station().frames(start, start + timedelta(seconds=1))] == [start + timedelta(seconds=0.5)]


def test_site_without_logger_is_refused() -> None:
    with pytest.raises(Trouble, match="logger"):
        Station(site().model_copy(update={"logger": None}), PASSWORD, seed=1)


def test_unknown_parameter_is_refused() -> None:
    with pytest.raises(Trouble, match="a99999"):
        station(site(codes=("a99999",)))


def test_interval_must_divide_the_hour() -> None:
    with pytest.raises(Trouble, match="interval"):
        station(minute_interval=timedelta(minutes=7))
