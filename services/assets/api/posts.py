"""The loggers' other way in: readings over HTTP, in batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator
from pydantic_core import PydanticCustomError

from contracts.events.assets import ReadingKind
from contracts.events.measured import Measured
from contracts.values import Moment, Words
from infra.runtime.problems import Problem
from infra.runtime.security import Caller, allow
from services.assets.gateway import Gateway
from services.assets.intake import take
from services.assets.periods import unfit
from services.assets.register import Known, Register
from services.assets.said import Taken
from services.assets.sent import Sent, written_of

router = APIRouter(prefix="/v1", tags=["assets"])


def _not_digits(written: Any) -> Any:
    """A logger's `20260408100000` is Beijing time; pydantic would count it from 1970."""
    if isinstance(written, datetime) or (isinstance(written, str) and "-" in written[1:]):
        return written
    raise PydanticCustomError("datetime_parsing", "an instant such as 2026-01-31T08:00:00+08:00")


class PostedReading(BaseModel):
    """One reading over HTTP; `time` is the start of its period."""

    kind: ReadingKind
    time: Annotated[Moment, BeforeValidator(_not_digits)]
    values: dict[str, Measured]


class PostedReadings(BaseModel):
    """A batch of one logger."""

    readings: list[PostedReading]


class Receipt(BaseModel):
    """How many readings were handed on, and what was refused of them."""

    taken: int
    refused: list[str] = []


def receipt_of(batch: Sequence[Taken]) -> Receipt:
    """What became of it."""
    refused = [f"{event.reason}: {event.detail}" for taken in batch for event in taken.refused]
    return Receipt(taken=sum(len(taken.events) for taken in batch) - len(refused), refused=refused)


@router.post("/sites/{site}/readings", dependencies=[allow("logger")], status_code=202)
async def post_readings(site: str, posted: PostedReadings, request: Request, caller: Caller) -> Receipt:
    """The logger's other way in: the same checks as the gateway's, answered when Kafka has all of it.

    A time that is not the start of a period that is over: 422, and nothing of the batch is taken.
    """
    register: Register = request.app.state.register
    gateway: Gateway = request.app.state.gateway
    known = await register.by_site(site)
    if known is None or caller.person != site:
        raise Problem(403, "foreign-site", Words(zh="该密钥不属于此站点", en="This key is not of this site"), site)
    now = request.app.state.room.clock.now()
    if wrong := list(_unfit(posted, known, now, gateway.tolerance)):
        raise Problem(422, "invalid", Words(zh="内容不符合要求", en="The content does not fit"), errors=wrong)
    batch = [take(_sent(one), known, now, gateway.tolerance) for one in posted.readings]
    await gateway.publish(batch)
    return receipt_of(batch)


def _unfit(posted: PostedReadings, known: Known, now: datetime, tolerance: timedelta) -> Iterator[dict[str, Any]]:
    for place, one in enumerate(posted.readings):
        if expected := unfit(one.kind, one.time, known, now, tolerance):
            yield {"field": f"body.readings.{place}.time", "expected": expected}


def _sent(posted: PostedReading) -> Sent:
    values = {code: written_of(measured) for code, measured in posted.values.items()}
    digest = hashlib.sha256(posted.model_dump_json().encode()).hexdigest()
    return Sent(posted.kind, posted.time, values, digest, channel="http")
