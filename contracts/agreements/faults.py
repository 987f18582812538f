"""Which faults there are, and the rules that see them in readings (W3, W5)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from contracts.agreements.entry import Entry, Lasting, Term
from contracts.values import Slug

Severity = Literal["minor", "major", "critical"]
Family = Literal["instrument", "data", "environment", "power", "communication", "inspection", "call"]
PauseReason = Literal["power", "communication", "weather", "access", "buyer"]


class FaultKind(Entry):
    """A kind of fault. At most one fault of a kind is open on an asset."""

    family: Family
    severity: Severity
    pauses: PauseReason | None = None
    """While it is open at a site, the clocks of the site's other faults pause for this reason."""
    invalidates: bool = False
    """Values of the asset while it is open do not count as valid."""
    reportable: bool = False
    """People may report it by a call."""


class FlagIs(Term):
    """The logger's mark on the parameter is one of these (HJ 212-2017 table 8)."""

    test: Literal["flag"]
    any_of: tuple[str, ...] = Field(min_length=1)


class Silent(Term):
    """No reading of the site arrived for `lasts` of the rule."""

    test: Literal["silence"]


class Outside(Term):
    """The value is below `low` or above `high`; it is back when it is inside by `margin` (hysteresis)."""

    test: Literal["outside"]
    low: Decimal | None = None
    high: Decimal | None = None
    margin: Decimal = Decimal(0)


class Stuck(Term):
    """The value moves by no more than `tolerance` for `lasts` of the rule; values up to `ignores` do not count."""

    test: Literal["stuck"]
    tolerance: Decimal = Decimal(0)
    ignores: Decimal | None = None


class Jump(Term):
    """The value changes by more than `by` from one reading to the next, not more than `within` apart."""

    test: Literal["jump"]
    by: Decimal
    within: Lasting


class Swing(Term):
    """Within one local day the largest minus the smallest value passes `more_than`."""

    test: Literal["swing"]
    more_than: Decimal


Condition = Annotated[FlagIs | Silent | Outside | Stuck | Jump | Swing, Field(discriminator="test")]


class FaultRule(Entry):
    """Sees a fault in readings: opens `kind` when `when` held for `lasts`, clears it when it was false for `clears`."""

    kind: Slug
    codes: tuple[str, ...] = ()
    """Parameters it looks at; each is judged by itself, on the asset that measures it. Empty: every measured one."""
    readings: Literal["minute", "hour", "realtime"] = "minute"
    when: Condition
    lasts: timedelta = timedelta(0)
    clears: timedelta = timedelta(0)
    flagged: bool = False
    """Whether values whose mark is not N are looked at too (a flag rule always does)."""
    suppressed_by: tuple[Slug, ...] = ()
    """While a fault of one of these kinds is open at the site, this rule opens nothing."""
