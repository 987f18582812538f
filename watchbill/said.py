"""What was said of a month and is no evidence for its score: scores, settlements, notices, and what was refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from contracts.events.assets import ReadingPartReceivedV1, ReadingRejectedV1
from contracts.events.catalog import OWNERS
from contracts.events.event import Event
from infra.runtime import bus
from infra.runtime.connections import kafka_options
from infra.runtime.letters import Letter, open_record
from infra.runtime.settings import RuntimeSettings
from services.scoring.domain import Recorded
from services.scoring.span import first_day, midnight, month_after
from watchbill.addresses import AWAY, Addresses, fail
from watchbill.exported import Line, line_of

PARTS: tuple[type[Event], ...] = (ReadingPartReceivedV1,)
OTHERS: tuple[type[Event], ...] = (*OWNERS["scoring"], *OWNERS["notify"], ReadingRejectedV1)


def said_in(addresses: Addresses, month: str, parts: bool) -> Iterator[Line]:
    """These events of a month by the time they became true, each once, as far back as the broker keeps its streams;
    the parts of uploads too where they are wanted."""
    settings, wanted = RuntimeSettings(kafka_servers=addresses.kafka), (*OTHERS, *(PARTS if parts else ()))
    try:
        letters = asyncio.run(_letters(settings, wanted))
    except KafkaError as error:
        raise fail(
            "Kafka 没有应答，请用 watchbill doctor 查看", "Kafka does not answer: see `watchbill doctor`", AWAY
        ) from error
    known = {letter.id: letter for letter in letters}
    for letter in sorted(known.values(), key=lambda one: (_event(one).at, one.id)):
        if is_of(_event(letter), month):
            yield line_of(Recorded(letter.id, _event(letter)), letter.attributes["ce_time"])


def is_of(event: Event, month: str) -> bool:
    """A score is of the month that it scores, whenever it is said; everything else of the month it happened in."""
    scored: str | None = getattr(event, "month", None)
    return (
        scored == month if scored else midnight(first_day(month)) <= event.at < midnight(first_day(month_after(month)))
    )


def _event(letter: Letter) -> Event:
    assert letter.event is not None
    return letter.event


async def _letters(settings: RuntimeSettings, wanted: Sequence[type[Event]]) -> list[Letter]:
    """All letters of these types that can be read."""
    topics, types = {settings.streams + event.TOPIC for event in wanted}, {event.type() for event in wanted}
    ends = {_partition(where): end + 1 for where, end in (await bus.ends(settings)).items()}
    stretch = {where: end for where, end in ends.items() if where.topic in topics}
    consumer = AIOKafkaConsumer(**kafka_options(settings), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    found: list[Letter] = []
    try:
        consumer.assign(list(stretch))
        await consumer.seek_to_beginning()
        while any([await consumer.position(where) < end for where, end in stretch.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [open_record(record) for record in records if _type(record) in types]
    finally:
        await consumer.stop()
    return [letter for letter in found if letter.event is not None]


def _partition(where: str) -> TopicPartition:
    topic, _, partition = where.rpartition("/")
    return TopicPartition(topic, int(partition))


def _type(record: Any) -> str:
    headers: dict[str, bytes] = dict(record.headers or ())
    return headers.get("ce_type", b"").decode(errors="replace")
