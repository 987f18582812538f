"""What notify makes of what it hears, over twins in memory: storms, quiet hours, tries, receipts, lost commits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from contracts.events.notify import NoticeDeliveredV1, NoticeFailedV1, NoticeRequestedV1, NoticeSentV1
from infra.runtime.ears import Wake
from services.notify.api import _take
from services.notify.channels.memory import MemoryGateway, MemoryMail
from services.notify.channels.ports import Sms
from services.notify.counter import Counter
from services.notify.domain.directory import Directory
from services.notify.domain.messages import Report
from services.notify.domain.outcomes import Handed, Refused
from services.notify.domain.patience import Patience
from services.notify.domain.storm import Window
from services.notify.handovers import Handovers
from tests.notify import town
from tests.notify.desk import Desk, desk_with

BUSY, NEVER = Refused(permanent=False, reason="503"), Refused(permanent=True, reason="404")
ANN = Directory(people=(town.PEOPLE[0],))
ONE_ROUTE = town.route("opened", "FaultOpened", town.ENGINEERS, "fault-opened", channels=("sms",))
SMS_ONLY = town.NOTICES.model_copy(update={"routes": (ONE_ROUTE,)})
MAIL_ONLY = town.NOTICES.model_copy(update={"routes": (ONE_ROUTE.model_copy(update={"channels": ("email",)}),)})


def counter() -> Counter:
    return Counter(MemoryGateway(), MemoryMail(), Patience())


class EagerGateway(MemoryGateway):
    """Does something between taking a message and answering."""

    then: Callable[[], Awaitable[None]] | None = None

    async def send(self, message: Sms) -> Handed | Refused:
        outcome = await super().send(message)
        if self.then:
            await self.then()
        return outcome


async def ann() -> tuple[Desk, EagerGateway]:
    """A desk that tells one person by SMS, and her gateway."""
    gateway = EagerGateway()
    return await desk_with(Counter(gateway, MemoryMail()), SMS_ONLY, directory=ANN), gateway


async def report(desk: Desk, notice: str, kind: Report) -> None:
    """The gateway's report, as the API takes it."""
    page = desk.page()
    entry = page.entry(f"act|{kind}", "take_receipt", "act")
    await _take(notice, kind, entry)
    page.accept(entry)
    await desk.commit(page)


async def test_fault_tells_group_by_both_ways() -> None:
    both = counter()
    desk = await desk_with(both)
    await desk.hear(town.opened(), "e-1")
    await desk.fire()
    assert isinstance(both.sms, MemoryGateway)
    assert isinstance(both.mail, MemoryMail)
    assert sorted(one.to for one in both.sms.taken.values()) == ["19900000001", "19900000002"]
    assert sorted(one.to for one in both.mail.taken.values()) == ["ann@example.com", "boss@example.com"]
    assert len(desk.said_of(NoticeRequestedV1)) == len(desk.said_of(NoticeSentV1)) == 4


async def test_every_event_type_tells_somebody() -> None:
    desk = await desk_with(counter())
    faults = (town.opened(), town.resolved(), town.warned(), town.breached(), town.withdrawn())
    for number, event in enumerate((*faults, town.missed(), town.settled())):
        before = len(desk.messages)
        await desk.hear(event, f"e-{number}")
        assert len(desk.messages) > before


async def test_fifty_faults_become_four_messages() -> None:
    desk, gateway = await ann()
    for number in range(50):
        await desk.hear(town.opened(fault=f"fault-{number}"), f"e-{number}")
    await desk.fire(town.NOON + timedelta(minutes=9))
    assert len(gateway.taken) == 3
    await desk.fire(town.NOON + timedelta(minutes=10))
    assert len(gateway.taken) == 4
    assert "另有47条通知合并" in list(gateway.taken.values())[-1].text
    requested = desk.said_of(NoticeRequestedV1)
    assert [event.bundled for event in requested if isinstance(event, NoticeRequestedV1)] == [1, 1, 1, 47]
    assert len(desk.in_state("bundled")) == 47
    assert not [key for key in desk.states if key[0] is Window]


async def test_one_held_message_goes_unbundled() -> None:
    desk, gateway = await ann()
    for number in range(4):
        await desk.hear(town.opened(fault=f"fault-{number}"), f"e-{number}")
    await desk.fire(town.NOON + timedelta(minutes=10))
    assert len(gateway.taken) == 4
    assert not [one for one in gateway.taken.values() if "合并" in one.text]


async def test_quiet_hours_wait_then_storm_counts() -> None:
    with_gateway = counter()
    night = town.beijing("2026-03-05T23:00")
    desk = await desk_with(with_gateway, SMS_ONLY, directory=ANN, now=night)
    for number in range(5):
        await desk.hear(town.opened(fault=f"fault-{number}"), f"e-{number}")
    await desk.fire(town.beijing("2026-03-06T06:59"))
    assert isinstance(with_gateway.sms, MemoryGateway)
    assert not with_gateway.sms.taken
    assert not desk.said_of(NoticeRequestedV1)
    await desk.fire(town.beijing("2026-03-06T07:00"))
    assert len(with_gateway.sms.taken) == 3
    await desk.fire(town.beijing("2026-03-06T07:10"))
    assert len(with_gateway.sms.taken) == 4


async def test_critical_fault_breaks_the_quiet() -> None:
    with_gateway = counter()
    desk = await desk_with(with_gateway, SMS_ONLY, directory=ANN, now=town.beijing("2026-03-05T23:00"))
    await desk.hear(town.opened(severity="critical"), "e-1")
    await desk.fire()
    assert isinstance(with_gateway.sms, MemoryGateway)
    assert len(with_gateway.sms.taken) == 1


async def test_lost_commit_does_not_send_twice() -> None:
    desk, gateway = await ann()
    await desk.hear(town.opened(), "e-1")
    desk.commits_lost = 3
    await desk.fire()
    assert (len(gateway.taken), gateway.repeats) == (1, 0)
    assert (desk.messages[0].state, desk.messages[0].attempts) == ("handed", 1)


async def test_crash_after_handover_repeats_the_key() -> None:
    """A new process has no memory of the hand-over: the gateway's own memory of the key keeps it single."""
    with_gateway = counter()
    desk = await desk_with(with_gateway, SMS_ONLY, directory=ANN)
    await desk.hear(town.opened(), "e-1")
    await desk.sort()
    (message,) = desk.messages
    assert isinstance(with_gateway.sms, MemoryGateway)
    page = desk.page()
    entry = page.entry("send", "send", "send")
    await with_gateway.send_message_when_due(Wake("send", message.id, town.NOON), entry)  # and the process dies here
    with_gateway.handovers = Handovers()
    await desk.fire()
    assert (len(with_gateway.sms.taken), with_gateway.sms.repeats) == (1, 1)
    assert desk.messages[0].state == "handed"


async def test_report_overtakes_the_commit() -> None:
    """The report comes while the hand-over is not remembered yet: the page conflicts, and both count."""
    desk, gateway = await ann()
    await desk.hear(town.opened(), "e-1")
    (message,) = desk.messages
    gateway.then = lambda: report(desk, message.id, "delivered")
    await desk.fire()
    assert desk.messages[0].state == "delivered"
    assert (len(gateway.taken), gateway.repeats) == (1, 0)
    assert len(desk.said_of(NoticeSentV1)) == len(desk.said_of(NoticeDeliveredV1)) == 1


async def test_report_proves_a_lost_answer() -> None:
    desk, gateway = await ann()
    gateway.refusals.append(BUSY)
    await desk.hear(town.opened(), "e-1")
    await desk.fire()
    await report(desk, desk.messages[0].id, "delivered")
    await desk.fire()
    assert desk.messages[0].state == "delivered"
    assert not gateway.taken


async def test_report_after_handover_delivers_once() -> None:
    desk, _ = await ann()
    await desk.hear(town.opened(), "e-1")
    await desk.fire()
    for kind in ("underway", "delivered", "delivered", "undelivered"):
        await report(desk, desk.messages[0].id, kind)
    assert desk.messages[0].state == "delivered"
    assert len(desk.said_of(NoticeDeliveredV1)) == 1


async def test_person_without_phone_fails_visibly() -> None:
    nobody = town.PEOPLE[0].model_copy(update={"phones": ()})
    desk = await desk_with(counter(), SMS_ONLY, directory=Directory(people=(nobody,)))
    await desk.hear(town.opened(), "e-1")
    await desk.fire()
    (failed,) = desk.said_of(NoticeFailedV1)
    assert isinstance(failed, NoticeFailedV1)
    assert failed.reason == "no sms address in the directory"
