"""What people may post: bounded, and the same post however often a phone tries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from services.incidents.domain import Fault, Found, open_fault
from services.incidents.posts import (
    AcknowledgementPost,
    AnalysisPost,
    ArrivalPost,
    CallPost,
    PausePost,
    Posted,
    ResolutionPost,
    ResumptionPost,
    SparePost,
)
from tests.incidents.site_stories import PM, SITE, at, lot

LONG, PHOTOS = "长" * 2000, ["a" * 64] * 100
POSITION = {"latitude": "30." + "1" * 28, "longitude": "114." + "1" * 27, "accuracy_metres": "9." + "1" * 29}
FULL: dict[type[Posted], dict[str, Any]] = {
    AcknowledgementPost: {},
    ArrivalPost: {"position": POSITION},
    SparePost: {"spare": "长" * 200},
    AnalysisPost: {},
    PausePost: {"reason": "weather", "evidence": LONG},
    ResumptionPost: {"reason": "weather"},
    ResolutionPost: {},
}


def full(of: type[Posted], **more: Any) -> Posted:
    """A post of this type with as much in it as may be."""
    return of.model_validate({"at": at("06:00"), "note": LONG, "photos": PHOTOS, **FULL[of], **more})


def fault() -> Fault:
    found = Found("f-1", PM, "analyser-fault", "reading", at("05:00"), at("05:00"))
    return open_fault(found, "wuhan-air", 1, lot(), SITE)


@pytest.mark.parametrize("of", FULL)
def test_fullest_post_makes_a_small_event(of: type[Posted]) -> None:
    step = full(of).step(fault(), "li", at("06:01"))
    assert len(step.model_dump_json().encode()) < 50_000


@pytest.mark.parametrize("of", FULL)
@pytest.mark.parametrize("more", [{"photos": ["a" * 64] * 101}, {"note": LONG + "!"}, {"photos": ["a" * 65]}])
def test_more_than_that_is_refused(of: type[Posted], more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        full(of, **more)


@pytest.mark.parametrize(
    ("of", "more"),
    [
        (ArrivalPost, {"position": {**POSITION, "latitude": "30." + "1" * 99}}),
        (ArrivalPost, {"position": {**POSITION, "latitude": 91}}),
        (SparePost, {"spare": "x" * 201}),
        (PausePost, {"evidence": LONG + "!"}),
        (ResolutionPost, {"phone": {"done_seconds": 0, "sent_seconds": 10**12}}),
    ],
)
def test_each_field_has_its_bound(of: type[Posted], more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        full(of, **more)


@pytest.mark.parametrize("more", [{"text": LONG + "!"}, {"caller": "x" * 101}])
def test_call_has_its_bounds(more: dict[str, Any]) -> None:
    body = {"site": SITE, "kind": "analyser-fault", "at": at("06:00"), "text": LONG, "caller": "x" * 100}
    CallPost.model_validate(body)
    with pytest.raises(ValidationError):
        CallPost.model_validate({**body, **more})


@pytest.mark.parametrize("of", FULL)
def test_retry_has_the_same_content(of: type[Posted]) -> None:
    first = full(of, phone={"done_seconds": 10, "sent_seconds": 20})
    again = full(of, phone={"done_seconds": 10, "sent_seconds": 50})
    other = full(of, phone={"done_seconds": 11, "sent_seconds": 50})
    assert first.content().model_dump_json() == again.content().model_dump_json()
    assert first.content().model_dump_json() != other.content().model_dump_json()
    assert again.step(fault(), "li", at("06:01")).at == at("06:01") - timedelta(seconds=40)


def test_content_keeps_all_else() -> None:
    post = ArrivalPost(at=at("06:00"), note="arrived")
    assert post.content() == post
    assert isinstance(full(ArrivalPost).content(), ArrivalPost)
    assert Decimal("30.1") < full(ArrivalPost).content().model_dump()["position"]["latitude"] < Decimal("30.2")
