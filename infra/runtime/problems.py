"""Errors over HTTP: RFC 9457 problem documents, in the caller's language (Chinese unless English is asked for)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from pymongo.errors import PyMongoError
from starlette.exceptions import HTTPException

from contracts.expectations import expectation
from contracts.values import Words
from infra.runtime.passing import passes
from infra.runtime.told import told, told_whole

log = structlog.get_logger()


class Problem(Exception):
    """What is wrong with a request, and what to do. `code` is stable, for programs; `title` is for people. `headers` go
    with the answer in any form."""

    def __init__(self, status: int, code: str, title: Words, detail: str | Words = "", **more: Any) -> None:
        super().__init__(f"{status} {code}: {title.en} {detail}")
        self.status, self.code, self.title, self.detail, self.more = status, code, title, detail, more
        self.headers = dict(_CHALLENGE.get(status, {}))


def not_found(what: str) -> Problem:
    """404: there is none, or none that the caller may see."""
    return Problem(404, "not-found", Words(zh="没有找到", en="Not found"), what)


def answer(request: Request, problem: Problem) -> JSONResponse:
    """The problem as the caller reads it: every `Words` in it in one language."""
    language = language_of(request.headers.get("accept-language", ""))
    body = {
        "type": f"urn:watchbill:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.url.path,
        **problem.more,
    }
    headers = {"content-language": _TAGS[language], "vary": "accept-language", **problem.headers}
    return JSONResponse(_in(language, body), problem.status, headers, media_type="application/problem+json")


def language_of(accepted: str) -> str:
    """`zh` or `en`, whichever an Accept-Language header likes more; Chinese where it says nothing of either."""
    liked = {"zh": 0.0, "en": 0.0}
    for part in accepted.lower().split(","):
        named, _, quality = part.partition(";")
        language = re.split("[-_]", named.strip())[0]
        if language in liked:
            liked[language] = max(liked[language], _quality(quality))
    return "en" if liked["en"] > liked["zh"] else "zh"


def _quality(written: str) -> float:
    found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", written)
    return float(found[1]) if found else 1.0


def _in(language: str, value: Any) -> Any:
    if isinstance(value, Words):
        return getattr(value, language)
    if isinstance(value, Mapping):
        return {name: _in(language, below) for name, below in value.items()}
    return [_in(language, below) for below in value] if isinstance(value, list | tuple) else value


_TAGS = {"zh": "zh-CN", "en": "en"}
_CHALLENGE = {401: {"www-authenticate": "Bearer"}}
_AWAY = Words(
    zh="数据库或消息系统暂时不可用，请稍后用同一幂等键重试",
    en="Database or broker is away; try again soon, with the same idempotency key",
)
_WORDS = {
    400: Words(zh="请求有误", en="Bad request"),
    401: Words(zh="请先登录：没有令牌或令牌无效", en="No token, or not a valid one"),
    403: Words(zh="无权访问", en="Not allowed for your role"),
    404: Words(zh="没有找到", en="Not found"),
    405: Words(zh="不支持的方法", en="Method not allowed"),
    503: Words(zh="服务正在启动", en="The service is starting"),
}


def install(app: FastAPI) -> None:
    """Every error of this app becomes a problem document."""

    @app.exception_handler(Problem)
    @app.exception_handler(RequestValidationError)
    @app.exception_handler(HTTPException)
    async def _problem(request: Request, error: Exception) -> JSONResponse:
        return answer(request, problem_of(error))

    @app.exception_handler(ValidationError)
    async def _unfit(request: Request, error: ValidationError) -> JSONResponse:
        return answer(request, invalid(error.errors(include_input=False, include_url=False)))

    @app.exception_handler(PyMongoError)
    @app.exception_handler(KafkaError)
    async def _away(request: Request, error: Exception) -> JSONResponse:
        """Whether it was written is not known: the same again, under the same idempotency key, is safe."""
        if not passes(error):
            return await _unexpected(request, error)
        log.warning("request not served", path=request.url.path, error=told(error)[:300])
        return answer(request, Problem(503, "away", _AWAY))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", path=request.url.path, error=told(error), trace=told_whole(error))
        words = Words(zh="服务内部错误，数据未写入", en="Internal error; nothing was written")
        return answer(request, Problem(500, "internal", words))


def problem_of(error: Exception) -> Problem:
    """What is wrong with a request, by one of the errors that say so."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return invalid(error.errors())
        case HTTPException():
            phrase = HTTPStatus(error.status_code).phrase
            words = _WORDS.get(error.status_code, Words(zh="出错了", en=phrase))
            problem = Problem(error.status_code, "http", words, "" if error.detail == phrase else str(error.detail))
            problem.headers |= error.headers or {}
            return problem
    raise TypeError(f"{type(error).__name__} is not an error of a request") from error


def invalid(errors: Any) -> Problem:
    """422: every field that is wrong, where, and what was expected."""
    fields = [{"field": ".".join(map(str, error["loc"])), "expected": expectation(error)} for error in errors]
    return Problem(422, "invalid", Words(zh="内容不符合要求", en="The content does not fit"), errors=fields)
