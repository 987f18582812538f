"""One message per cause and person: what one reading makes is told together, whatever batch each event came in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.event import Event
from contracts.events.notify import NoticeRequestedV1
from infra.runtime.ears import Wake
from infra.runtime.ledger import Conflict
from services.notify.channels.memory import MemoryGateway, MemoryMail
from services.notify.counter import Counter
from services.notify.domain.directory import Directory
from services.notify.domain.messages import JOINED
from services.notify.domain.tray import Tray, laid, origin_of, sheaf_key, tray_and_origin
from tests.notify import town
from tests.notify.desk import Desk, desk_with
from tests.notify.test_handlers import ANN, SMS_ONLY

WAIT = timedelta(seconds=1)


async def ann(**more: Any) -> tuple[Desk, MemoryGateway]:
    """A desk that tells one person by SMS, and waits a second for others of a cause."""
    gateway = MemoryGateway()
    return await desk_with(Counter(gateway, MemoryMail()), SMS_ONLY, directory=ANN, join=WAIT, **more), gateway


def faults(count: int, **more: Any) -> list[tuple[Event, str]]:
    """Faults that one reading opened, each with the id of its event."""
    return [(town.opened(fault=f"fault-{number}", **more), f"e-{number}") for number in range(count)]


def texts(gateway: MemoryGateway) -> list[str]:
    return [one.text for one in gateway.taken.values()]


def told(desk: Desk) -> list[str]:
    """The causes that went out, each as often as it was told: by itself or as a part of another message."""
    gone = {message.id for message in desk.messages if message.state in ("handed", "delivered")}
    return sorted(
        message.cause
        for message in desk.messages
        if message.cause.startswith("e-") and (message.id in gone or message.bundle in gone)
    )


async def test_three_faults_of_reading_ring_once() -> None:
    desk, gateway = await ann()
    await desk.hear_all(faults(3), "reading-1")
    await desk.fire(town.NOON + WAIT)
    (text,) = texts(gateway)
    assert text.splitlines()[0] == "【值守单】相关通知共3条："
    assert [line[:3] for line in text.splitlines()[1:]] == ["1. ", "2. ", "3. "]
    (requested,) = desk.said_of(NoticeRequestedV1)
    assert isinstance(requested, NoticeRequestedV1)
    assert (requested.bundled, requested.template) == (3, JOINED)
    assert told(desk) == ["e-0", "e-1", "e-2"]


async def test_batches_within_wait_ring_once() -> None:
    desk, gateway = await ann()
    for event, cause in faults(3):
        await desk.hear(event, cause, "reading-1")
        await desk.fire(desk.time + timedelta(milliseconds=300))
    await desk.fire(town.NOON + WAIT)
    assert (len(texts(gateway)), told(desk)) == (1, ["e-0", "e-1", "e-2"])


async def test_latecomer_goes_in_another_message() -> None:
    desk, gateway = await ann()
    first, second, third = faults(3)
    await desk.hear_all([first, second], "reading-1")
    await desk.fire(town.NOON + WAIT)
    await desk.hear(*third, "reading-1")
    await desk.fire(town.NOON + timedelta(minutes=1))
    assert (len(texts(gateway)), told(desk)) == (2, ["e-0", "e-1", "e-2"])
    assert "fault-0" not in texts(gateway)[1]


async def test_redelivered_batch_adds_nothing() -> None:
    desk, gateway = await ann()
    await desk.hear_all(faults(2), "reading-1")
    await desk.hear_all(faults(3), "reading-1")
    await desk.fire(town.NOON + WAIT)
    await desk.hear_all(faults(3), "reading-1")
    await desk.fire(town.NOON + timedelta(hours=1))
    assert (len(texts(gateway)), told(desk)) == (1, ["e-0", "e-1", "e-2"])


async def test_urgent_notice_takes_others_along_at_once() -> None:
    desk, gateway = await ann()
    minor, critical = faults(1)[0], (town.opened(fault="urgent", severity="critical"), "e-9")
    await desk.hear_all([minor, critical], "reading-1")
    await desk.fire(town.NOON)
    (text,) = texts(gateway)
    assert text.startswith("【值守单】相关通知共2条，其中紧急1条：")
    assert told(desk) == ["e-0", "e-9"]


async def test_urgent_notice_alone_waits_for_nothing() -> None:
    desk, gateway = await ann()
    await desk.hear(town.opened(severity="critical"), "e-1", "reading-1")
    await desk.fire(town.NOON)
    assert len(texts(gateway)) == 1


async def test_other_readings_ring_by_themselves() -> None:
    desk, gateway = await ann()
    for number, (event, cause) in enumerate(faults(3)):
        await desk.hear(event, cause, f"reading-{number}")
    await desk.fire(town.NOON + WAIT)
    assert not [text for text in texts(gateway) if "相关通知" in text]
    assert len(texts(gateway)) == 3


async def test_each_person_and_way_is_joined_alone() -> None:
    gateway, mail = MemoryGateway(), MemoryMail()
    desk = await desk_with(Counter(gateway, mail), join=WAIT)
    await desk.hear_all(faults(2), "reading-1")
    await desk.fire(town.NOON + WAIT)
    assert sorted(one.to for one in gateway.taken.values()) == ["19900000001", "19900000002"]
    assert sorted(one.to for one in mail.taken.values()) == ["ann@example.com", "boss@example.com"]
    assert {one.subject for one in mail.taken.values()} == {
        "[相关通知 2 条] 木兰湖站 PM2.5 分析仪 数据中断 等 / 2 related notices: Mulan Lake, PM2.5 monitor: No data, ..."
    }


async def test_night_is_joined_in_the_morning() -> None:
    desk, gateway = await ann(now=town.beijing("2026-03-05T23:00"))
    await desk.hear_all(faults(3), "reading-1")
    await desk.fire(town.beijing("2026-03-06T06:59"))
    assert not texts(gateway)
    await desk.fire(town.beijing("2026-03-06T07:01"))
    assert (len(texts(gateway)), told(desk)) == (1, ["e-0", "e-1", "e-2"])


async def test_joined_message_counts_once_in_storm() -> None:
    desk, gateway = await ann()
    for reading in range(5):
        pairs = [(town.opened(fault=f"f{reading}-{n}"), f"e-{reading}-{n}") for n in range(2)]
        await desk.hear_all(pairs, f"reading-{reading}")
    await desk.fire(town.NOON + WAIT)
    assert len(texts(gateway)) == 3
    await desk.fire(town.NOON + timedelta(minutes=11))
    assert len(texts(gateway)) == 4
    assert "另有4条通知合并" in texts(gateway)[3]
    assert len(told(desk)) == len(set(told(desk))) == 10


async def test_breach_is_not_joined_to_its_opening() -> None:
    """Both have the same first cause, hours apart; on a conducted clock they may be heard at one moment."""
    assert origin_of(town.opened(), "r-1") != origin_of(town.breached(), "r-1")
    assert origin_of(town.missed(), "agreement") == origin_of(town.settled(), "agreement") == ""


@pytest.mark.parametrize("origin", ["r-1@2026-03-05T04:00:00+00:00", "act|keeper|supplier|ann|key@2026-03-05"])
def test_timer_key_leads_back_to_sheaf(origin: str) -> None:
    assert tray_and_origin(sheaf_key("ann|sms", origin)) == ("ann|sms", origin)


def test_tray_keeps_other_sheaves() -> None:
    tray, _ = laid(Tray(id="ann|sms"), "a", "n-1", False, town.NOON, WAIT)
    tray, _ = laid(tray, "b", "n-2", False, town.NOON, WAIT)
    tray, sheaf = laid(tray, "a", "n-3", False, town.NOON + WAIT / 2, WAIT)
    assert (sheaf.notices, sheaf.goes) == (("n-1", "n-3"), town.NOON + WAIT)
    assert [one.origin for one in tray.without("a").sheaves] == ["b"]


async def test_sheaf_taken_twice_goes_once() -> None:
    desk, gateway = await ann()
    await desk.hear_all(faults(2), "reading-1")
    (key,) = [key for _, name, key in desk.timers.values() if name == "join"]
    await desk.fire(town.NOON + WAIT)
    desk.timers["again"] = (desk.time, "join", key)
    await desk.fire(town.NOON + timedelta(hours=1))
    assert (len(texts(gateway)), gateway.repeats) == (1, 0)


async def test_latecomer_to_taken_sheaf_meets_a_conflict() -> None:
    """Two instances: one takes the sheaf out while the other lays a notice in; the second has to look again."""
    desk, _ = await ann()
    first, second = faults(2)
    await desk.hear(*first, "reading-1")
    (join,) = [(key, due) for due, name, key in desk.timers.values() if name == "join"]
    taking = desk.page()
    entry = taking.entry("timer", "join", "reading-1")
    await desk.ears.wakings["join"].handler(Wake("join", *join), entry)
    taking.accept(entry)
    await desk.hear(*second, "reading-1")
    with pytest.raises(Conflict, match="Tray"):
        await desk.commit(taking)


async def test_person_without_contacts_is_joined_too() -> None:
    gateway = MemoryGateway()
    desk = await desk_with(Counter(gateway, MemoryMail()), SMS_ONLY, directory=ANN, join=WAIT)
    await desk.hear_all(faults(2), "reading-1")
    desk._put(Directory())
    await desk.fire(town.NOON + WAIT)
    assert [message.state for message in desk.messages if message.template == JOINED] == ["failed"]
