"""A database that is away holds threads of the ledger, and nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import client_session_shared
from pymongo.errors import ServerSelectionTimeoutError

from infra.runtime.clock import SystemClock
from infra.runtime.ledger import Ledger, Page
from infra.runtime.passing import passes
from tests.live.rooms import free_port

TRIES_SECONDS = 3


def page(ledger: Ledger, letter: str) -> Page:
    made = ledger.page()
    made.heard.append(letter)
    return made


async def test_database_away_holds_nobody_elses_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """More commits than a process has threads, each tried until the driver gives up: that lasts two minutes else."""
    monkeypatch.setattr(client_session_shared, "_WITH_TRANSACTION_RETRY_TIME_LIMIT", TRIES_SECONDS)
    url = f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0"
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(url, serverSelectionTimeoutMS=500)
    ledger = Ledger(client, "away", SystemClock(), "incidents-0")
    commits = [asyncio.ensure_future(ledger.commit(page(ledger, f"letter {n}"))) for n in range(40)]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(TRIES_SECONDS / 2):
        assert await asyncio.to_thread(int) == 0
        with pytest.raises(ServerSelectionTimeoutError):
            await ledger.db.inbox.find_one({})
    assert not any(commit.done() for commit in commits)
    failed = await asyncio.gather(*commits, return_exceptions=True)
    assert [error for error in failed if error is None or not passes(error)] == []  # type: ignore[arg-type]
    client.close()
