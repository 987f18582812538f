"""Which month of a lot is closed next, under which version, and what counts as changed."""

from __future__ import annotations

from datetime import timedelta

from contracts.events.assets import AgreementPublishedV1
from services.scoring.closing import Closing, month_to_close, version_for, with_version
from services.scoring.month import score_month
from services.scoring.restated import is_changed, restated
from services.scoring.span import close_of, month_ended_by
from tests.scoring import papers
from tests.scoring.papers import at

NEW = Closing(id="air/lot-1", agreement="air", lot="lot-1")


def version(number: int, day: int, month: int = 4) -> AgreementPublishedV1:
    document = papers.agreement()
    return AgreementPublishedV1(at=at(day, month=month), agreement="air", version=number, digest="", document=document)


def test_first_unended_month_is_closed_first() -> None:
    agreement = papers.agreement()
    assert month_to_close(agreement, NEW, at(1, month=1)) == "2026-04"
    assert month_to_close(agreement, NEW, at(30, 23.9)) == "2026-04"
    assert month_to_close(agreement, NEW, at(1, month=5)) == "2026-05"


def test_no_closed_month_is_left_out() -> None:
    closed = NEW.model_copy(update={"closed": "2026-04"})
    assert month_to_close(papers.agreement(), closed, at(1, month=9)) == "2026-05"


def test_term_ends_with_its_last_month() -> None:
    closed = NEW.model_copy(update={"closed": "2027-03"})
    assert month_to_close(papers.agreement(), closed, at(1, month=5)) is None


def test_close_is_days_after_the_month() -> None:
    assert close_of(papers.agreement().lots[0], "2026-12") == at(1, month=12) + timedelta(days=31 + 5)


def test_month_keeps_its_version() -> None:
    closing = with_version(with_version(NEW, version(2, 3, month=5)), version(1, 1))
    assert [version_for(closing, month) for month in ("2026-04", "2026-05")] == [1, 2]
    assert with_version(closing, version(1, 1)) == closing


def test_deadline_at_midnight_ends_its_month() -> None:
    assert month_ended_by(at(1, month=5)) == "2026-04"
    assert month_ended_by(at(1, 0.1, month=5)) == "2026-05"


def test_only_other_figures_are_a_change() -> None:
    missed = papers.missed("s1", "p1", at(5), at(6))
    first, same, other = (
        score_month(papers.agreement(), "lot-1", "2026-04", events, until=None, revision=1, provisional=False)
        for events in ([], [], [missed])
    )
    assert not is_changed(first, restated(same, at(9, month=5)))
    assert is_changed(first, other)
