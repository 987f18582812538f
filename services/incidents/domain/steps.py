"""What people may record of a fault, and when (W5). Times are event times; what comes late is welcome for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from contracts.events.incidents import FaultPausedV1, FaultResolvedV1, FaultResumedV1
from services.incidents.domain.fault import Fault, Step
from services.incidents.domain.pauses import stated
from services.incidents.domain.refusal import Refused
from services.incidents.rules.book import LATE_EVIDENCE
from services.incidents.rules.instants import ms_of
from services.incidents.rules.spans import holds

AHEAD = timedelta(minutes=2)
"""How far a phone's clock may be ahead of ours."""


def with_step(fault: Fault, step: Step, now: datetime, *, however_late: bool = False) -> Fault:
    """The fault with one step more. `however_late`: an administrator may say what happened long ago.

    Refused (422): the step lies ahead of `now` by more than two minutes, or before the first sign of the fault.
    Refused (409): it follows the resolution, the fault was closed more than 48 h ago, it lies more than 48 h back, it
    contradicts its pauses, or it is a resolution and the fault was still there after that time.
    """
    _check_time(fault, step, now)
    if fault.resolved is not None:
        _check_late(fault, step, fault.resolved, now)
    if not however_late:
        check_age(step.at, now)
    if isinstance(step, FaultPausedV1 | FaultResumedV1):
        _check_pause(fault, step)
    if isinstance(step, FaultResolvedV1):
        _check_over(fault, step)
    return recorded(fault, step)


def recorded(fault: Fault, *steps: Step) -> Fault:
    """The fault with these steps added, whoever made them."""
    after = fault.has(steps=(*fault.steps, *steps))
    return after.has(open=after.resolved is None)


def check_age(at: datetime, now: datetime) -> None:
    """Refused (409) where it lies more than 48 h back: nobody can check it any more."""
    if at < now - LATE_EVIDENCE:
        zh, en = (
            "该时间距今已超过48小时，只能由管理员补录",
            "More than 48 hours ago: only an administrator may record it",
        )
        raise Refused(409, "too-late", zh, en)


def _check_time(fault: Fault, step: Step, now: datetime) -> None:
    if step.at > now + AHEAD:
        raise Refused(422, "step-in-future", "该时间尚未到来", "This time has not come yet")
    if step.at < fault.opened.since:
        raise Refused(422, "step-before-fault", "该时间早于故障出现时间", "This time lies before the fault")


def _check_late(fault: Fault, step: Step, end: FaultResolvedV1, now: datetime) -> None:
    if isinstance(step, FaultResolvedV1):
        raise Refused(409, "already-resolved", "故障已关闭", "The fault is resolved already")
    if step.at > end.at:
        raise Refused(409, "step-after-resolution", "该时间晚于故障关闭时间", "This time lies after the resolution")
    if now > end.posted_at + LATE_EVIDENCE:
        zh, en = "故障关闭已超过48小时，不能再补录", "The fault was closed more than 48 hours ago"
        raise Refused(409, "closed-for-good", zh, en)


def _check_over(fault: Fault, step: FaultResolvedV1) -> None:
    if fault.reopened_at is not None and step.at <= fault.reopened_at:
        raise still_there()


def still_there() -> Refused:
    """What readings or a reopening say against a resolution."""
    return Refused(409, "still-there", "该时间之后故障仍在", "The fault was still there after this time")


def _check_pause(fault: Fault, step: FaultPausedV1 | FaultResumedV1) -> None:
    is_paused = holds(stated(fault).get(step.reason, []), ms_of(step.at))
    if isinstance(step, FaultPausedV1) and is_paused:
        raise Refused(409, "already-paused", "计时已因该原因暂停", "The clock is paused for this reason already")
    if isinstance(step, FaultResumedV1) and not is_paused:
        raise Refused(409, "not-paused", "计时未因该原因暂停", "The clock is not paused for this reason")
