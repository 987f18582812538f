"""Where a running installation is, and who calls it: for the commands that ask a service."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import httpx
import typer

from infra.local.place import Place
from watchbill.secrets import Secrets

AWAY = 3
"""Exit code: nothing is running, or it does not answer."""


def fail(zh: str, en: str, code: int = 1) -> typer.Exit:
    """Says what is wrong and what to do, and gives the exit to be raised."""
    typer.echo(f"{zh}\n{en}", err=True)
    return typer.Exit(code)


@dataclass(frozen=True)
class Addresses:
    """The addresses of the installation in a data folder."""

    place: Place
    kafka: str
    mongo: str
    http: dict[str, str]
    gateway: str
    sinks: str

    @classmethod
    def read(cls) -> Addresses:
        """Of the data folder that `WATCHBILL_DATA` names, or ./.watchbill. Exits where nothing runs there."""
        place = Place.of()
        path = place.root / "addresses.json"
        if not path.exists():
            raise fail(
                f"{place.root} 中没有运行中的系统，请先执行 watchbill up",
                f"Nothing runs in {place.root}: start it with `watchbill up`",
                AWAY,
            )
        return cls(place, **json.loads(path.read_text()))

    def client(self, service: str) -> httpx.Client:
        """A client with the caller's token (`WATCHBILL_TOKEN`), or the installer's as administrator."""
        token = os.environ.get("WATCHBILL_TOKEN") or Secrets(self.place.root).token(
            "installer", "administrator", "owner"
        )
        headers = {"authorization": f"Bearer {token}", "accept-language": os.environ.get("LANG", "zh")}
        return httpx.Client(base_url=self.http[service], headers=headers, timeout=60)

    def get(self, service: str, path: str, **params: Any) -> Any:
        """The answer of a query. Exits with the problem's text where there is one."""
        with self.client(service) as client:
            return _answer(service, lambda: client.get(path, params={k: v for k, v in params.items() if v is not None}))

    def find(self, service: str, path: str) -> Any:
        """The answer of a query, or None where there is no such thing."""
        with self.client(service) as client:
            return _answer(service, lambda: client.get(path), absent_is_none=True)

    def post(self, service: str, path: str, body: Any = None) -> Any:
        """The answer of an act."""
        with self.client(service) as client:
            return _answer(service, lambda: client.post(path, json=body))


def _answer(service: str, ask: Any, *, absent_is_none: bool = False) -> Any:
    try:
        answer = ask()
    except httpx.TransportError as error:
        raise fail(
            f"服务 {service} 没有应答，请用 watchbill doctor 查看",
            f"{service} does not answer ({type(error).__name__}): see `watchbill doctor`",
            AWAY,
        ) from error
    if answer.status_code == 404 and absent_is_none:
        return None
    if answer.is_error:
        problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        text = problem.get("title", answer.reason_phrase)
        code = problem.get("type", "").rpartition(":")[2]
        more = problem.get("errors") or problem.get("detail") or ""
        more = more if isinstance(more, str) else json.dumps(more, ensure_ascii=False)
        said = " ".join(filter(None, (service, "answers", str(answer.status_code), code, more)))
        raise fail(f"{text}：{more}" if more else text, said)
    return answer.json() if answer.content else None
