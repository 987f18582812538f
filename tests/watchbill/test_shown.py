"""What the commands show where there is nothing to be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.watchbill.evidence import run
from tests.watchbill.stand_in import StandIn


@pytest.mark.parametrize(("words", "path"), [(["parked", "list"], "/runtime/parked"), (["agreement", "show"], "")])
def test_empty_list_says_it_is(tmp_path: Path, words: list[str], path: str) -> None:
    town = StandIn([])
    town.answers = {path: []}
    with town.running(tmp_path):
        told = run(*words, WATCHBILL_DATA=str(tmp_path))
        data = run(*words, "--json", WATCHBILL_DATA=str(tmp_path))
    assert told.exit_code == 0 and told.output.splitlines()[1:] == ["没有记录 / nothing"]
    assert "id" not in told.output and data.output == "[]\n"
