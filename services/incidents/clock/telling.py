"""The lines of an explanation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from contracts.agreements.calendar import DayKind, Hours
from contracts.agreements.days import is_every
from contracts.values import Words
from services.incidents.clock.face import Clock, Segment, State
from services.incidents.clock.wording import KINDS, STEPS, lasting, listed, moment, voided

STATES: dict[State, Words] = {
    "not_covered": Words(zh="不适用", en="not covered"),
    "running": Words(zh="计时中", en="running"),
    "paused": Words(zh="暂停", en="paused"),
    "met": Words(zh="按时完成", en="met"),
    "breached": Words(zh="超时", en="breached"),
}


def version(opened_under: int, explained_with: int) -> Iterator[Words]:
    """A warning where the fault opened under another version of the agreement."""
    if opened_under != explained_with:
        yield Words(
            zh=f"注意：故障发生时合同为第 {opened_under} 版，此处按第 {explained_with} 版说明",
            en=f"note: the fault opened under version {opened_under}, explained here with version {explained_with}",
        )


def clause(clock: Clock) -> Iterator[Words]:
    """The clause, where it comes from, whether it covers the fault, and its limit."""
    title, source = clock.title, clock.source
    yield Words(
        zh=f"条款 {clock.clause}：{title.zh}（{source.row}，{source.clause}{'，假定' if source.assumed else ''}）",
        en=f"clause {clock.clause}: {title.en} ({source.row}, {source.clause}{', assumed' if source.assumed else ''})",
    )
    if source.note is not None:
        yield Words(zh=f"原文说明：{source.note.zh}", en=f"on the source: {source.note.en}")
    yield Words(
        zh=f"{'适用' if clock.covered else '不适用'}：{clock.why.zh}",
        en=f"{'covered' if clock.covered else 'not covered'}: {clock.why.en}",
    )
    if clock.limit is not None:
        yield Words(zh=f"时限：{clock.limit.zh}", en=f"limit: {clock.limit.en}")


def hours(used: Iterable[Hours]) -> Iterator[Words]:
    """The named hours that mattered."""
    for each in used:
        spans = ", ".join(f"{span.starts:%H:%M}-{_end(span.ends.strftime('%H:%M'))}" for span in each.spans)
        kinds = listed([KINDS[kind] for kind in each.days])
        zh, en = ("每天", "every day") if is_every(each.days) else (kinds.zh, f"on a {kinds.en}")
        yield Words(zh=f"时段“{each.title.zh}”：{zh} {spans}", en=f"hours '{each.title.en}': {spans} {en}")


def _end(ends: str) -> str:
    return "24:00" if ends == "00:00" else ends


def days(first: date, last: date, kind: DayKind, provisional: bool) -> Words:
    """Days of one kind in a row."""
    text = f"{first}" if first == last else f"{first} … {last}"
    zh, en = ("（暂定）", " (provisional)") if provisional else ("", "")
    return Words(zh=f"日历 {text}：{KINDS[kind].zh}{zh}", en=f"calendar {text}: {KINDS[kind].en}{en}")


def segment(piece: Segment, timezone: str) -> Words:
    """A piece of the timeline."""
    length = lasting(piece.ends - piece.starts)
    text = f"{moment(piece.starts, timezone)} → {moment(piece.ends, timezone)}"
    return Words(zh=f"{text}：{length.zh}，{piece.reason.zh}", en=f"{text}: {length.en}, {piece.reason.en}")


def outcome(clock: Clock, timezone: str) -> Iterator[Words]:
    """Warnings, the due time, the end, and what it comes to."""
    if not clock.covered:
        return
    for at in clock.warns:
        yield Words(zh=f"预警应发：{moment(at, timezone)}", en=f"warning falls due: {moment(at, timezone)}")
    yield _due(clock, timezone)
    for void in clock.voided:
        yield voided(moment(void.at, timezone), moment(void.reopened_at, timezone))
    if clock.ended_at is not None and clock.ended_by is not None:
        step, ended = STEPS[clock.ended_by], moment(clock.ended_at, timezone)
        yield Words(zh=f"{step.zh}：{ended}", en=f"{step.en}: {ended}")
    state, counted, left = STATES[clock.state], lasting(clock.counted), lasting(clock.left)
    yield Words(
        zh=f"结果：{state.zh}，已计 {counted.zh}，剩余 {left.zh}",
        en=f"outcome: {state.en}, {counted.en} counted, {left.en} left",
    )


def _due(clock: Clock, timezone: str) -> Words:
    if clock.due is None:
        return Words(zh="到期时刻：暂停未结束，尚不能确定", en="due: not known while the pause is open")
    return Words(zh=f"到期时刻：{moment(clock.due, timezone)}", en=f"due: {moment(clock.due, timezone)}")
