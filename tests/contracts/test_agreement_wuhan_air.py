"""The data of `wuhan-air`: that it loads, and that every figure of the source is in it."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel

import contracts.agreements
from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.clocks import Within
from contracts.agreements.entry import Entry
from contracts.agreements.folder import read_agreement
from contracts.agreements.plans import InspectionPlan
from contracts.agreements.scores import Breaches, FailedItems, Missed
from contracts.agreements.seed_calendar import year_from_chinesecalendar
from contracts.agreements.sites import Asset, Site

FOLDER = Path(contracts.agreements.__file__).parent / "wuhan-air"
SIX = {"a21026", "a21004", "a21005", "a05024", "a34002", "a34004"}


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    return read_agreement(FOLDER)


@pytest.fixture(scope="module")
def lot(agreement: Agreement) -> Lot:
    return agreement.lot("lot-1")


def asset(lot: Lot, id_: str) -> Asset:
    return next(asset for site in lot.sites for asset in site.assets if asset.id == id_)


def plan(lot: Lot, id_: str) -> InspectionPlan:
    return next(plan for plan in lot.plans if plan.id == id_)


def test_table_one_is_whole(lot: Lot) -> None:
    assert {site.id: len(site.assets) for site in lot.sites} == {
        "mulan-lake": 13,
        "xinzhou-changgang-hill": 13,
        "huangpi-yunwu-hill": 14,
        "caidian-suo-river": 14,
        "jiangxia-xin-river": 13,
        "roadside": 12,
        "mobile": 7,
    }
    assert lot.source.note is not None and "7" in lot.source.note.zh


def test_models_stand_as_printed(lot: Lot) -> None:
    printed = {
        "mulan-lake.pm25": ("美国热电", "5030"),
        "mulan-lake.router": ("思科", "F4CFE2827E60"),
        "mulan-lake.visibility": ("Belfort", "6000"),
        "huangpi-yunwu-hill.black-carbon": ("美国热电", "5012MAAP"),
        "caidian-suo-river.size-spectrometer": ("TSI", "EDM107"),
        "jiangxia-xin-river.compressor": ("江苏岱洛", "DA5001/9"),
        "roadside.hydrocarbons": ("ECOTECH", "VOC1000"),
        "roadside.co": ("美国 API", "300E"),
        "mobile.no2": ("美国热电", "TE43I"),
    }
    assert {id_: (asset(lot, id_).maker, asset(lot, id_).model) for id_ in printed} == printed
    assert all(one.maker and one.model and one.serial is None for site in lot.sites for one in site.assets)
    assert asset(lot, "mobile.no2").source.note is not None


def required(site: Site) -> set[str]:
    return {measure.code for asset in site.assets for measure in asset.measures if measure.standing == "required"}


def test_required_pollutants_are_the_measured(lot: Lot) -> None:
    small = SIX - {"a21026", "a34002"}
    assert {site.id: required(site) for site in lot.sites} == {
        site.id: small if site.id in ("roadside", "mobile") else SIX for site in lot.sites
    }
    assert all({measure.code for measure in site.room} == {"i33101", "i33102", "i33103"} for site in lot.sites)


def test_loggers_exercise_both_options(lot: Lot) -> None:
    loggers = [site.logger for site in lot.sites if site.logger is not None]
    assert len({logger.mn for logger in loggers}) == 7
    assert all(len(logger.mn) == 24 and set(logger.mn) <= set("0123456789ABCDEF") for logger in loggers)
    assert [logger.edition for logger in loggers].count("2005") == 1
    assert [set(logger.factors.values()) for logger in loggers if logger.factors] == [{Decimal(1000)}]


def test_task_lists_are_complete(lot: Lot) -> None:
    assert {plan.id: len(plan.items) for plan in lot.plans} == {
        "remote-check": 7,
        "weekly-patrol": 12,
        "monthly": 3,
        "two-monthly": 3,
        "quarterly": 3,
        "half-yearly": 4,
        "yearly": 4,
    }
    assert plan(lot, "weekly-patrol").lasts == timedelta(days=7)
    assert plan(lot, "remote-check").lasts == timedelta(hours=6)


def test_clocks_are_four_five_and_day(lot: Lot) -> None:
    limits = {clause.id: clause.limits[0].time for clause in lot.sla if isinstance(clause.limits[0], Within)}
    assert limits == {
        "solve-4h": timedelta(hours=4),
        "on-site-5h": timedelta(hours=5),
        "spare-24h": timedelta(hours=24),
        "abnormal-24h": timedelta(hours=24),
    }
    assert all(set(clause.excludes) == {"power", "communication"} for clause in lot.sla)
    assert not any({"power", "communication"} & set(clause.families) for clause in lot.sla)


def test_hours_are_those_of_source(agreement: Agreement, lot: Lot) -> None:
    spans = {hours.id: [(span.starts, span.ends) for span in hours.spans] for hours in agreement.calendar.hours}
    assert spans == {"six-to-twenty": [(time(6), time(20))], "six-to-eighteen": [(time(6), time(18))]}
    covers = {clause.id: clause.covers for clause in lot.sla if clause.covers}
    assert covers == {"solve-4h": "six-to-twenty", "on-site-5h": "six-to-eighteen"}


def test_indicators_are_those_of_source(lot: Lot) -> None:
    least = {indicator.id: indicator.at_least for indicator in lot.indicators if not indicator.source.assumed}
    assert least == {"capture": Decimal("0.90"), "validity": Decimal("0.85"), "handling": Decimal("1.00")}


def test_room_rules_are_those_of_source(lot: Lot) -> None:
    whens = {
        rule.id: rule.when.model_dump(exclude_none=True) for rule in lot.fault_rules if rule.id.startswith("room-")
    }
    assert whens["room-25-by-5"] | {"margin": 0} == {"test": "outside", "low": 20, "high": 30, "margin": 0}
    assert whens["room-swing-3"] == {"test": "swing", "more_than": 3}
    assert whens["room-above-80-percent"]["high"] == 80


def test_fee_is_the_lots_budget(agreement: Agreement, lot: Lot) -> None:
    assert lot.payment.annual_fee == Decimal("860000.00")
    assert (agreement.starts, agreement.ends) == (date(2026, 1, 1), date(2026, 12, 31))


def test_every_finding_costs_points(lot: Lot) -> None:
    counted = [deduction.counts for part in lot.sheet.parts for deduction in part.deductions]
    assert lot.sheet.full == 100
    assert {one for counts in counted if isinstance(counts, Breaches) for one in counts.clauses} == {
        one.id for one in lot.sla
    }
    assert {one for counts in counted if isinstance(counts, Missed) for one in counts.plans} == {
        one.id for one in lot.plans
    }
    groups = {item.group for plan in lot.plans for item in plan.items}
    assert {one for counts in counted if isinstance(counts, FailedItems) for one in counts.groups} == groups


@pytest.mark.parametrize("year", [2025, 2026])
def test_holidays_are_the_councils(agreement: Agreement, year: int) -> None:
    assert agreement.calendar.years[year] == year_from_chinesecalendar(year)


def entries(value: object) -> list[Entry]:
    below = [value] if isinstance(value, Entry) else []
    if isinstance(value, BaseModel):
        return below + [entry for name in type(value).model_fields for entry in entries(getattr(value, name))]
    return [entry for item in value for entry in entries(item)] if isinstance(value, tuple) else below


def test_parties_and_hours_name_their_place(agreement: Agreement) -> None:
    named = {one.id: one.source and one.source.clause for one in (*agreement.parties, *agreement.calendar.hours)}
    assert named == {
        "wuhan-emc": "供应商须知前附表 1.1.2",
        "supplier-a": "第三章 一、第一包",
        "six-to-twenty": "一包 2.4(2)③",
        "six-to-eighteen": "一包 2.4(10)④",
    }
    assert [one.id for one in agreement.parties if one.source and one.source.assumed] == ["supplier-a"]


def test_every_note_speaks_both_languages(agreement: Agreement) -> None:
    texts = [text for entry in entries(agreement) for text in (entry.title, entry.source.note) if text is not None]
    assert len(texts) > 150
    assert [text for text in texts if any("\u4e00" <= sign <= "\u9fff" for sign in text.en)] == []


def test_sheet_and_unsaid_figures_are_assumed(lot: Lot) -> None:
    assert all(entry.source.assumed for entry in entries(lot.sheet))
    assert all(rule.source.assumed or rule.id.startswith("room-") for rule in lot.fault_rules)
