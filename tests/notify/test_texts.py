"""Texts: every template, read as people read it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import TemplateNotFound, UndefinedError

from contracts.agreements.templates import TEMPLATES
from contracts.events.notify import ChannelKind
from contracts.values import Words
from services.notify.domain.facts import facts_of
from services.notify.domain.messages import Wording
from services.notify.domain.routes import Told, route_type
from services.notify.texts import SMS_LENGTH, lasting, lasting_en, template_ids, worded
from tests.notify import town

BOTH = ("zh", "en")
EVENTS: dict[str, Told] = {
    "fault-opened": town.opened(), "fault-reopened": town.reopened(), "fault-resolved": town.resolved(),
    "sla-warned": town.warned(), "sla-breached": town.breached(), "sla-breach-withdrawn": town.withdrawn(),
    "inspection-missed": town.missed(), "settlement-computed": town.settled(),
}  # fmt: skip
SMS = {
    "fault-opened": "【值守单】较重故障：木兰湖站 PM2.5 分析仪，数据中断，3月5日12:00起。编号5b0c9c1e，请及时处理。",
    "fault-reopened": (
        "【值守单】较重故障未消除，重新打开：木兰湖站 PM2.5 分析仪，数据中断，3月5日12:00仍在，原计时继续。"
        "编号5b0c9c1e，请及时处理。"
    ),
    "fault-resolved": "【值守单】故障已解决：木兰湖站 PM2.5 分析仪，数据中断，3月5日12:00。编号5b0c9c1e。",
    "sla-warned": (
        "【值守单】即将超时：木兰湖站 PM2.5 分析仪，数据中断（4小时内修复），时限3月5日16:00，剩余1小时30分。"
        "编号5b0c9c1e，请尽快处理。"
    ),
    "sla-breached": (
        "【值守单】已超时：木兰湖站 PM2.5 分析仪，数据中断（4小时内修复），时限3月5日16:00。"
        "编号5b0c9c1e，按合同计入考核。"
    ),
    "sla-breach-withdrawn": (
        "【值守单】超时已撤销：木兰湖站 PM2.5 分析仪，数据中断（4小时内修复），原时限3月5日16:00。"
        "原因：停电时段已核实。编号5b0c9c1e。"
    ),
    "inspection-missed": "【值守单】漏检：木兰湖站，每周巡检，应在3月2日00:00至3月9日00:00完成，未见记录。",
    "settlement-computed": "【值守单】2026-02结算：一包 空气站，应付92,500.00元，扣减7,500.00元。详见平台。",
}
TITLES = {
    "fault-opened": "[较重故障] 木兰湖站 PM2.5 分析仪 数据中断 / Mulan Lake, PM2.5 monitor: No data",
    "fault-reopened": (
        "[较重故障未消除] 木兰湖站 PM2.5 分析仪 数据中断 / Mulan Lake, PM2.5 monitor: No data is open again"
    ),
    "fault-resolved": "[故障已解决] 木兰湖站 PM2.5 分析仪 数据中断 / Mulan Lake, PM2.5 monitor: No data resolved",
    "sla-warned": (
        "[即将超时] 木兰湖站 PM2.5 分析仪 数据中断（4小时内修复），时限 2026-03-05 16:00 / "
        "Mulan Lake, PM2.5 monitor: No data (Repair in 4 h), due 2026-03-05 16:00"
    ),
    "sla-breached": (
        "[已超时] 木兰湖站 PM2.5 分析仪 数据中断（4小时内修复） / "
        "Mulan Lake, PM2.5 monitor: No data (Repair in 4 h) breached"
    ),
    "sla-breach-withdrawn": (
        "[超时已撤销] 木兰湖站 PM2.5 分析仪 数据中断（4小时内修复） / "
        "Mulan Lake, PM2.5 monitor: No data (Repair in 4 h), breach withdrawn"
    ),
    "inspection-missed": "[漏检] 木兰湖站 每周巡检 / Mulan Lake: Weekly patrol missed",
    "settlement-computed": "[结算] 一包 空气站 2026-02：92,500.00 元 / Lot 1, stations, 2026-02: CNY 92,500.00",
}


def words_of(
    template: str, channel: ChannelKind, event: Told | None = None, languages: tuple[str, ...] = BOTH
) -> Wording:
    agreement = town.agreement()
    return worded(template, channel, facts_of(event or EVENTS[template], agreement, agreement.lots[0]), languages)


@pytest.mark.parametrize("template", sorted(SMS))
def test_sms_reads_as_written_here(template: str) -> None:
    assert words_of(template, "sms").text == SMS[template]


@pytest.mark.parametrize("template", sorted(TITLES))
def test_title_reads_as_written_here(template: str) -> None:
    assert words_of(template, "email").title == TITLES[template]


@pytest.mark.parametrize("template", sorted(EVENTS))
def test_mail_is_chinese_then_english(template: str) -> None:
    text = words_of(template, "email").text
    chinese, english = text.split("\n\n")
    assert "空气站运维合同" in chinese
    assert "Air station agreement" in english
    assert english.isascii()


@pytest.mark.parametrize("template", sorted(EVENTS))
def test_mail_keeps_to_persons_languages(template: str) -> None:
    only_chinese, only_english = (words_of(template, "email", languages=(one,)).text for one in BOTH)
    assert "Agreement" not in only_chinese
    assert "合同" not in only_english
    assert words_of(template, "email").text == f"{only_chinese.strip()}\n\n{only_english}"


def test_whole_opened_mail_reads_well() -> None:
    assert words_of("fault-opened", "email", town.opened(detail="E 21")).text == (
        "故障：数据中断（较重）\n位置：木兰湖站 PM2.5 分析仪\n开始：2026-03-05 12:00（首次异常 2026-03-05 11:30）\n"
        "来源：数据缺失\n说明：E 21\n合同：空气站运维合同，一包 空气站\n编号：5b0c9c1e-7f7a-5d5e-9a55-0f3a6c9d1234\n\n"
        "Fault: No data (major)\nWhere: Mulan Lake, PM2.5 monitor\n"
        "Since: 2026-03-05 12:00 (first sign 2026-03-05 11:30), Beijing time\nSeen by: silence of the logger\n"
        "Detail: E 21\nAgreement: Air station agreement, Lot 1, stations\n"
        "Number: 5b0c9c1e-7f7a-5d5e-9a55-0f3a6c9d1234\n"
    )


def test_resolved_mail_says_who_closed() -> None:
    by_hand = words_of("fault-resolved", "email", town.resolved(by="liu", note="已更换保险丝")).text
    assert "由人员确认" in by_hand
    assert "备注：已更换保险丝" in by_hand
    assert "数据自行恢复" in words_of("fault-resolved", "email").text


def test_settlement_mail_lists_every_site() -> None:
    text = words_of("settlement-computed", "email").text
    assert "- 木兰湖站：92.50 分，92,500.00 元" in text
    assert "- Mulan Lake: 92.50 points, CNY 92,500.00" in text


def test_withdrawn_breach_names_new_due() -> None:
    event = town.withdrawn(new_due=town.beijing("2026-03-05T18:30"))
    assert "新时限3月5日18:30" in words_of("sla-breach-withdrawn", "sms", event).text
    assert "Now due: 2026-03-05 18:30" in words_of("sla-breach-withdrawn", "email", event).text


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (3600, "1小时", "1 h"), (5400, "1小时30分", "1 h 30 min"), (1800, "30分钟", "30 min"),
        (59, "不足1分钟", "less than 1 min"), (90_000, "25小时", "25 h"),
    ],
)  # fmt: skip
def test_lengths_of_time_read_naturally(seconds: int, zh: str, en: str) -> None:
    assert (lasting(seconds), lasting_en(seconds)) == (zh, en)


@pytest.mark.parametrize(
    ("source", "detail", "zh", "en"),
    [
        ("reading", "仪器标记异常满 15 分钟 / Instrument marked faulty for 15 minutes",
         "仪器标记异常满 15 分钟", "Instrument marked faulty for 15 minutes"),
        ("inspection", "室温 / Room temperature: 31 ℃，偏高", "室温：31 ℃，偏高", "Room temperature: 31 ℃，偏高"),
        ("inspection", "室内温度 / Room temperature", "室内温度", "Room temperature"),
        ("call", "空调不制冷 / no cooling (李工)", "空调不制冷（李工）", "no cooling (李工)"),
        ("call", "空调不制冷", "空调不制冷", "空调不制冷"),
        ("reading", "泵 / 阀 / pump / valve", "泵 / 阀", "pump / valve"),
        ("silence", "E 21", "E 21", "E 21"),
    ],
)  # fmt: skip
def test_detail_stands_in_its_language(source: str, detail: str, zh: str, en: str) -> None:
    event = town.opened(source=source, detail=detail)
    text = words_of("fault-opened", "email", event).text
    assert f"\n说明：{zh}\n" in text
    assert f"\nDetail: {en}\n" in text
    assert f"\n说明：{zh}\n" in words_of("fault-opened", "email", event, languages=("zh",)).text


def test_settlement_names_the_months_fee() -> None:
    text = words_of("settlement-computed", "email").text
    assert "本月基准金额：100,000.00 元" in text
    assert "合同金额" not in text


@pytest.mark.parametrize("template", ["sla-warned", "sla-breached", "sla-breach-withdrawn", "fault-opened"])
def test_sms_names_station_instrument_and_kind(template: str) -> None:
    assert "木兰湖站 PM2.5 分析仪，数据中断" in words_of(template, "sms").text


def test_every_template_has_its_example() -> None:
    """No route names the words of a fault that is open again: they go where its opening went."""
    ours = {"bundle", "joined", "fault-reopened"}
    assert template_ids() == {*EVENTS, *ours} == {*TEMPLATES, *ours}
    assert {route_type(event) for event in EVENTS.values()} == {route.on for route in town.ROUTES}


@settings(max_examples=40)
@given(name=st.text(min_size=1, max_size=300), template=st.sampled_from(sorted(EVENTS)))
def test_long_names_still_fit_sms(name: str, template: str) -> None:
    agreement = town.agreement(town.lot(site=Words(zh=name, en=name)))
    facts = facts_of(EVENTS[template], agreement, agreement.lots[0])
    text = worded(template, "sms", facts, BOTH).text
    assert len(text) <= SMS_LENGTH
    assert text.startswith("【值守单】")
    assert "\n" not in text
    assert len(worded(template, "email", facts, BOTH).title.splitlines()) == 1


def test_unknown_template_is_an_error() -> None:
    with pytest.raises(TemplateNotFound):
        words_of("no-such", "sms", town.opened())


def test_missing_fact_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        words_of("settlement-computed", "sms", town.opened())
