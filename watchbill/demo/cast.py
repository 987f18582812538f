"""The cast: the supplier's engineers, and when each does what. Data of the demo, nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from contracts.values import Words
from infra.local.simulator.april import STORY, Chapter, troubles
from infra.local.simulator.troubles import AnyTrouble

ZONE = ZoneInfo("Asia/Shanghai")
Step = Literal["acknowledgement", "arrival", "resolution"]


@dataclass(frozen=True, slots=True)
class Habit:
    """How long after a fault opened its engineer acknowledges, arrives and resolves; `posted` later than done."""

    acknowledges: timedelta = timedelta(minutes=15)
    arrives: timedelta = timedelta(minutes=80)
    resolves: timedelta | None = timedelta(minutes=170)
    posted: timedelta = timedelta(0)
    note: str = "现场检查后恢复 / checked on site, back to normal"


HABITS: Mapping[tuple[str, str], Habit] = {
    ("caidian-suo-river.pm25", "stuck-value"): Habit(
        arrives=timedelta(hours=4, minutes=40), resolves=timedelta(hours=5, minutes=30),
        note="纸带卡住，更换纸带 / tape was stuck and has been changed",
    ),
    ("jiangxia-xin-river.pm10", "instrument-fault"): Habit(
        arrives=timedelta(hours=5, minutes=30), resolves=timedelta(hours=6, minutes=30),
        note="停电恢复后更换采样泵 / pump changed when power was back",
    ),
    ("mulan-lake", "reported-fault"): Habit(
        arrives=timedelta(minutes=70), resolves=timedelta(hours=3, minutes=40), posted=timedelta(minutes=95),
        note="空调修复；山上无信号，下山后补报 / air-conditioner mended; no signal on the hill, posted later",
    ),
}  # fmt: skip
"""What differs from the habit: the late one is breached, the one with the power cut is not, the third withdraws one."""

FIRST, LAST = time(6, 30), time(21, 0)
"""Between these the engineers work; what opens at night is taken in the morning."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A post to be made at `posted` about something done at `at`."""

    posted: datetime
    at: datetime
    fault: str
    step: Step
    note: str


def deeds_for(fault: Mapping[str, Any], opened_at: datetime, habits: Mapping[tuple[str, str], Habit]) -> list[Deed]:
    """What the engineer will do about a fault."""
    habit = habits.get((fault["asset"], fault["kind"]), Habit())
    begins = _at_work(opened_at)
    after: list[tuple[Step, timedelta | None]] = [
        ("acknowledgement", habit.acknowledges),
        ("arrival", habit.arrives),
        ("resolution", habit.resolves),
    ]
    deeds = []
    for step, lasts in after:
        if lasts is not None:
            done = begins + lasts
            late = habit.posted if step == "resolution" else timedelta(0)
            deeds.append(Deed(done + late, done, fault["id"], step, habit.note))
    return deeds


def _at_work(at: datetime) -> datetime:
    local = at.astimezone(ZONE)
    if local.time() < FIRST:
        local = datetime.combine(local.date(), FIRST, ZONE)
    elif local.time() > LAST:
        local = datetime.combine(local.date() + timedelta(days=1), FIRST, ZONE)
    return local.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody reports a fault by telephone."""

    at: datetime
    site: str
    kind: str
    text: str


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of April 2026, Shanghai time."""
    return datetime(2026, 4, day, hour, minute, tzinfo=ZONE).astimezone(UTC)


Window = tuple[str, str, date]
"""(plan, site, first local day of the window)."""


@dataclass(frozen=True)
class Script:
    """What happens in a play: when, to which stations, and what people do, late, wrong, or not at all."""

    starts: datetime
    ends: datetime
    troubles: tuple[AnyTrouble, ...]
    habits: Mapping[tuple[str, str], Habit] = field(default_factory=lambda: HABITS)
    calls: tuple[Call, ...] = ()
    skipped: frozenset[Window] = frozenset()
    posted_late: Mapping[Window, timedelta] = field(default_factory=dict)
    failed: Mapping[Window, str] = field(default_factory=dict)
    """The check-list item that fails."""
    long_lists_on: date = date(2026, 4, 24)
    """When the two-monthly and longer lists are done."""


def april(seed: int) -> Script:
    """The demo's month: April 2026 to the moment its score is closed."""
    return Script(
        starts=local(1, 0),
        ends=local(30, 0) + timedelta(days=1, hours=8),
        troubles=troubles(seed),
        calls=(
            Call(
                local(22, 8, 10), "mulan-lake", "reported-fault", "站房空调不制冷 / the air-conditioner does not cool"
            ),
        ),
        skipped=frozenset({("weekly-patrol", "mobile", date(2026, 4, 20))}),
        posted_late={("weekly-patrol", "mulan-lake", date(2026, 4, 13)): timedelta(hours=30)},
        failed={("weekly-patrol", "xinzhou-changgang-hill", date(2026, 4, 20)): "sample-lines"},
    )


CHAPTERS: tuple[Chapter, ...] = tuple(
    sorted(
        (
            *STORY,
            Chapter(
                local(21, 14, 30), local(21, 17, 20), "xinzhou-changgang-hill",
                Words(
                    zh="新洲长岗山周检发现采样管路不合格，由此开出故障",
                    en="Changgang Hill, Xinzhou: the weekly patrol finds the sample lines failing; a fault is opened",
                ),
            ),
            Chapter(
                local(22, 8, 10), local(22, 13, 25), "mulan-lake",
                Words(
                    zh="木兰湖来电报修空调，11:50 修好而 13:25 才补报：12:10 报出的超时随后撤销",
                    en="Mulan Lake: a call about the air-conditioner; mended at 11:50 but posted at 13:25, so that the "
                    "breach told at 12:10 is withdrawn",
                ),
            ),
            Chapter(
                local(27, 0), local(27, 0), "mobile",
                Words(zh="移动空气站漏做一次周检", en="Mobile air station: a weekly patrol was missed"),
            ),
        ),
        key=lambda chapter: chapter.starts,
    )
)  # fmt: skip
"""The month as it is told while it plays: what befalls the stations, and what people do."""
