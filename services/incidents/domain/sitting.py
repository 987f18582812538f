"""A sitting over one site: what a sign, a post or a timer makes of the site's watch and its faults, as one decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.agreements.agreement import Agreement, Lot
from contracts.agreements.sites import Site
from contracts.events.event import Event
from contracts.events.incidents import FaultReopenedV1, FaultResolvedV1
from services.incidents.domain.fault import Alarm, Fault, Step, identity_of
from services.incidents.domain.opening import Found, kind_of, open_fault
from services.incidents.domain.pauses import adjusted
from services.incidents.domain.sla import fired, re_derive
from services.incidents.domain.steps import recorded, still_there, with_step
from services.incidents.rules import (
    Again,
    Doubt,
    Gone,
    Seen,
    Sign,
    Watch,
    contradicts,
    opened_by_people,
    outages_of,
    plan_of,
    reopened_by_people,
    resolved_by_people,
)
from services.incidents.rules.instants import ms_of


@dataclass(frozen=True)
class Terms:
    """What holds for a site: its agreement, lot and entry in it."""

    agreement: Agreement
    lot: Lot
    site: Site


@dataclass(frozen=True)
class Ruling:
    """What a sitting decided: the watch, the faults that changed, what is said (in order), the timers."""

    watch: Watch
    faults: tuple[Fault, ...]
    says: tuple[Event, ...]
    arm: tuple[Alarm, ...]
    clear: tuple[Alarm, ...]
    unknown: tuple[tuple[str, str], ...]
    """(fault, clause) whose due time depends on a year without a calendar."""


class Sitting:
    """Takes what happened, and rules. It does not wait and does not look anything up: all it needs is handed in.

    `faults`: the site's open, doubted and recently closed faults, by id. `versions`: the agreement of each of their
    versions.
    """

    def __init__(
        self, watch: Watch, faults: Mapping[str, Fault], terms: Terms, versions: Mapping[int, Agreement], now: datetime
    ) -> None:
        self.watch, self.terms, self.now = watch, terms, now
        self._faults = dict(faults)
        self._versions = {**versions, terms.agreement.version: terms.agreement}
        self._touched: dict[str, None] = {}
        self._says: list[Event] = []

    def fault(self, fault: str) -> Fault:
        """The fault as it stands now; KeyError where it was not handed in."""
        return self._faults[fault]

    def agreement(self, fault: str) -> Agreement:
        """The agreement that a fault opened under, in its version."""
        return self._versions[self._faults[fault].opened.agreement_version]

    def admit(self, fault: Fault, agreement: Agreement) -> None:
        """Takes in one more fault of the site, however long it is closed, with the agreement it opened under."""
        self._faults.setdefault(fault.id, fault)
        self._versions.setdefault(agreement.version, agreement)

    def heed(self, signs: Iterable[Sign], watch: Watch) -> None:
        """Opens, resolves and pauses faults by the signs that led to this watch; KeyError: one was not handed in."""
        self.watch = watch
        evidence: dict[str, None] = {}
        for sign in signs:
            match sign:
                case Seen():
                    self._open(_found(sign, self.terms.lot))
                case Again() | Gone():
                    self._move(sign)
            evidence |= dict.fromkeys(sign.evidence)
        self._adjust(tuple(evidence))

    def find(self, found: Found) -> Fault | None:
        """Opens what people found, or opens again what was closed and is in doubt. KeyError: no such kind.

        None where such a fault is known already: open on the asset, or said to be over at that time or later.
        """
        if self.watch.fault_on(found.asset, found.kind) is not None or found.fault in self._faults:
            return None
        if (doubt := self.watch.doubt_on(found.asset, found.kind)) is not None:
            return self._find_again(found, doubt)
        pauses = kind_of(self.terms.lot, found.kind).pauses
        self.watch = opened_by_people(self.watch, found.fault, found.asset, found.kind, found.source, found.at, pauses)
        self._open(found)
        self._adjust(found.evidence)
        return self._faults[found.fault]

    def _find_again(self, found: Found, doubt: Doubt) -> Fault | None:
        if ms_of(found.at) <= doubt.at:
            return None
        fault = self._faults[doubt.fault.fault]
        self.watch = reopened_by_people(self.watch, doubt, found.at)
        step = FaultReopenedV1(
            **identity_of(fault.opened),
            at=found.at,
            by=found.opened_by or found.source,
            posted_at=self.now,
            note=found.detail,
            evidence=found.evidence,
        )
        self._change(recorded(fault, step), step)
        self._adjust(found.evidence)
        return self._faults[fault.id]

    def step(self, fault: str, step: Step, *, however_late: bool = False) -> None:
        """Records what somebody did; `Refused` where it cannot be. `however_late` as `with_step` has it."""
        after = with_step(self._faults[fault], step, self.now, however_late=however_late)
        if isinstance(step, FaultResolvedV1):
            plan = plan_of(self.terms.agreement.id, self.terms.lot, self.terms.site)
            if contradicts(self.watch, fault, step.at, plan, self.now):
                raise still_there()
        self._change(after, step)
        if isinstance(step, FaultResolvedV1):
            self.watch = resolved_by_people(self.watch, fault, step.at)
        self._adjust((fault,))

    def woke(self, fault: str, name: str, key: str) -> None:
        """One of the fault's timers fired."""
        self._faults[fault] = fired(self._faults[fault], name, key)
        self._touched[fault] = None

    def rule(self, as_of: datetime | None = None) -> Ruling:
        """Looks at the clocks of all faults that were touched; `as_of` as `re_derive` has it."""
        arm: list[Alarm] = []
        clear: list[Alarm] = []
        unknown: list[tuple[str, str]] = []
        for fault in self._touched:
            agreement = self.agreement(fault)
            lot = agreement.lot(self._faults[fault].opened.lot)
            derived = re_derive(self._faults[fault], lot, agreement.calendar, self.now, as_of)
            self._faults[fault] = derived.fault
            self._says += derived.says
            arm += derived.arm
            clear += derived.clear
            unknown += [(fault, clause) for clause in derived.unknown]
        faults = tuple(self._faults[fault] for fault in self._touched)
        return Ruling(self.watch, faults, tuple(self._says), tuple(arm), tuple(clear), tuple(unknown))

    def _open(self, found: Found) -> None:
        agreement, site = self.terms.agreement, self.terms.site
        fault = open_fault(found, agreement.id, agreement.version, self.terms.lot, site.id)
        self._faults[fault.id] = fault
        self._touched[fault.id] = None
        self._says.append(fault.opened)

    def _move(self, sign: Again | Gone) -> None:
        fault = self._faults[sign.fault]
        kind = FaultReopenedV1 if isinstance(sign, Again) else FaultResolvedV1
        step = kind(
            **identity_of(fault.opened),
            at=sign.at,
            by=f"rule:{sign.rule}",
            posted_at=self.now,
            evidence=sign.evidence,
        )
        self._change(recorded(fault, step), step)

    def _adjust(self, evidence: tuple[str, ...]) -> None:
        """Brings the pauses of all faults in line with the site's outages; those that pause others run on."""
        outages = outages_of(self.watch)
        for fault in list(self._faults.values()):
            if self._is_pausing(fault):
                continue
            steps = adjusted(fault, outages, self.watch.horizon, self.now, evidence)
            if steps:
                self._change(recorded(fault, *steps), *steps)

    def _is_pausing(self, fault: Fault) -> bool:
        agreement = self._versions[fault.opened.agreement_version]
        return kind_of(agreement.lot(fault.opened.lot), fault.opened.kind).pauses is not None

    def _change(self, fault: Fault, *steps: Step) -> None:
        self._faults[fault.id] = fault
        self._touched[fault.id] = None
        self._says += steps


def _found(seen: Seen, lot: Lot) -> Found:
    rule = next(rule for rule in lot.fault_rules if rule.id == seen.rule)
    return Found(
        fault=seen.fault,
        asset=seen.asset,
        kind=seen.kind,
        source=seen.source,
        since=seen.since,
        at=seen.at,
        rule=seen.rule,
        code=seen.code,
        evidence=seen.evidence,
        detail=str(rule.title),
    )
