"""Wording: one line for each letter, in the words of the field."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.events.event import Event
from contracts.events.incidents import (
    FaultAcknowledgedV1,
    FaultAnalysedV1,
    FaultArrivedV1,
    FaultEvent,
    FaultOpenedV1,
    FaultPausedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    FaultResumedV1,
    FaultStep,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
    SlaEvent,
    SlaWarnedV1,
    SpareInstalledV1,
)
from contracts.events.inspections import InspectionDoneV1, InspectionDueV1, InspectionEvent, InspectionMissedV1
from contracts.events.notify import (
    NoticeDeliveredV1,
    NoticeEvent,
    NoticeFailedV1,
    NoticeRequestedV1,
    NoticeSentV1,
)
from contracts.events.scoring import ScorePostedV1, SettlementComputedV1
from contracts.events.titles import EVENT_TITLES
from contracts.values import Words
from services.console.domain.names import PAUSES, Names, half, local
from services.console.domain.rows import Row

_RULE = "rule:"


def worded(row: Row, names: Names) -> Words:
    """What happened, in one line."""
    event = row.event
    match event:
        case FaultEvent():
            return _fault(event, names)
        case InspectionEvent():
            return _inspection(event, names)
        case NoticeEvent():
            return _notice(event, names)
        case ScorePostedV1() | SettlementComputedV1():
            return _score(event, names)
    title = EVENT_TITLES[row.type]
    return Words(zh=f"{title.zh}：{names.of(row.agreement).zh}", en=f"{title.en}: {names.of(row.agreement).en}")


def _fault(event: FaultEvent, names: Names) -> Words:
    match event:
        case FaultOpenedV1():
            return _opened(event, names)
        case SlaEvent():
            return _clock(event)
        case FaultStep():
            return _with_note(_step(event), event)
    return _titled(event)


def _opened(event: FaultOpenedV1, names: Names) -> Words:
    where, title = names.asset(event.asset, event.site), event.title
    zh, en = f"{where.zh} 发现故障“{title.zh}”", f"{where.en}: fault “{title.en}”"
    if event.detail:
        zh, en = f"{zh}：{half(event.detail, False)}", f"{en}: {half(event.detail, True)}"
    if event.opened_by:
        zh, en = f"{zh}（{event.opened_by} 报告）", f"{en} (reported by {event.opened_by})"
    if event.since < event.at:
        zh, en = f"{zh}；首次征兆 {local(event.since)}", f"{en}; first sign {local(event.since)}"
    return Words(zh=zh, en=en)


def _clock(event: SlaEvent) -> Words:
    zh, en = event.title.zh, event.title.en
    due = local(event.due)
    match event:
        case SlaWarnedV1(left_seconds=left):
            minutes = round(left / 60)
            return Words(
                zh=f"时限将到：“{zh}”应于 {due} 前做到，还剩 {minutes} 分钟",
                en=f"Time limit near: “{en}” by {due}, {minutes} minutes left",
            )
        case SlaBreachedV1():
            return Words(zh=f"超过时限：“{zh}”应于 {due} 前做到", en=f"Time limit passed: “{en}” by {due}")
        case SlaBreachWithdrawnV1(reason=reason, new_due=later):
            until = ("", "")
            if later and later != event.due:
                until = (f"，改为 {local(later)} 到期", f"; now due {local(later)}")
            return Words(
                zh=f"撤销超时：“{zh}”，{reason.zh}{until[0]}",
                en=f"Breach withdrawn: “{en}”, {reason.en}{until[1]}",
            )
    return _titled(event)


_STEPS: Mapping[type[FaultStep], Words] = {
    FaultAcknowledgedV1: Words(zh="{who} 接单", en="{who} took the fault"),
    FaultArrivedV1: Words(zh="{who} 到达现场", en="{who} arrived on site"),
    SpareInstalledV1: Words(zh="{who} 换上备机 {spare}", en="{who} put in a spare {spare}"),
    FaultAnalysedV1: Words(zh="{who} 查明原因并上报", en="{who} found and reported the cause"),
    FaultPausedV1: Words(zh="计时暂停：{reason}", en="Clocks paused: {reason}"),
    FaultResumedV1: Words(zh="计时恢复：{reason}已过去", en="Clocks run again: {reason} is over"),
    FaultResolvedV1: Words(zh="{who} 报告故障已解决", en="{who} closed the fault"),
    FaultReopenedV1: Words(zh="故障并未消除，重新打开", en="The fault was not over and is open again"),
}
_CLEARED = Words(zh="读数恢复正常，故障解除", en="Readings are normal again: the fault is over")


def _step(event: FaultStep) -> Words:
    if isinstance(event, FaultResolvedV1) and event.by.startswith(_RULE):
        return _CLEARED
    said, spare = _STEPS[type(event)], getattr(event, "spare", "")
    reason = PAUSES[event.reason] if isinstance(event, FaultPausedV1 | FaultResumedV1) else Words(zh="-", en="-")
    return Words(
        zh=said.zh.format(who=event.by, spare=spare, reason=reason.zh).strip(),
        en=said.en.format(who=event.by, spare=spare, reason=reason.en).strip(),
    )


def _with_note(words: Words, event: FaultStep) -> Words:
    zh, en = words.zh, words.en
    if event.note:
        zh, en = f"{zh}：{half(event.note, False)}", f"{en}: {half(event.note, True)}"
    if (late := event.posted_at - event.at).total_seconds() >= 60:
        minutes = round(late.total_seconds() / 60)
        zh, en = f"{zh}（{minutes} 分钟后登记）", f"{en} (recorded {minutes} minutes later)"
    return Words(zh=zh, en=en)


def _inspection(event: InspectionEvent, names: Names) -> Words:
    where, plan = names.of(event.site), names.of(event.plan)
    zh, en = f"{where.zh}“{plan.zh}”", f"“{plan.en}” at {where.en}"
    match event:
        case InspectionDueV1():
            return Words(zh=f"{zh}应在 {local(event.closes)} 前完成", en=f"{en} is to be done by {local(event.closes)}")
        case InspectionDoneV1():
            failed = sum(not item.ok for item in event.items)
            found = (f"，{failed} 项不合格", f", {failed} items failed") if failed else ("", "")
            return Words(zh=f"{event.by} 完成{zh}{found[0]}", en=f"{event.by} did {en}{found[1]}")
        case InspectionMissedV1():
            return Words(zh=f"{zh}未按期完成", en=f"{en} was missed")
    return _titled(event)


def _notice(event: NoticeEvent, names: Names) -> Words:
    zh, en = CHANNELS[event.channel].zh, CHANNELS[event.channel].en
    match event:
        case NoticeRequestedV1():
            group = names.group(event.group)
            return Words(zh=f"以{zh}通知{group.zh}", en=f"{group.en} to be told by {en}")
        case NoticeSentV1():
            return Words(zh=f"{zh}已交网关", en=f"{en} handed over")
        case NoticeDeliveredV1():
            return Words(zh=f"{zh}已送达", en=f"{en} delivered")
        case NoticeFailedV1():
            return Words(zh=f"{zh}发送失败：{event.reason}", en=f"{en} failed: {event.reason}")
    return _titled(event)


CHANNELS = {"sms": Words(zh="短信", en="SMS"), "email": Words(zh="邮件", en="e-mail")}


def _score(event: ScorePostedV1 | SettlementComputedV1, names: Names) -> Words:
    if isinstance(event, ScorePostedV1):
        site = names.of(event.site)
        so_far = ("（截至当时）", " (so far)") if event.provisional else ("", "")
        return Words(
            zh=f"{site.zh} {event.month} 考核得 {event.points} 分{so_far[0]}",
            en=f"{site.en} scores {event.points} for {event.month}{so_far[1]}",
        )
    return Words(
        zh=f"{event.month} 结算第 {event.revision} 版：应付 {yuan(event.payable)}，扣减 {yuan(event.deducted)}",
        en=f"Settlement of {event.month}, revision {event.revision}: {yuan(event.payable)} payable, "
        f"{yuan(event.deducted)} deducted",
    )


def yuan(amount: object) -> str:
    """An amount of the agreement's currency."""
    return f"¥{amount:,}"


def _titled(event: Event) -> Words:
    return EVENT_TITLES[event.type()]
