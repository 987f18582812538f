"""What goes wrong at a simulated station, as the gateway's codec sees it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.simulator.station import Sent, Station
from infra.local.simulator.troubles import (
    AnyTrouble,
    Damage,
    Drift,
    Flagged,
    LineCut,
    PowerCut,
    Reorder,
    Repeat,
    RoomHot,
    Stuck,
)
from services.assets.hj212 import Frame, Splitter
from tests.infra.stations import PASSWORD, at, of, site, uploads

O3, NO2, ROOM, MAINS = "a05024", "a21004", "i33101", "i33103"
FIVE = timedelta(minutes=5)
SPELL = ("hill", at(9), at(11))


def station(*troubles: AnyTrouble) -> Station:
    return Station(site(), PASSWORD, 7, troubles)


def column(sent: list[Sent], cn: str, code: str, field: str) -> dict[datetime, str | None]:
    return {time: packet.values[code].get(field) for time, packet in of(cn, uploads(sent)).items()}


def changes(trouble: AnyTrouble, code: str) -> dict[datetime, Decimal]:
    """By period: how far the trouble moved the minute value."""
    plain = column(station().frames(at(8), at(12)), "2051", code, "avg")
    moved = column(station(trouble).frames(at(8), at(12)), "2051", code, "avg")
    return {time: Decimal(moved[time] or 0) - Decimal(text or 0) for time, text in plain.items()}


def during(starts: float, ends: float) -> set[datetime]:
    count = round((ends - starts) * 12)
    return {at(starts) + FIVE * step for step in range(count)}


def flags(sent: list[Sent], cn: str, code: str, flag: str) -> set[datetime]:
    return {time for time, found in column(sent, cn, code, "flag").items() if found == flag}


def test_drift_grows_until_repaired() -> None:
    moved = changes(Drift("hill", O3, at(9), at(11), per_hour=30), O3)
    for time, change in moved.items():
        expected = 30 * (time - at(9)).total_seconds() / 3600 if time in during(9, 11) else 0
        assert abs(change - Decimal(expected)) <= Decimal("0.1")


def test_drift_leaves_other_codes_alone() -> None:
    assert set(changes(Drift("hill", O3, at(9), at(11), per_hour=30), NO2).values()) == {0}


def test_stuck_value_does_not_move() -> None:
    found = column(station(Stuck("hill", O3, at(9), at(11))).frames(at(8), at(12)), "2051", O3, "avg")
    assert len({found[time] for time in during(9, 11)}) == 1
    assert len({found[time] for time in during(8, 9)}) > 6


def test_stuck_value_hides_its_drift() -> None:
    troubles = (Stuck("hill", O3, at(9), at(11)), Drift("hill", O3, at(8), at(12), per_hour=30))
    found = column(station(*troubles).frames(at(8), at(12)), "2051", O3, "avg")
    assert len({found[time] for time in during(9, 11)}) == 1


def test_flag_marks_its_periods_only() -> None:
    sent = station(Flagged("hill", NO2, "D", at(9), at(11))).frames(at(8), at(12))
    assert flags(sent, "2051", NO2, "D") == during(9, 11)
    assert flags(sent, "2051", O3, "N") == during(8, 12)


@pytest.mark.parametrize(("minutes", "flag"), [(10, "N"), (15, "N"), (20, "D"), (60, "D")])
def test_hour_needs_three_quarters(minutes: int, flag: str) -> None:
    trouble = Flagged("hill", NO2, "D", at(9), at(9) + timedelta(minutes=minutes))
    assert column(station(trouble).frames(at(9), at(10)), "2061", NO2, "flag") == {at(9): flag}


def test_hour_mean_is_of_normal_values() -> None:
    troubles = (Flagged("hill", O3, "D", at(9), at(9.5)), Drift("hill", O3, at(9), at(9.5), per_hour=5000))
    sent = station(*troubles).frames(at(9), at(10))
    normal = [Decimal(text or 0) for time, text in column(sent, "2051", O3, "avg").items() if time >= at(9.5)]
    [hour] = column(sent, "2061", O3, "avg").values()
    assert abs(Decimal(hour or 0) - sum(normal, Decimal(0)) / 6) <= Decimal("0.1")


def test_hour_takes_the_prevailing_mark() -> None:
    troubles = (
        Flagged("hill", O3, "C", at(9), at(9) + timedelta(minutes=15)),
        Flagged("hill", O3, "M", at(9) + timedelta(minutes=15), at(9) + timedelta(minutes=35)),
    )
    assert column(station(*troubles).frames(at(9), at(10)), "2061", O3, "flag") == {at(9): "M"}


@pytest.mark.parametrize(("hours", "flag"), [(4, "N"), (5, "D")])
def test_day_needs_twenty_hours(hours: int, flag: str) -> None:
    sent = station(Flagged("hill", O3, "D", at(0), at(hours))).frames(at(0), at(24))
    assert column(sent, "2031", O3, "flag") == {at(0): flag}


def test_room_is_warmer_while_hot() -> None:
    moved = changes(RoomHot("hill", at(9), at(11), degrees=8), ROOM)
    assert {time for time, change in moved.items() if change == 8} == during(9, 11)
    assert {change for change in moved.values()} == {Decimal(0), Decimal(8)}


def test_mains_are_dead_in_cut() -> None:
    sent = station(PowerCut(*SPELL, ups=timedelta(hours=3))).frames(at(8), at(12))
    volts = column(sent, "2051", MAINS, "avg")
    assert {time for time, text in volts.items() if text == "0.0"} == during(9, 11)
    assert flags(sent, "2051", MAINS, "N") == flags(sent, "2051", ROOM, "N") == during(8, 12)


def test_stopped_instruments_show_no_value() -> None:
    sent = station(PowerCut(*SPELL, ups=timedelta(hours=3))).frames(at(8), at(12))
    assert flags(sent, "2051", O3, "F") == during(9, 11)
    assert {time for time, text in column(sent, "2051", O3, "avg").items() if text is None} == during(9, 11)
    assert column(sent, "2061", O3, "avg")[at(9)] is None


def test_logger_dies_with_its_ups() -> None:
    sent = station(PowerCut(*SPELL, ups=timedelta(hours=1))).frames(at(8), at(24))
    assert set(of("2051", uploads(sent))) == during(8, 10) | during(11, 24)
    assert set(of("2061", uploads(sent))) == {at(hour) for hour in range(8, 24)}
    assert flags(sent, "2061", ROOM, "F") == {at(10)}


def test_no_ups_silences_at_once() -> None:
    sent = station(PowerCut("hill", at(9), at(10.5))).frames(at(8), at(12))
    assert set(of("2051", uploads(sent))) == during(8, 9) | during(10.5, 12)
    assert set(of("2061", uploads(sent))) == {at(8), at(10), at(11)}
    assert flags(sent, "2061", ROOM, "F") == {at(10)}


def test_cut_line_sends_all_afterwards() -> None:
    plain, cut = station(), station(LineCut(*SPELL))
    assert cut.frames(at(9), at(11) - timedelta(seconds=1)) == []
    filled = cut.frames(at(9), at(11))
    assert {one.at for one in filled} == {at(11)}
    said = [(packet.cn, packet.data_time, packet.values) for packet in uploads(filled)]
    assert said == [(packet.cn, packet.data_time, packet.values) for packet in uploads(plain.frames(at(9), at(11)))]


def test_backlog_has_qns_of_its_end() -> None:
    qns = [one.qn for one in station(LineCut(*SPELL)).frames(at(8), at(12))]
    assert len(set(qns)) == len(qns)
    assert sum(qn.startswith("20260402110000") for qn in qns) == 26


def test_cuts_in_a_row_are_one() -> None:
    row = station(LineCut("hill", at(9), at(10)), LineCut("hill", at(9.5), at(11)))
    assert [one.data for one in row.frames(at(8), at(12))] == [
        one.data for one in station(LineCut(*SPELL)).frames(at(8), at(12))
    ]


def test_repeated_frames_are_same_bytes() -> None:
    sent = station(Repeat(*SPELL, share=0.5)).frames(at(8), at(12))
    plain = {one.data for one in station().frames(at(8), at(12))}
    assert {one.data for one in sent} == plain
    assert 5 <= len(sent) - len(plain) <= 20


def test_reordered_frames_lose_nothing() -> None:
    sent = station(Reorder(*SPELL)).frames(at(8), at(12))
    plain = [one.data for one in station().frames(at(8), at(12))]
    assert sorted(one.data for one in sent) == sorted(plain)
    assert [one.data for one in sent] != plain


def test_damage_never_passes_the_gateway() -> None:
    sent = station(Damage("hill", at(0), at(48), share=1.0)).frames(at(0), at(48))
    broken = [one for one in sent if not one.awaited]
    assert len(broken) > 500
    for one in broken:
        splitter = Splitter()
        pieces = [*splitter.feed(one.data), *splitter.finish()]
        assert not any(isinstance(piece, Frame) for piece in pieces)


def test_every_frame_survives_its_damage() -> None:
    trouble = Damage("hill", at(0.01), at(24.01), share=1.0)
    sent = station(trouble).frames(at(0), at(24) + timedelta(seconds=30))
    splitter = Splitter()
    frames = [piece.raw for one in sent for piece in splitter.feed(one.data) if isinstance(piece, Frame)]
    assert frames == [one.data.rstrip() for one in station().frames(at(0), at(24))]


@settings(max_examples=15)
@given(st.lists(st.integers(0, 16 * 60 * 2), max_size=5))
def test_troubled_spans_add_up_too(half_minutes: list[int]) -> None:
    troubles = (Repeat(*SPELL, share=0.4), Reorder(*SPELL), Damage(*SPELL, share=0.4), LineCut("hill", at(12), at(14)))
    moments = [at(half / 120) for half in sorted({*half_minutes, 0, 16 * 120})]
    parts = [
        one for start, end in zip(moments, moments[1:], strict=False) for one in station(*troubles).frames(start, end)
    ]
    assert parts == station(*troubles).frames(moments[0], moments[-1])


def test_trouble_elsewhere_changes_nothing() -> None:
    elsewhere = (LineCut("lake", at(9), at(11)), Stuck("lake", O3, at(9), at(11)), Damage("lake", at(9), at(11), 1.0))
    assert station(*elsewhere).frames(at(8), at(12)) == station().frames(at(8), at(12))


def test_trouble_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        LineCut("hill", at(9).replace(tzinfo=None), at(11))
    with pytest.raises(ValueError, match="ends before"):
        RoomHot("hill", at(11), at(9), 8)
