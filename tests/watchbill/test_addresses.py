"""What a command prints of a problem that a service answered with."""

from __future__ import annotations

import httpx
import pytest
from typer import Exit

from watchbill.addresses import _answer

NONE = {"type": "urn:watchbill:problem:not-found", "title": "没有找到", "detail": "F9"}
WRONG = {"type": "urn:watchbill:problem:invalid", "title": "内容不符合要求", "errors": [{"field": "at"}]}


@pytest.mark.parametrize(
    ("status", "body", "zh", "en"),
    [
        (404, NONE, "没有找到：F9", "incidents answers 404 not-found F9"),
        (422, WRONG, '内容不符合要求：[{"field": "at"}]', 'incidents answers 422 invalid [{"field": "at"}]'),
        (502, None, "Bad Gateway", "incidents answers 502"),
    ],
)
def test_problem_is_told_in_words(
    status: int, body: object, zh: str, en: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exit):
        _answer("incidents", lambda: httpx.Response(status, json=body) if body else httpx.Response(status))
    said = capsys.readouterr().err
    assert zh in said and en in said and "urn:" not in said
