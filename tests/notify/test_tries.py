"""Tries to hand a message over: a gateway that is away, a wrong account, a refusal for good, each try once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from contracts.events.notify import NoticeFailedV1
from services.notify.channels.memory import MemoryGateway, MemoryMail
from services.notify.channels.ports import Sms
from services.notify.counter import Counter
from services.notify.domain.outcomes import Handed, Refused
from services.notify.handovers import Handovers
from tests.notify import town
from tests.notify.desk import Desk, desk_with
from tests.notify.test_handlers import ANN, BUSY, NEVER, SMS_ONLY, ann

LOCKED_OUT = Refused(permanent=False, reason="403 Authorization failed", account=True)


class AwayGateway(MemoryGateway):
    """Refuses everything while `desk` shows a time before `back`."""

    desk: Desk
    back = town.NOON

    async def send(self, message: Sms) -> Handed | Refused:
        return BUSY if self.desk.time < self.back else await super().send(message)


async def test_night_without_gateway_loses_nothing() -> None:
    gateway = AwayGateway()
    desk = await desk_with(Counter(gateway, MemoryMail()), SMS_ONLY, directory=ANN)
    gateway.desk, gateway.back = desk, town.NOON + timedelta(hours=9)
    await desk.hear(town.opened(), "e-1")
    await desk.fire(town.NOON + timedelta(hours=10))
    assert (desk.messages[0].state, len(gateway.taken), gateway.repeats) == ("handed", 1, 0)
    handed = desk.messages[0].history[-1].at
    assert gateway.back <= handed <= gateway.back + timedelta(minutes=30)
    assert not desk.said_of(NoticeFailedV1)


async def test_day_without_gateway_ends_in_failure() -> None:
    gateway = AwayGateway()
    desk = await desk_with(Counter(gateway, MemoryMail()), SMS_ONLY, directory=ANN)
    gateway.desk, gateway.back = desk, town.NOON + timedelta(days=2)
    await desk.hear(town.opened(), "e-1")
    await desk.fire(town.NOON + timedelta(hours=24) - timedelta(milliseconds=1))
    assert not desk.said_of(NoticeFailedV1)
    await desk.fire(town.NOON + timedelta(days=3))
    (failed,) = desk.said_of(NoticeFailedV1)
    assert isinstance(failed, NoticeFailedV1)
    assert (failed.attempts, failed.permanent, failed.reason) == (54, False, "503")
    assert (desk.messages[0].history[-1].at, gateway.taken) == (town.NOON + timedelta(hours=24), {})


async def test_wrong_password_is_retried_and_logged() -> None:
    desk, gateway = await ann()
    gateway.refusals.extend([LOCKED_OUT, LOCKED_OUT])
    await desk.hear(town.opened(), "e-1")
    with structlog.testing.capture_logs() as lines:
        await desk.fire(town.NOON + timedelta(hours=1))
    errors = [line for line in lines if line["log_level"] == "error"]
    assert [(line["event"], line["channel"], line["reason"]) for line in errors] == [
        ("provider refuses our account", "sms", "403 Authorization failed")
    ] * 2
    assert (desk.messages[0].state, len(gateway.taken)) == ("handed", 1)
    assert not desk.said_of(NoticeFailedV1)


async def test_refusal_for_good_ends_at_once() -> None:
    desk, gateway = await ann()
    gateway.refusals.append(NEVER)
    await desk.hear(town.opened(), "e-1")
    await desk.fire(town.NOON + timedelta(hours=1))
    assert (desk.messages[0].state, desk.messages[0].attempts, gateway.taken) == ("failed", 1, {})


async def test_try_is_made_once_by_many() -> None:
    handovers, calls = Handovers(), list[int]()

    async def hand_over() -> Refused:
        calls.append(1)
        await asyncio.sleep(0)
        return BUSY

    outcomes = await asyncio.gather(*(handovers.once(("n", 0), hand_over) for _ in range(5)))
    assert (outcomes, len(calls)) == ([BUSY] * 5, 1)
    await handovers.once(("n", 1), hand_over)
    assert len(calls) == 2


async def test_handovers_forget_the_oldest() -> None:
    handovers = Handovers(most=2)

    async def hand_over() -> Refused:
        return BUSY

    for number in range(3):
        await handovers.once(("n", number), hand_over)
    assert [handovers.knows(("n", number)) for number in range(3)] == [False, True, True]
