"""The story of a fault: every fact once, in order, who was told, and what it cost to the yuan."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as some

from infra.runtime.security import Identity
from services.console.domain.rows import Row
from services.console.domain.seen import told_to
from services.console.domain.story import Frame, story_of
from tests.console.papers import (
    NAMES,
    SITE,
    at,
    breached,
    delivered,
    opened,
    reopened,
    requested,
    resolved,
    row,
    score,
    sent,
    settlement,
    told,
)

WHOLE: list[Row] = [
    row("o", opened(), at(1)),
    row("b", breached()),
    row("n", requested("N", "b")),
    row("n2", sent("N", "b")),
    row("n3", delivered("N", "b")),
    row("s", score(1, "b")),
    row("r", resolved(5.5)),
    row("m", settlement(1, "50.00", "b")),
]


def test_facts_come_in_the_order_of_the_world() -> None:
    facts = told(WHOLE).facts
    assert [(fact.event, fact.tone) for fact in facts] == [
        ("o", "fault"), ("b", "breach"), ("s", "money"), ("r", "good"), ("m", "money"),
    ]  # fmt: skip
    assert facts[0].known_at - facts[0].at == timedelta(hours=1)


@given(some.permutations(WHOLE), some.lists(some.sampled_from(WHOLE)))
def test_story_is_one_however_it_was_heard(shuffled: list[Row], again: list[Row]) -> None:
    assert told([*shuffled, *again]) == told(WHOLE)


def test_fault_without_opening_has_no_story() -> None:
    assert story_of("F", [row("b", breached())], NAMES) is None


def test_facts_are_in_the_words_of_the_field() -> None:
    first, second, third, *_ = told(WHOLE).facts
    assert first.words.zh == "蔡甸索河 PM2.5 分析仪 发现故障“数值恒定不变”；首次征兆 04-08 05:00"
    assert second.words.zh == "超过时限：“日间故障 4 小时解决”应于 04-08 12:00 前做到"
    assert second.words.en == "Time limit passed: “Daytime faults solved within 4 hours” by 04-08 12:00"
    assert third.words.zh.endswith("因“故障未在 4 小时内解决”扣 5.00 分")


def test_delivered_notice_stands_at_its_breach() -> None:
    story = told(WHOLE)
    (notice,) = story.told
    assert (notice.person, notice.state, notice.ended_at) == ("chen-yu", "delivered", at(4))
    assert [fact.event for fact in story.facts if fact.told] == ["b"]


def test_report_before_the_hand_over_counts() -> None:
    rows = [row("o", opened()), row("n", requested("N", "o")), row("n3", delivered("N", "o", 4.0))]
    rows.append(row("n2", sent("N", "o", 4.1)))
    assert told(rows).told[0].state == "delivered"


def test_joined_notice_is_told_of_both_causes() -> None:
    joined = requested("N", "joined/x", causes=("b", "x"), bundled=2)
    (notice,) = told([row("o", opened()), row("b", breached()), row("n", joined)]).told
    assert (notice.about, notice.types, notice.of_all) == (("F", "b"), ("SlaBreachedV1",), 2)


def test_settled_amount_stands_in_place_of_the_score() -> None:
    (cost,) = told(WHOLE).costs
    assert (cost.amount, cost.points, cost.shared) == (Decimal("50.00"), Decimal("5.00"), 0)
    (unsettled,) = told(WHOLE[:-1]).costs
    assert unsettled.amount is None


def test_new_revision_that_takes_nothing_is_told() -> None:
    story = told([*WHOLE, row("m2", settlement(2, "0.00"))])
    assert story.costs == ()
    assert story.facts[-1].words.zh.endswith("本故障不再扣减")


def test_score_that_changes_nothing_is_not_told_again() -> None:
    again = [row(f"s{n}", score(n, "b", hours=4 + n)) for n in range(2, 6)]
    final = row("s9", score(9, "b", hours=590, provisional=False))
    money = [fact.event for fact in told([*WHOLE, *again, final]).facts if fact.tone == "money"]
    assert money == ["s", "s9", "m"]


def test_shared_deduction_says_with_how_many() -> None:
    story = told([row("o", opened()), row("b", breached()), row("s", score(1, "b", "x", "y"))])
    assert story.costs[0].shared == 2
    assert "与另外 2 项合计" in story.facts[-1].words.zh


def test_reopened_fault_is_open_until_resolved_again() -> None:
    rows = [row("o", opened()), row("r", resolved(1)), row("p", reopened(2))]
    assert told(rows[:2]).open is False
    assert told(rows).open is True
    assert told([*rows, row("r2", resolved(3))]).open is False


def test_frame_of_the_fault_begins_the_story() -> None:
    frame = Frame("k", SITE, at(-3), at(-2.9), "hj212", "ab" * 32, "e", "a34004 = 64.6 (N)")
    story = story_of("F", WHOLE, NAMES, [frame])
    assert story is not None
    assert (
        story.facts[0].words.zh == "蔡甸索河 04-08 05:00 的数据到达：a34004 = 64.6 (N)（hj212，报文摘要 abababababab）"
    )


def seen_by(role: str, organisation: str) -> list[str]:
    to_buyer = requested("W", "o", "wu-fang", group="buyer-supervisors")
    notices = told([row("o", opened()), row("n", requested("N", "o")), row("w", to_buyer)]).told
    caller = Identity("x", role, organisation)  # type: ignore[arg-type]
    return sorted(one.person for one in told_to(caller, notices, NAMES))


def test_supplier_sees_only_its_own_people() -> None:
    assert seen_by("supplier", "supplier-a") == ["", "chen-yu"]
    assert seen_by("supplier", "supplier-b") == ["", ""]


def test_auditor_sees_no_person() -> None:
    assert seen_by("auditor", "anybody") == ["", ""]


def test_buyer_and_administrator_see_whom_was_told() -> None:
    assert seen_by("buyer", "wuhan-emc") == seen_by("administrator", "owner") == ["chen-yu", "wu-fang"]
