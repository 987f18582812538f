"""The story of one fault: what happened, in order, who was told of it, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from contracts.events.incidents import (
    FaultOpenedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
    SlaWarnedV1,
)
from contracts.events.inspections import InspectionEvent
from contracts.events.notify import (
    NoticeDeliveredV1,
    NoticeFailedV1,
    NoticeRequestedV1,
    NoticeSentV1,
)
from contracts.events.scoring import ScorePostedV1, SettlementComputedV1
from contracts.values import Words
from services.console.domain.names import Names, local
from services.console.domain.rows import Row
from services.console.domain.wording import worded, yuan

Tone = Literal["fault", "breach", "warning", "good", "step", "money"]
State = Literal["requested", "sent", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the story. `known_at`: when it was said; `told`: the notices that tell of it."""

    at: datetime
    known_at: datetime
    words: Words
    service: str
    tone: Tone
    event: str
    trace: str
    told: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """A reading that the fault was seen in, by its natural key; `digest`: SHA-256 of the frame that it came in."""

    reading: str
    site: str
    time: datetime
    received_at: datetime
    channel: str
    digest: str
    event: str
    value: str
    """What it says of the fault's parameter, with its mark; empty where it says nothing of it."""


@dataclass(frozen=True, slots=True)
class Told:
    """One notice to one person. `about`: the events of this fault that it tells of, `types` what they are; `of_all`: of
    how many in all."""

    notice: str
    person: str
    group: str
    channel: str
    state: State
    requested_at: datetime
    ended_at: datetime | None
    about: tuple[str, ...]
    types: tuple[str, ...]
    of_all: int
    reason: str
    trace: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What a line of a score or of a settlement took, for this fault and, where `shared`, for others as well."""

    month: str
    revision: int
    title: Words
    points: Decimal
    amount: Decimal | None
    shared: int


@dataclass(frozen=True, slots=True)
class Story:
    """A fault from its first sign to the yuan."""

    opened: FaultOpenedV1
    facts: tuple[Fact, ...]
    told: tuple[Told, ...]
    costs: tuple[Cost, ...]
    """The lines of the newest settlements; of the newest score, where the month is not settled yet."""
    open: bool
    breaches: int
    traces: tuple[str, ...]


def story_of(fault: str, rows: Iterable[Row], names: Names, frames: Sequence[Frame] = ()) -> Story | None:
    """The story of a fault from the rows that have to do with it, and the frames it was seen in; None where its
    opening is not among them."""
    ordered = sorted({row.id: row for row in rows}.values(), key=_place)
    own = [row for row in ordered if row.fault == fault]
    opened = next((row.event for row in own if isinstance(row.event, FaultOpenedV1)), None)
    if not isinstance(opened, FaultOpenedV1):
        return None
    ids = {row.id for row in own} | {fault}
    told = tuple(_told(ordered, ids))
    facts = [
        *(_arrived(frame, names) for frame in frames),
        *_happened(own, names, told),
        *_inspected(ordered, opened, names),
        *_scored(ordered, ids, names),
    ]
    return Story(
        opened=opened,
        facts=tuple(sorted(facts, key=lambda fact: (fact.at, fact.known_at))),
        told=told,
        costs=_costs(ordered, ids),
        open=is_open(own),
        breaches=sum(breaches_of(own).values()),
        traces=tuple(dict.fromkeys(row.trace for row in own if row.trace)),
    )


def _place(row: Row) -> tuple[object, ...]:
    """By time; of one moment, a month's scores stand before the settlement that they make."""
    return row.at, row.said_at, row.type == "SettlementComputedV1", row.id


def _fact(row: Row, words: Words, tone: Tone, told: tuple[Told, ...] = ()) -> Fact:
    return Fact(row.at, row.said_at, words, row.service, tone, row.id, row.trace, told)


def _arrived(frame: Frame, names: Names) -> Fact:
    site = names.of(frame.site)
    value = (f"：{frame.value}", f": {frame.value}") if frame.value else ("", "")
    words = Words(
        zh=f"{site.zh} {local(frame.time)} 的数据到达{value[0]}（{frame.channel}，报文摘要 {frame.digest[:12]}）",
        en=f"Reading of {site.en}, {local(frame.time)}, came in{value[1]} ({frame.channel}, frame {frame.digest[:12]})",
    )
    return Fact(frame.received_at, frame.received_at, words, "assets", "step", frame.event, "")


def _happened(own: Sequence[Row], names: Names, told: Sequence[Told]) -> Iterator[Fact]:
    for row in own:
        of_it = tuple(one for one in told if row.id in one.about)
        yield _fact(row, worded(row, names), _tone(row.event), of_it)


def _tone(event: object) -> Tone:
    match event:
        case FaultOpenedV1() | FaultReopenedV1():
            return "fault"
        case SlaBreachedV1():
            return "breach"
        case SlaWarnedV1():
            return "warning"
        case FaultResolvedV1() | SlaBreachWithdrawnV1():
            return "good"
    return "step"


def _inspected(rows: Sequence[Row], opened: FaultOpenedV1, names: Names) -> Iterator[Fact]:
    """The tasks that the fault was found at."""
    for row in rows:
        if isinstance(row.event, InspectionEvent) and ({row.task, row.id} & set(opened.evidence)):
            yield _fact(row, worded(row, names), "step")


def _told(rows: Sequence[Row], ids: set[str]) -> Iterator[Told]:
    """A notice that tells of several causes at once names them all."""
    types = {row.id: row.type for row in rows}
    for row in rows:
        event = row.event
        if isinstance(event, NoticeRequestedV1):
            about = {ref: types.get(ref) for ref in row.refs if ref in ids}
            if about:
                yield _followed(row, event, about, [one for one in rows if one.notice == row.notice])


def _followed(row: Row, event: NoticeRequestedV1, about: Mapping[str, str | None], rows: Sequence[Row]) -> Told:
    """What became of it: a later report counts, and a delivery more than anything."""
    state: State = "requested"
    ended, reason = None, ""
    rank = {"requested": 0, "sent": 1, "failed": 2, "delivered": 3}
    for one in rows:
        now, why = _state(one.event)
        if rank[now] >= rank[state] and now != "requested":
            state, ended, reason = now, one.at, why
    return Told(
        notice=event.notice, person=event.person, group=event.group, channel=event.channel, state=state,
        requested_at=row.at, ended_at=ended, about=tuple(about),
        types=tuple(dict.fromkeys(type for type in about.values() if type)),
        of_all=event.bundled, reason=reason, trace=row.trace,
    )  # fmt: skip


def _state(event: object) -> tuple[State, str]:
    match event:
        case NoticeDeliveredV1():
            return "delivered", ""
        case NoticeFailedV1():
            return "failed", event.reason
        case NoticeSentV1():
            return "sent", ""
    return "requested", ""


def _scored(rows: Sequence[Row], ids: set[str], names: Names) -> Iterator[Fact]:
    """A score or settlement is told where what it takes for this fault is not what was told before."""
    before: dict[str, tuple[object, ...]] = {}
    for row in rows:
        event = row.event
        if isinstance(event, ScorePostedV1 | SettlementComputedV1):
            costs, key = _costs_in(event, ids), f"{row.type} {event.month}"
            final = isinstance(event, SettlementComputedV1) or not event.provisional
            now = (final, *((cost.title, cost.amount) for cost in costs)) if costs else ()
            if now != before.get(key, ()):
                yield _fact(row, _priced(worded(row, names), costs), "money")
            before[key] = now


def _priced(words: Words, costs: Sequence[Cost]) -> Words:
    if not costs:
        return Words(zh=f"{words.zh}；本故障不再扣减", en=f"{words.en}; nothing is taken for this fault any more")
    zh = "；".join(_cost_zh(cost) for cost in costs)
    en = "; ".join(_cost_en(cost) for cost in costs)
    return Words(zh=f"{words.zh}；{zh}", en=f"{words.en}; {en}")


def _cost_zh(cost: Cost) -> str:
    shared = f"（与另外 {cost.shared} 项合计）" if cost.shared else ""
    money = f"，{yuan(cost.amount)}" if cost.amount is not None else ""
    return f"因“{cost.title.zh}”扣 {cost.points} 分{money}{shared}"


def _cost_en(cost: Cost) -> str:
    shared = f" (with {cost.shared} others)" if cost.shared else ""
    money = f", {yuan(cost.amount)}" if cost.amount is not None else ""
    return f"{cost.points} points{money} off for “{cost.title.en}”{shared}"


def _costs_in(event: ScorePostedV1 | SettlementComputedV1, ids: set[str]) -> tuple[Cost, ...]:
    found = []
    lines = (
        [(line, None) for line in event.lines]
        if isinstance(event, ScorePostedV1)
        else [(line, line.amount) for site in event.sites for line in site.lines]
    )
    for line, amount in lines:
        others = sum(id not in ids for id in line.evidence)
        if len(line.evidence) > others:
            found.append(Cost(event.month, event.revision, line.title, line.points, amount, others))
    return tuple(found)


def _costs(rows: Sequence[Row], ids: set[str]) -> tuple[Cost, ...]:
    """By month, the newest settlement's; the newest score's where there is none."""
    newest: dict[tuple[str, bool], ScorePostedV1 | SettlementComputedV1] = {}
    for row in rows:
        event = row.event
        if isinstance(event, ScorePostedV1 | SettlementComputedV1):
            newest[event.month, isinstance(event, SettlementComputedV1)] = event
    settled = {month for month, is_settlement in newest if is_settlement}
    return tuple(
        cost
        for (month, is_settlement), event in sorted(newest.items(), key=lambda item: item[0])
        if is_settlement or month not in settled
        for cost in _costs_in(event, ids)
    )


def is_open(own: Sequence[Row]) -> bool:
    """A reopening takes back the resolutions at or before it."""
    resolved = max((row.at for row in own if isinstance(row.event, FaultResolvedV1)), default=None)
    reopened = max((row.at for row in own if isinstance(row.event, FaultReopenedV1)), default=None)
    return resolved is None or (reopened is not None and reopened >= resolved)


def breaches_of(own: Sequence[Row]) -> Mapping[str, bool]:
    """Those that stand, by clause: one that was withdrawn does not, one said again after that, or with it, does."""
    standing: dict[str, bool] = {}
    for row in sorted(own, key=lambda row: (row.said_at, isinstance(row.event, SlaBreachedV1))):
        match row.event:
            case SlaBreachedV1(clause=clause):
                standing[clause] = True
            case SlaBreachWithdrawnV1(clause=clause):
                standing[clause] = False
    return standing
