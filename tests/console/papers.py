"""Letters of a small agreement, for the chronicle."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.agreements.agreement import Agreement
from contracts.agreements.folder import read_agreement
from contracts.events.event import Event
from contracts.events.incidents import (
    FaultOpenedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
)
from contracts.events.notify import NoticeDeliveredV1, NoticeRequestedV1, NoticeSentV1
from contracts.events.scoring import PaymentLine, ScoreLine, ScorePostedV1, SettlementComputedV1, SitePayment
from contracts.values import Words
from services.console.domain.names import Names, names_of
from services.console.domain.rows import Envelope, Row, row_of
from services.console.domain.story import Story, story_of
from watchbill.installation import ROOT

START = datetime(2026, 4, 8, 0, 0, tzinfo=UTC)
AGREEMENT: Agreement = read_agreement(ROOT / "contracts" / "agreements" / "wuhan-air")
NAMES: Names = names_of([AGREEMENT])
SITE = "caidian-suo-river"
FAULT: dict[str, Any] = {
    "fault": "F", "agreement": "wuhan-air", "agreement_version": 1, "lot": "lot-1", "site": SITE,
    "asset": f"{SITE}.pm25", "kind": "stuck-value",
}  # fmt: skip
LATE = Words(zh="日间故障 4 小时解决", en="Daytime faults solved within 4 hours")
WAS_DOWN = Words(zh="当时停电", en="The mains was off")
OFF = Words(zh="故障未在 4 小时内解决", en="Fault not solved within 4 hours")


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def row(id: str, event: Event, said_at: datetime | None = None, trace: str = "a" * 32) -> Row:
    return row_of(
        event, Envelope(id=id, said_at=said_at or event.at, correlation="reading", causation="reading", trace=trace)
    )


def opened(**more: Any) -> FaultOpenedV1:
    title = Words(zh="数值恒定不变", en="Value does not move")
    told = {"family": "data", "severity": "major", "title": title, "source": "reading", "since": at(-3), "at": at(0)}
    return FaultOpenedV1(**FAULT | told | more)


def breached(hours: float = 4) -> SlaBreachedV1:
    return SlaBreachedV1(**FAULT, at=at(hours), clause="solve-4h", title=LATE, due=at(hours), severity="major")


def withdrawn(hours: float, new_due: datetime | None = None) -> SlaBreachWithdrawnV1:
    late = breached()
    return SlaBreachWithdrawnV1(
        **FAULT, at=at(hours), clause=late.clause, title=LATE, due=late.due, reason=WAS_DOWN, new_due=new_due
    )  # fmt: skip


def resolved(hours: float, by: str = "engineer-wang") -> FaultResolvedV1:
    return FaultResolvedV1(**FAULT, at=at(hours), by=by, posted_at=at(hours))


def reopened(hours: float) -> FaultReopenedV1:
    return FaultReopenedV1(**FAULT, at=at(hours), by="rule:pm25-stuck", posted_at=at(hours))


def requested(notice: str, cause: str, person: str = "chen-yu", **more: Any) -> NoticeRequestedV1:
    said = {"channel": "sms", "agreement": "wuhan-air", "lot": "lot-1", "group": "supplier-engineers", "route": "r"}
    said |= {"template": "t", "subject": "F", "at": at(4)}
    return NoticeRequestedV1(**said | {"notice": notice, "cause": cause, "person": person} | more)


def sent(notice: str, cause: str, hours: float = 4) -> NoticeSentV1:
    return NoticeSentV1(
        at=at(hours), notice=notice, person="chen-yu", channel="sms", cause=cause, provider="kannel", provider_id="1",
        attempts=1,
    )  # fmt: skip


def delivered(notice: str, cause: str, hours: float = 4) -> NoticeDeliveredV1:
    return NoticeDeliveredV1(
        at=at(hours), notice=notice, person="chen-yu", channel="sms", cause=cause, provider_id="1"
    )  # fmt: skip


def score(revision: int, *evidence: str, hours: float = 4, provisional: bool = True) -> ScorePostedV1:
    line = ScoreLine(part="p", deduction="late", title=OFF, count=1, points=Decimal("5.00"), evidence=evidence)
    return ScorePostedV1(
        at=at(hours), score=f"s{revision}", agreement="wuhan-air", agreement_version=1, lot="lot-1", site=SITE,
        month="2026-04", revision=revision, provisional=provisional, full=Decimal(100), points=Decimal(95),
        lines=(line,) if evidence else (),
    )  # fmt: skip


def settlement(revision: int, amount: str, *evidence: str) -> SettlementComputedV1:
    line = PaymentLine(
        line="l", site=SITE, part="p", deduction="late", title=OFF, points=Decimal("5.00"), amount=Decimal(amount),
        evidence=evidence,
    )  # fmt: skip
    paid = SitePayment(
        site=SITE, score="s", points=Decimal(95), share=Decimal("1000.00"), payable=Decimal("950.00"),
        lines=(line,) if evidence else (),
    )  # fmt: skip
    return SettlementComputedV1(
        at=at(600 + revision), settlement=f"m{revision}", agreement="wuhan-air", agreement_version=1, lot="lot-1",
        month="2026-04", revision=revision, gross=Decimal("1000.00"), deducted=Decimal(amount),
        payable=Decimal("950.00"), sites=(paid,), closed_at=at(600),
    )  # fmt: skip


def told(rows: Iterable[Row]) -> Story:
    story = story_of("F", rows, NAMES)
    assert story is not None
    return story
