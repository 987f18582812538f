"""Problem documents: in the caller's language, down to what was expected of each field."""

from __future__ import annotations

from typing import Any, Literal

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from contracts.values import Moment, Words
from infra.runtime import problems
from infra.runtime.problems import Problem, language_of

TOLD = {
    "zh": [
        {"field": "body.at", "expected": "带时区的时刻，如 2026-01-31T08:00:00+08:00"},
        {"field": "body.kind", "expected": "其中之一：'day', 'hour'"},
        {"field": "body.text", "expected": "此字段必填"},
    ],
    "en": [
        {"field": "body.at", "expected": "an instant with its offset, such as 2026-01-31T08:00:00+08:00"},
        {"field": "body.kind", "expected": "one of: 'day', 'hour'"},
        {"field": "body.text", "expected": "this field, which is required"},
    ],
}


class Note(BaseModel):
    at: Moment
    kind: Literal["day", "hour"]
    text: str


async def asked(method: str, path: str, language: str = "", body: Any = None) -> httpx.Response:
    app = FastAPI()
    problems.install(app)

    @app.post("/notes")
    async def post_note(note: Note) -> None: ...

    @app.get("/closed")
    async def closed() -> None:
        why = Words(zh="未知的密钥", en="unknown key")
        raise Problem(401, "unauthorised", Words(zh="请先登录", en="No token"), why, tried=[why])

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://room", trust_env=False) as client:
        return await client.request(method, path, headers={"accept-language": language}, json=body)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "zh"),
        ("*", "zh"),
        ("fr", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("EN", "en"),
        ("en_US.UTF-8", "en"),
        ("fr, en;q=0.5", "en"),
        ("en;q=0.1, zh;q=0.9", "zh"),
        ("zh;q=0, en;q=0.001", "en"),
        ("en;q=0", "zh"),
        ("en;q=much", "en"),
    ],
)
def test_language_is_the_one_liked_more(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_wrong_fields_are_told_in_language(language: str) -> None:
    answer = await asked("POST", "/notes", language, {"at": "2026-01-31T08:00:00", "kind": "week"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"] == TOLD[language]
    assert (answer.headers["content-language"][:2], answer.headers["vary"]) == (language, "accept-language")


async def test_words_anywhere_become_one_language() -> None:
    chinese, english = await asked("GET", "/closed"), await asked("GET", "/closed", "en")
    assert (chinese.json()["detail"], chinese.json()["tried"]) == ("未知的密钥", ["未知的密钥"])
    assert (english.json()["detail"], english.json()["tried"]) == ("unknown key", ["unknown key"])


async def test_refusal_says_how_to_sign_in() -> None:
    assert (await asked("GET", "/closed")).headers["www-authenticate"] == "Bearer"


async def test_wrong_method_says_which_are_right() -> None:
    answer = await asked("GET", "/notes", "en")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert (answer.json()["title"], answer.json()["detail"]) == ("Method not allowed", "")
