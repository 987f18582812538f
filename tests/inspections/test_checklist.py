"""What a post must bring."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.events.inspections import ItemResult
from services.inspections.domain.refusal import Refused
from services.inspections.domain.work import check_work
from services.inspections.posts import PositionPost, ResultPost
from tests.inspections.papers import PATROL, PHOTOS, agreement, answers, at, only_plan, work

TERMS = agreement(PATROL)


def flaws(**more: Any) -> list[str]:
    with pytest.raises(Refused) as refused:
        check_work(work(at(8), **more), only_plan(TERMS), TERMS.lots[0].sites[0])
    assert refused.value.status == 422
    return [flaw.field for flaw in refused.value.flaws]


def test_complete_work_is_taken() -> None:
    check_work(work(at(8)), only_plan(TERMS), TERMS.lots[0].sites[0])


def test_every_flaw_is_told_at_once() -> None:
    found = flaws(items=answers(inlet=True, roof=True), photos=PHOTOS[:1], position=None)
    assert found == ["items.door", "items.roof", "photos", "position"]


def test_same_photo_twice_is_one() -> None:
    assert flaws(photos=(PHOTOS[0], PHOTOS[0])) == ["photos"]


def test_item_is_answered_once() -> None:
    assert flaws(items=(*answers(), *answers(door=False))) == ["items.door"]


def test_item_may_be_answered_by_asset() -> None:
    by_asset = tuple(ItemResult(item="inlet", ok=True, asset=asset) for asset in ("s1", "s1.pm"))
    check_work(work(at(8), items=(*by_asset, *answers(door=True))), only_plan(TERMS), TERMS.lots[0].sites[0])


def test_asset_of_another_site_is_refused() -> None:
    elsewhere = ItemResult(item="inlet", ok=True, asset="s2.pm")
    assert flaws(items=(elsewhere, *answers(door=True))) == ["items.inlet.asset"]


@pytest.mark.parametrize("wrong", [{"latitude": "90.1"}, {"longitude": "-180.5"}, {"accuracy_metres": "-1"}])
def test_position_must_be_on_earth(wrong: dict[str, str]) -> None:
    good = {"latitude": "30.5", "longitude": "114.3", "accuracy_metres": "8"}
    PositionPost.model_validate(good)
    with pytest.raises(ValidationError):
        PositionPost.model_validate({**good, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [{"photos": ["A" * 64]}, {"photos": ["a" * 63]}, {"items": []}, {"done_at": "2026-04-08T09:00:00"}, {"doneat": 1}],
)
def test_malformed_post_is_refused(wrong: dict[str, Any]) -> None:
    good = {"items": [{"item": "inlet", "ok": True}], "photos": ["a" * 64], "done_at": "2026-04-08T09:00:00+08:00"}
    ResultPost.model_validate(good)
    with pytest.raises(ValidationError):
        ResultPost.model_validate({**good, **wrong})


def test_new_readings_leave_the_content() -> None:
    sent = {"items": [{"item": "inlet", "ok": True}], "done_at": at(8), "monotonic_done_seconds": 5}
    first = ResultPost.model_validate({**sent, "device_now": at(8, 1), "monotonic_now_seconds": 9})
    again = ResultPost.model_validate({**sent, "device_now": at(8, 5), "monotonic_now_seconds": 99})
    assert first != again and first.content() == again.content()
    assert first.content().model_dump(exclude_unset=True, exclude={"items"}) == {
        "done_at": at(8), "monotonic_done_seconds": 5, "photos": (), "position": None,
    }  # fmt: skip
