"""A desk over the site of `closings`, for the stories of closed faults; other stories have desks of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.incidents.closings import MARKED, check_watch
from tests.incidents.desk import Desk
from tests.incidents.happenings import new_desk
from tests.incidents.site_stories import POWER, SILENCE, lot


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = await new_desk(lot(rules=(MARKED, SILENCE, POWER)), version=91)
    yield made
    assert made.dropped == []
    check_watch(made)
