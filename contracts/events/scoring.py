"""Said by scoring: the month's score and what it makes of the month's payment (W3, W18)."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from contracts.events.event import Event
from contracts.values import Frozen, Moment, Month, Words


class IndicatorValue(Frozen):
    """One indicator of one station (and parameter): a ratio with its parts, in whole hours or counts."""

    indicator: str
    title: Words
    code: str | None = None
    numerator: int
    denominator: int
    excluded: int = 0
    """Hours that power outages took out of the denominator."""
    ratio: Decimal | None
    """Four decimals, rounded half to even; None where nothing was due."""
    raw_ratio: Decimal | None = None
    """The same without any exclusion: both rates are shown side by side."""
    required: Decimal
    met: bool
    evidence: tuple[str, ...] = ()


class ScoreLine(Frozen):
    """What one deduction of the sheet took away."""

    part: str
    deduction: str
    title: Words
    count: int
    points: Decimal
    """Points taken, after the caps; never negative."""
    evidence: tuple[str, ...] = ()


class ScorePostedV1(Event):
    """One station's score of one month. A provisional score is the month so far."""

    TOPIC: ClassVar[str] = "scores"
    score: str
    agreement: str
    agreement_version: int
    lot: str
    site: str
    month: Month
    revision: int
    provisional: bool
    full: Decimal
    points: Decimal
    gated_by: tuple[str, ...] = ()
    """Indicators that were not met and so set the score to the gate's points."""
    lines: tuple[ScoreLine, ...] = ()
    indicators: tuple[IndicatorValue, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.agreement}/{self.lot}"


class PaymentLine(Frozen):
    """One amount of a settlement. Deductions are positive and are taken from the station's share."""

    line: str
    site: str
    part: str
    deduction: str
    title: Words
    points: Decimal
    amount: Decimal
    evidence: tuple[str, ...] = ()


class SitePayment(Frozen):
    """One station's part of the month: `share` − Σ `lines.amount` = `payable`, to the cent."""

    site: str
    score: str
    points: Decimal
    share: Decimal
    payable: Decimal
    lines: tuple[PaymentLine, ...] = ()


class SettlementComputedV1(Event):
    """What the buyer owes for a month of a lot; CNY with two decimals."""

    TOPIC: ClassVar[str] = "scores"
    settlement: str
    agreement: str
    agreement_version: int
    lot: str
    month: Month
    revision: int
    currency: str = "CNY"
    gross: Decimal
    deducted: Decimal
    payable: Decimal
    sites: tuple[SitePayment, ...]
    closed_at: Moment

    @property
    def key(self) -> str:
        return f"{self.agreement}/{self.lot}"
