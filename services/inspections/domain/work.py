"""The work that a post tells of: whether it answers the check-list, and what is kept of it (W4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from contracts.agreements.plans import InspectionPlan
from contracts.agreements.sites import Site
from contracts.events.inspections import ItemResult, Position
from contracts.values import Words
from services.inspections.domain.refusal import Flaw, Refused
from services.inspections.domain.task import Doubt, Result, Task
from services.inspections.domain.timing import Readings, Timing, timing_of


@dataclass(frozen=True, slots=True)
class Work:
    """What somebody says was done. `photos`: SHA-256 digests."""

    by: str
    items: tuple[ItemResult, ...]
    photos: tuple[str, ...]
    position: Position | None
    readings: Readings


def result_of(task: Task, work: Work, since: datetime, now: datetime, *, seen_before: bool) -> Result:
    """What is kept of the work; `Refused` 422 where its time cannot be. `seen_before`: a photo, on another task."""
    timing = timing_of(work.readings, now, since)
    return Result(
        by=work.by,
        done_at=timing.done,
        posted_at=now,
        in_window=task.is_inside(timing.done),
        items=work.items,
        photos=work.photos,
        position=work.position,
        device_time=work.readings.done_wall,
        device_offset_seconds=_seconds(timing),
        doubts=tuple(_doubts(task, timing, now, seen_before)),
    )


def check_work(work: Work, plan: InspectionPlan, site: Site) -> None:
    """`Refused` 422, with every flaw, when an item is not answered or unknown, or evidence is missing."""
    flaws = (*_item_flaws(work.items, plan), *_asset_flaws(work.items, site), *_evidence_flaws(work, plan))
    if flaws:
        words = Words(zh="检查表或佐证不完整", en="The check-list or its evidence is not complete")
        raise Refused(422, "unfit-result", words, flaws)


def _seconds(timing: Timing) -> Decimal | None:
    return None if timing.offset is None else Decimal(round(timing.offset.total_seconds() * 1000)) / 1000


def _doubts(task: Task, timing: Timing, now: datetime, seen_before: bool) -> Iterator[Doubt]:
    inside = task.is_inside(timing.done)
    if not inside:
        yield "outside-window"
    if seen_before:
        yield "photo-seen-before"
    if timing.clock_changed:
        yield "clock-changed"
    if inside and now > task.closes and not timing.proven:
        yield "unproven-time"


def _item_flaws(items: tuple[ItemResult, ...], plan: InspectionPlan) -> Iterator[Flaw]:
    """An item may be answered once for each asset."""
    known = {item.id for item in plan.items}
    answered = Counter((result.item, result.asset) for result in items)
    for item in plan.items:
        if not any(result.item == item.id for result in items):
            yield Flaw(f"items.{item.id}", Words(zh=f"{item.title.zh}：需作答", en=f"{item.title.en}: an answer"))
    for (id, _), times in answered.items():
        if id not in known:
            yield Flaw(f"items.{id}", Words(zh="本检查表的项目", en=f"an item of the list: {', '.join(sorted(known))}"))
        elif times > 1:
            yield Flaw(f"items.{id}", Words(zh="只作答一次", en="one answer"))


def _asset_flaws(items: tuple[ItemResult, ...], site: Site) -> Iterator[Flaw]:
    known = {None, site.id, *(asset.id for asset in site.assets)}
    for result in items:
        if result.asset not in known:
            yield Flaw(f"items.{result.item}.asset", Words(zh="本站点的设备", en=f"an asset of {site.id}"))


def _evidence_flaws(work: Work, plan: InspectionPlan) -> Iterator[Flaw]:
    wanted = plan.evidence
    least = wanted.photos
    if len(set(work.photos)) < least:
        yield Flaw("photos", Words(zh=f"至少 {least} 张不同照片", en=f"at least {least} different photos"))
    if wanted.position and work.position is None:
        yield Flaw("position", Words(zh="手机定位", en="the position of the phone"))
