"""Proofs: what an id in the evidence stands for, unfolded down to the readings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from contracts.events.assets import AgreementPublishedV1, ReadingReceivedV1
from contracts.events.event import Event
from contracts.events.incidents import (
    FaultAcknowledgedV1,
    FaultAnalysedV1,
    FaultArrivedV1,
    FaultEvent,
    FaultOpenedV1,
    FaultPausedV1,
    FaultReopenedV1,
    FaultResolvedV1,
    FaultResumedV1,
    SlaBreachedV1,
    SlaBreachWithdrawnV1,
    SlaEvent,
    SlaWarnedV1,
    SpareInstalledV1,
)
from contracts.events.inspections import InspectionDoneV1, InspectionDueV1, InspectionEvent, InspectionMissedV1
from contracts.events.measured import Measured
from contracts.values import Words
from services.scoring.hours import as_they_count
from services.scoring.recorded import Recorded, in_order
from services.scoring.span import SHANGHAI
from services.scoring.tree import Branch

STEPS: dict[type[Event], Words] = {
    FaultOpenedV1: Words(zh="故障发生", en="Fault opened"),
    FaultAcknowledgedV1: Words(zh="已响应", en="Acknowledged"),
    FaultArrivedV1: Words(zh="已到场", en="On site"),
    SpareInstalledV1: Words(zh="已换备机", en="Spare installed"),
    FaultAnalysedV1: Words(zh="已查明原因", en="Cause reported"),
    FaultPausedV1: Words(zh="计时暂停", en="Clock paused"),
    FaultResumedV1: Words(zh="计时恢复", en="Clock resumed"),
    FaultResolvedV1: Words(zh="已解决", en="Resolved"),
    FaultReopenedV1: Words(zh="未消除，重新打开，此前的解决不成立", en="Still there: open again, resolved no longer"),
    SlaWarnedV1: Words(zh="临近时限", en="Deadline near"),
    SlaBreachedV1: Words(zh="超过时限", en="Deadline missed"),
    SlaBreachWithdrawnV1: Words(zh="撤销超时", en="Breach withdrawn"),
    InspectionDueV1: Words(zh="任务下达", en="Task due"),
    InspectionDoneV1: Words(zh="任务完成", en="Task done"),
    InspectionMissedV1: Words(zh="任务漏做", en="Task missed"),
}

ELSEWHERE = Words(zh="该读数由站点数据保存，见其报文", en="Kept with the stations' data: see its frame")
MISSING = Words(zh="不在本次证据内", en="Not in these records")


class Proofs:
    """The recorded events, to be looked up by whatever evidence names them with."""

    def __init__(self, events: Iterable[Recorded]) -> None:
        self._events = in_order(events)
        self._by_id = {known.id: known.event for known in self._events}

    @cached_property
    def _readings(self) -> dict[str, ReadingReceivedV1]:
        """By natural key: what came in several packets, or was released later, put together."""
        found: dict[str, ReadingReceivedV1] = {}
        for reading in as_they_count(known.event for known in self._events):
            before = found.get(reading.reading, reading)
            values = before.values | reading.values if reading.released_from else reading.values | before.values
            found[reading.reading] = before.model_copy(update={"values": values})
        return found

    @cached_property
    def _threads(self) -> dict[str, list[Recorded]]:
        """The events of one fault or one task, in the order in which they became true."""
        threads: dict[str, list[Recorded]] = defaultdict(list)
        for known in sorted(self._events, key=lambda known: known.event.at):
            if isinstance(known.event, FaultEvent | InspectionEvent):
                threads[known.event.key].append(known)
        return threads

    @cached_property
    def plans(self) -> dict[str, Words]:
        """The names of the inspection plans, from the agreements among the events."""
        published = [known.event for known in self._events if isinstance(known.event, AgreementPublishedV1)]
        return {plan.id: plan.title for event in published for lot in event.document.lots for plan in lot.plans}

    def published(self, agreement: str, version: int) -> AgreementPublishedV1 | None:
        """The published agreement, if it is among the events."""
        for known in self._events:
            event = known.event
            if isinstance(event, AgreementPublishedV1) and (event.agreement, event.version) == (agreement, version):
                return event
        return None

    def proof_of(self, id: str) -> Branch:
        """What this id stands for: a breach with its fault, a fault with its steps, a task, a reading, a gap,
        or the agreement."""
        event = self._by_id.get(id)
        match event:
            case SlaEvent():
                title = _joined(STEPS[type(event)], event.title)
                return Branch(id=id, kind="breach", title=title, at=event.at, branches=(self._fault(event.fault),))
            case FaultEvent():
                return self._fault(event.fault)
            case InspectionEvent():
                return self._task(event)
            case ReadingReceivedV1():
                return self._reading(event.reading)
            case AgreementPublishedV1():
                title = Words(zh=f"协议第 {event.version} 版", en=f"Agreement, version {event.version}")
                return Branch(id=id, kind="agreement", title=title, at=event.at)
        return self._reading(id)

    def _fault(self, fault: str) -> Branch:
        thread = self._threads.get(fault, [])
        titles = [known.event.title for known in thread if isinstance(known.event, FaultOpenedV1)]
        title = _joined(Words(zh="故障", en="Fault"), titles[0] if titles else Words(zh=fault, en=fault))
        return Branch(id=fault, kind="fault", title=title, branches=tuple(map(self._step, thread)))

    def _step(self, known: Recorded) -> Branch:
        event = known.event
        title = STEPS.get(type(event), Words(zh=event.type(), en=event.type()))
        if isinstance(event, SlaEvent):
            title = _joined(title, event.title)
        causes = event.evidence if isinstance(event, FaultOpenedV1) else ()
        return Branch(id=known.id, kind="step", title=title, at=event.at, branches=tuple(map(self._cause, causes)))

    def _cause(self, id: str) -> Branch:
        """What opened a fault: readings, or a task, by the id of the task itself."""
        thread = self._threads.get(id)
        if thread and isinstance(thread[0].event, InspectionEvent):
            return self._task(thread[0].event)
        return self._reading(id)

    def _task(self, event: InspectionEvent) -> Branch:
        plan = self.plans.get(event.plan, Words(zh=event.plan, en=event.plan))
        window = f"{_local(event.opens)}—{_local(event.closes)}"
        title = Words(zh=f"任务：{plan.zh}（{window}）", en=f"Task: {plan.en} ({window})")
        steps = tuple(map(self._work, self._threads.get(event.task, [])))
        return Branch(id=event.task, kind="task", title=title, branches=steps)

    def _work(self, known: Recorded) -> Branch:
        title = STEPS.get(type(known.event), Words(zh=known.event.type(), en=known.event.type()))
        if isinstance(known.event, InspectionDoneV1):
            failed = ", ".join(result.item for result in known.event.items if not result.ok)
            title = _joined(title, Words(zh=f"不合格 {failed}", en=f"failed {failed}")) if failed else title
        return Branch(id=known.id, kind="step", title=title, at=known.event.at)

    def _reading(self, key: str) -> Branch:
        if key in self._readings:
            reading = self._readings[key]
            shown = ", ".join(_shown(code, measured) for code, measured in sorted(reading.values.items()))
            title = Words(zh=f"读数：{shown}", en=f"Reading: {shown}")
            return Branch(id=key, kind="reading", title=title, at=reading.time)
        if "/hour/" in key:
            return Branch(id=key, kind="gap", title=Words(zh="无小时值", en="No hour value"))
        is_reading = any(f"/{kind}/" in key for kind in ("realtime", "minute", "day"))
        return Branch(id=key, kind="unknown", title=ELSEWHERE if is_reading else MISSING)


def _shown(code: str, measured: Measured) -> str:
    return f"{code}={'—' if measured.value is None else measured.value} {measured.flag}"


def _joined(first: Words, second: Words) -> Words:
    return Words(zh=f"{first.zh}：{second.zh}", en=f"{first.en}: {second.en}")


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%m-%d %H:%M}"
