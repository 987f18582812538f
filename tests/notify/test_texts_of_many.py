"""Texts that tell of several notices: what one cause made, and what a storm held back."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events.notify import ChannelKind
from contracts.values import Words
from services.notify.domain.facts import facts_of_many
from services.notify.domain.messages import Message, written
from services.notify.domain.routes import Told, notices_for
from services.notify.texts import JOINED_SMS_LENGTH, worded
from tests.notify import town
from tests.notify.test_texts import BOTH, words_of


def part(number: int, now_minutes: int, severity: str = "major") -> Message:
    now = town.NOON + timedelta(minutes=now_minutes)
    notice = notices_for(town.opened(severity=severity), f"c{number}", town.lot(), town.DIRECTORY, now)[1]
    return written(notice, 1, words_of("fault-opened", "sms"), now)


def of(event: Told, template: str, channel: ChannelKind = "sms") -> Message:
    """A waiting message of this event."""
    notice = notices_for(town.opened(), f"c-{template}", town.lot(), town.DIRECTORY, town.NOON)[1]
    return written(notice, 1, words_of(template, channel, event), town.NOON + timedelta(minutes=9))


def test_bundle_counts_and_lists_parts() -> None:
    facts = facts_of_many([part(2, 5), part(1, 1, "critical"), part(3, 9)])
    sms, mail = worded("bundle", "sms", facts, BOTH), worded("bundle", "email", facts, BOTH)
    assert sms.text == (
        "【值守单】3月5日12:01至3月5日12:09另有3条通知合并，其中紧急1条：木兰湖站 PM2.5 分析仪 数据中断等。详见平台。"
    )
    assert mail.title == (
        "[合并通知] 另有 3 条，木兰湖站 PM2.5 分析仪 数据中断 等 / "
        "3 more notices: Mulan Lake, PM2.5 monitor: No data, ..."
    )
    assert mail.text.count("- 2026-03-05 12:0") == 6
    assert "3 more notices from 2026-03-05 12:01 to 2026-03-05 12:09, Beijing time, 1 of them critical:" in mail.text


def test_joined_sms_tells_each_in_a_line() -> None:
    opened, breached = part(1, 0), of(town.breached(), "sla-breached")
    sms = worded("joined", "sms", facts_of_many([opened, breached]), BOTH)
    assert sms.text == (
        "【值守单】相关通知共2条：\n"
        "1. 较重故障：木兰湖站 PM2.5 分析仪，数据中断，3月5日12:00起。编号5b0c9c1e，请及时处理。\n"
        "2. 已超时：木兰湖站 PM2.5 分析仪，数据中断（4小时内修复），时限3月5日16:00。编号5b0c9c1e，按合同计入考核。"
    )


def test_long_joined_sms_falls_to_headlines() -> None:
    parts = [part(number, number, "critical" if number == 6 else "major") for number in range(7)]
    text = worded("joined", "sms", facts_of_many(parts), BOTH).text
    assert len(text) <= JOINED_SMS_LENGTH
    assert text.splitlines()[:2] == ["【值守单】相关通知共7条，其中紧急1条：", "1. 木兰湖站 PM2.5 分析仪 数据中断"]
    assert len(text.splitlines()) == 8


@settings(max_examples=40)
@given(name=st.text(min_size=1, max_size=200), count=st.integers(2, 40))
def test_joined_sms_is_never_too_long(name: str, count: int) -> None:
    one = part(1, 0).model_copy(update={"text": f"【值守单】{name}", "headline": Words(zh=name, en=name)})
    text = worded("joined", "sms", facts_of_many([one] * count), BOTH).text
    assert len(text) <= JOINED_SMS_LENGTH
    assert text.startswith(f"【值守单】相关通知共{count}条：\n1. ")
    assert len(text.splitlines()) == 1 + count or text.endswith("条，详见平台。")


def test_joined_mail_holds_every_mail() -> None:
    parts = [of(town.opened(), "fault-opened", "email"), of(town.resolved(), "fault-resolved", "email")]
    mail = worded("joined", "email", facts_of_many(parts), BOTH)
    assert mail.text.startswith("以下 2 条通知由同一原因引起：\n1. 木兰湖站 PM2.5 分析仪 数据中断")
    assert "\n\n2 notices of one cause:\n1. Mulan Lake, PM2.5 monitor: No data" in mail.text
    assert all(one.text.strip() in mail.text for one in parts)
    assert "---------- 2/2 ----------\n" in mail.text
