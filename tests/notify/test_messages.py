"""Messages: their states, the tries, and reports that come before or after the hand-over is remembered."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from contracts.events.notify import NoticeDeliveredV1, NoticeFailedV1, NoticeSentV1
from contracts.values import Words
from services.notify.domain import said
from services.notify.domain.messages import (
    Message,
    Report,
    Wording,
    after,
    queued,
    reported,
    resent,
    sending_of,
    written,
)
from services.notify.domain.outcomes import Handed, Refused, refused, scrubbed
from services.notify.domain.patience import Patience
from services.notify.domain.routes import notices_for
from tests.notify import town

HANDED = Handed(provider="kannel", provider_id="k-1")
BUSY, NEVER = Refused(permanent=False, reason="503 busy"), Refused(permanent=True, reason="550 no such user")


def message() -> Message:
    notice = notices_for(town.opened(), "cause", town.lot(), town.DIRECTORY, town.NOON)[1]
    words = Wording(headline=Words(zh="木兰湖站", en="Mulan Lake"), title="", text="【值守单】")
    return queued(written(notice, 1, words, town.NOON), town.NOON)


def test_refused_message_waits_longer_each_time() -> None:
    tried, pauses = message(), []
    for _ in range(9):
        before = tried.next_try or town.NOON
        tried = after(tried, BUSY, Patience(), before)
        assert tried.next_try
        pauses.append((tried.next_try - before).total_seconds())
    assert pauses == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]


def test_message_is_given_up_after_a_day() -> None:
    tried = message()
    while tried.next_try:
        at = tried.next_try
        tried = after(tried, BUSY, Patience(), at)
    assert at == town.NOON + timedelta(hours=24)
    assert (tried.state, tried.permanent, tried.history[-1].detail) == ("failed", False, "503 busy")


def test_wrong_account_is_no_refusal_for_good() -> None:
    tried = after(message(), Refused(permanent=False, reason="535", account=True), Patience(), town.NOON)
    assert (tried.state, tried.permanent, tried.next_try) == ("queued", False, town.NOON + timedelta(seconds=30))


def test_resent_message_has_its_patience_anew() -> None:
    later = town.NOON + timedelta(days=3)
    failed = after(after(message(), BUSY, Patience(), town.NOON), NEVER, Patience(), town.NOON)
    again = resent(failed, later)
    assert (again.state, again.permanent, again.next_try, again.sending) == ("queued", False, later, f"{again.id}.1")
    tried = after(again, BUSY, Patience(), later)
    assert (tried.next_try, tried.attempts) == (later + timedelta(seconds=30), 3)


def test_resent_message_forgets_its_report() -> None:
    failed = reported(after(message(), HANDED, Patience(), town.NOON), "undelivered", town.NOON)
    assert after(resent(failed, town.NOON), HANDED, Patience(), town.NOON).state == "handed"


def test_sending_names_notice_and_number() -> None:
    one = message()
    assert [sending_of(each.sending) for each in (one, resent(one, town.NOON))] == [(one.id, 0), (one.id, 1)]
    assert sending_of("n.x") == ("n", 0)


def test_permanent_refusal_is_final_at_once() -> None:
    failed = after(message(), NEVER, Patience(), town.NOON)
    assert (failed.state, failed.attempts, failed.permanent) == ("failed", 1, True)


def test_report_before_handover_is_kept() -> None:
    early = reported(message(), "delivered", town.NOON)
    assert early.state == "queued"
    assert after(early, HANDED, Patience(), town.NOON).state == "delivered"


@pytest.mark.parametrize("reports", list(permutations(["underway", "undelivered", "delivered"])))
def test_delivered_outweighs_in_any_order(reports: tuple[Report, ...]) -> None:
    for handed_at in range(4):
        tried = message()
        for place, report in enumerate([*reports, "underway"]):
            if place == handed_at:
                tried = after(tried, HANDED, Patience(), town.NOON)
            tried = reported(tried, report, town.NOON)
        assert tried.state == "delivered"


def test_undelivered_report_fails_the_message() -> None:
    failed = reported(after(message(), HANDED, Patience(), town.NOON), "undelivered", town.NOON)
    assert (failed.state, failed.history[-1].detail) == ("failed", "not delivered")


def test_repeated_report_says_nothing_more() -> None:
    delivered = reported(after(message(), HANDED, Patience(), town.NOON), "delivered", town.NOON)
    assert reported(delivered, "delivered", town.NOON) is delivered
    assert reported(delivered, "undelivered", town.NOON) is delivered


def test_each_step_is_said_in_order() -> None:
    early = reported(message(), "delivered", town.NOON)
    done = after(early, HANDED, Patience(), town.NOON)
    assert [type(event) for event in said.changes(early, done, town.NOON)] == [NoticeSentV1, NoticeDeliveredV1]
    failed = after(message(), NEVER, Patience(), town.NOON)
    (event,) = said.changes(message(), failed, town.NOON)
    assert isinstance(event, NoticeFailedV1)
    assert (event.reason, event.permanent, event.attempts) == ("550 no such user", True, 1)


@pytest.mark.parametrize(
    "answer",
    [
        "550 5.1.1 <ann@example.com> no such mailbox", "503 receiver 19900000001 busy",
        "no route to +86 199 0000 0001\nsorry", "mailbox ann@example.com: over quota",
    ],
)  # fmt: skip
def test_reason_shows_no_number(answer: str) -> None:
    reason = refused(answer, permanent=True).reason
    assert "ann@" not in reason
    assert "0001" not in reason
    assert "\n" not in reason


def test_reason_keeps_its_codes() -> None:
    assert scrubbed("451 4.3.0 <ann@example.com> try again") == "451 4.3.0 [address] try again"
