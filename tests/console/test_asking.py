"""What somebody writes in an address is asked for as an id, and leads to no other route of the service asked."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from services.console.asking import path_of

IDS = [
    "5f1c|fault_on_reading",
    "town.readings/0/17|unreadable",
    "timer|due|a/b",
    "../../v1/faults",
    "a/../b",
    "x?y#z%2e",
    "试",
]


@pytest.mark.parametrize("id", IDS)
async def test_id_arrives_as_it_is(id: str) -> None:
    app = FastAPI()

    @app.get("/runtime/parked/{id:path}")
    async def show(id: str) -> str:
        return id

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://room") as client:
        assert (await client.get(path_of("runtime", "parked", id))).json() == id
