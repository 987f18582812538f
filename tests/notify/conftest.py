"""The sinks on loopback, for the tests of notify."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.local.sinks.both import Sinks


@pytest.fixture
async def sinks(tmp_path: Path) -> AsyncIterator[Sinks]:
    """An SMS gateway and a mail server of this test's own, which report quickly."""
    async with Sinks(tmp_path / "sinks") as both:
        both.sms.report_pause_seconds = both.sms.retry_pause_seconds = 0.01
        yield both
