"""What a caller is told when broker or database is away: to try again, with the same key."""

from __future__ import annotations

import httpx
import pytest
from aiokafka.errors import KafkaConnectionError
from fastapi import FastAPI
from pymongo.errors import AutoReconnect, OperationFailure

from infra.runtime import problems


async def answer_to(error: Exception) -> httpx.Response:
    """Of an app whose route fails so."""
    app = FastAPI()
    problems.install(app)

    @app.get("/fails")
    async def fails() -> None:
        raise error

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://room") as client:
        return await client.get("/fails")


@pytest.mark.parametrize("error", [AutoReconnect("cut"), KafkaConnectionError("cut")])
async def test_caller_of_an_outage_may_try_again(error: Exception) -> None:
    answer = await answer_to(error)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:watchbill:problem:away")


async def test_error_of_our_own_is_no_outage() -> None:
    answer = await answer_to(OperationFailure("no such index"))
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:watchbill:problem:internal")
