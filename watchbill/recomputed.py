"""Settlements computed anew from exported events alone: the same sums as scoring's, by whoever holds the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.agreements.agreement import Agreement
from contracts.events.assets import ReadingReceivedV1
from contracts.events.incidents import FaultEvent
from contracts.events.inspections import InspectionDoneV1, InspectionMissedV1
from services.scoring.closing import Closing, version_for, with_version
from services.scoring.domain import Branch, MonthScore, Recorded, explain_line, explain_settlement, score_month
from services.scoring.span import month_ended_by, month_of, months_of
from watchbill.addresses import fail
from watchbill.exported import published_in


@dataclass(frozen=True)
class Asked:
    """Which settlement is asked for, and which line of it; None: whatever the file holds."""

    agreement: str | None = None
    lot: str | None = None
    month: str | None = None
    revision: int = 1
    line: str | None = None

    @classmethod
    def of(cls, id: str | None, month: str | None) -> Asked:
        """From the id of a settlement (`wuhan-air/lot-1/2026-04/r1`) or of a line of it; `month` outweighs its own."""
        if id is None:
            return cls(month=month)
        agreement, lot, its_month, revision, *rest = id.split("/")
        return cls(agreement, lot, month or its_month, int(revision[1:]), id if rest else None)


def settled(events: Sequence[Recorded], terms: Agreement | None, asked: Asked) -> list[MonthScore]:
    """The settlements of the lots asked for, by `terms` or else by the version in force among the events.

    Exits: 1 where there is no such agreement, lot or month; 2 where the file holds several months and none is named.
    """
    agreements = [terms] if terms else [_in_force(events, id, asked) for id in _agreements(events)]
    wanted = [one for one in agreements if asked.agreement in (None, one.id)]
    found = [
        _settled(events, agreement, lot.id, asked)
        for agreement in wanted
        for lot in agreement.lots
        if asked.lot in (None, lot.id)
    ]
    if not found:
        name = f"{asked.agreement or '?'}/{asked.lot or '?'}"
        raise fail(f"没有协议 {name}，请用 --agreement 指定", f"There is no agreement {name}: name it by --agreement")
    return found


def explained(scored: MonthScore, asked: Asked, events: Iterable[Recorded]) -> Branch:
    """The reasons for the line asked for, or for the whole settlement. KeyError: there is no such line."""
    return explain_line(scored, asked.line, events) if asked.line else explain_settlement(scored, events)


def months_in(events: Iterable[Recorded], agreement: Agreement) -> list[str]:
    """The months of the term in which an hour was read; without any hours, those in which something happened.

    A task that is only due tells nothing: it is put on the list months before its window closes.
    """
    hours, others = set[str](), set[str]()
    for event in (known.event for known in events):
        if isinstance(event, ReadingReceivedV1) and event.kind == "hour":
            hours.add(month_of(event.time))
        elif isinstance(event, FaultEvent | InspectionDoneV1 | InspectionMissedV1):
            others.add(month_ended_by(event.at))
    return [month for month in months_of(agreement) if month in (hours or others)]


def _settled(events: Sequence[Recorded], agreement: Agreement, lot: str, asked: Asked) -> MonthScore:
    month = asked.month or _only_month(events, agreement)
    try:
        return score_month(agreement, lot, month, events, until=None, revision=asked.revision, provisional=False)
    except ValueError as error:
        raise fail(
            f"{month} 不在协议 {agreement.id} 的服务期内", f"{month} is outside the term of {agreement.id}"
        ) from error


def _only_month(events: Sequence[Recorded], agreement: Agreement) -> str:
    months = months_in(events, agreement)
    if len(months) != 1:
        named = ", ".join(months) or "—"
        raise fail(f"请用 --month 指定月份，文件中有：{named}", f"Name the month by --month; there are: {named}", 2)
    return months[0]


def _agreements(events: Iterable[Recorded]) -> list[str]:
    return sorted({id for id, _ in published_in(events)})


def _in_force(events: Sequence[Recorded], id: str, asked: Asked) -> Agreement:
    """The newest version published before the month ended, as the close of the month takes it."""
    published = {version: event for (name, version), event in published_in(events).items() if name == id}
    lot = Closing(id=f"{id}/", agreement=id, lot="")
    for event in published.values():
        lot = with_version(lot, event)
    newest = published[max(published)].document
    return published[version_for(lot, asked.month or _only_month(events, newest))].document
