"""Errors are told without the data that they happened on."""

from __future__ import annotations

import pytest
from pymongo.errors import BulkWriteError

from infra.runtime.states import Unreadable
from infra.runtime.told import told, told_whole
from services.notify.domain.directory import Directory
from services.notify.domain.messages import Message

PHONE, MAIL = "13812345678", "zhou.jian@example.com"
DOCUMENT = {"_id": "directory", "people": [{"name": "周健", "phones": [PHONE], "emails": [MAIL]}]}


def test_failed_write_hides_its_document() -> None:
    details = {"writeErrors": [{"index": 0, "code": 11000, "errmsg": "E11000 duplicate key", "op": DOCUMENT}]}
    error = BulkWriteError(details)
    assert "周健" in str(error)
    assert told(error) == "BulkWriteError: 11000 E11000 duplicate key"
    assert "周健" not in told_whole(error)


@pytest.mark.parametrize("model", [Directory, Message])
def test_misfit_state_hides_its_values(model: type[Directory | Message]) -> None:
    document = {**DOCUMENT, **dict.fromkeys(("people", "version", "bundled"), "周健")}
    with pytest.raises(Unreadable) as caught:
        model.of(document)
    assert "周健" not in told_whole(caught.value)


def test_error_of_anybody_is_masked() -> None:
    try:
        raise LookupError(f"no such person: {PHONE}, {MAIL}")
    except LookupError as error:
        whole = told_whole(error)
    assert "138****5678" in whole and "z***@example.com" in whole and "test_told.py" in whole
