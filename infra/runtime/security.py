"""Who calls, and what they may. Every route names its roles; a route that names none is closed."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Request
from fastapi.params import Depends as DependsClass
from fastapi.routing import APIRoute
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from contracts.values import Words
from infra.runtime.problems import Problem

Role = Literal["buyer", "supplier", "administrator", "auditor", "logger", "service", "tracer"]
PEOPLE: tuple[Role, ...] = ("buyer", "supplier", "administrator", "auditor")
_AUDIENCE = "watchbill"
_ALGORITHM = "Ed25519"


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller: a person with a role in an organisation, or a machine with a key."""

    person: str
    role: Role
    organisation: str

    def sees(self, supplier: str) -> bool:
        """Whether what belongs to this supplier's lot may be shown: a supplier sees only its own."""
        return self.role != "supplier" or self.organisation == supplier


def _refused(status: int, detail: str | Words) -> Problem:
    words = {
        401: Words(zh="请先登录：没有令牌或令牌无效", en="No token, or not a valid one"),
        403: Words(zh="您的角色无权执行此操作", en="Not allowed for your role"),
    }[status]
    return Problem(status, "unauthorised" if status == 401 else "forbidden", words, detail)


class Doorkeeper:
    """Knows tokens and keys. `secrets` holds `token-public.pem` (Ed25519) and `keys.json`.

    `keys.json`: {"<first 8 characters>": {"hash": HMAC-SHA256 hex, "role": "logger", "name": "mulan-lake"}};
    the HMAC's secret is `keys.secret`. Keys are random, so a fast hash is right for them.
    """

    def __init__(self, secrets: Path) -> None:
        self._secrets = secrets
        self._read: dict[str, tuple[float, Any]] = {}

    def _file(self, name: str) -> bytes:
        """A secret file, read anew when it changes."""
        path = self._secrets / name
        changed = path.stat().st_mtime if path.exists() else 0.0
        if name not in self._read or self._read[name][0] != changed:
            self._read[name] = (changed, path.read_bytes() if changed else b"")
        content: bytes = self._read[name][1]
        return content

    def identify(self, authorization: str, key: str) -> Identity:
        """The caller of a request; a `Problem` 401 where there is none."""
        if key:
            return self._by_key(key)
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise _refused(401, "Authorization: Bearer <token>")
        return self._by_token(token.strip())

    def _by_token(self, token: str) -> Identity:
        pem = self._file("token-public.pem")
        if not pem:
            raise _refused(401, Words(zh="此处未安装令牌公钥", en="no token key is installed here"))
        try:
            claims = jwt.decode(token, OKPKey.import_key(pem), algorithms=[_ALGORITHM]).claims
            rules = jwt.JWTClaimsRegistry(
                now=int(time.time()),
                exp={"essential": True},
                aud={"essential": True, "value": _AUDIENCE},
                role={"essential": True, "values": [str(role) for role in PEOPLE]},
                sub={"essential": True},
                org={"essential": True},
            )
            rules.validate(claims)
        except (JoseError, ValueError, TypeError) as error:  # TypeError: joserfc, on a header of the wrong shape
            raise _refused(401, f"{type(error).__name__}") from error
        return Identity(claims["sub"], claims["role"], claims["org"])

    def _by_key(self, key: str) -> Identity:
        known = json.loads(self._file("keys.json") or b"{}").get(key[:8])
        if not known or not hmac.compare_digest(known["hash"], hash_of_key(key, self._file("keys.secret"))):
            raise _refused(401, Words(zh="未知的密钥", en="unknown key"))
        return Identity(known["name"], known["role"], known.get("organisation", ""))


def hash_of_key(key: str, secret: bytes) -> str:
    """What is kept of a key."""
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()


def issue_token(private_pem: bytes, person: str, role: Role, organisation: str, now: datetime, lasts: timedelta) -> str:
    """A signed token for a person (JWT, Ed25519)."""
    claims = {
        "sub": person,
        "role": role,
        "org": organisation,
        "aud": _AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int((now + lasts).timestamp()),
    }
    return jwt.encode({"alg": _ALGORITHM}, claims, OKPKey.import_key(private_pem), algorithms=[_ALGORITHM])


def _identity(request: Request) -> Identity:
    if not hasattr(request.state, "identity"):
        door: Doorkeeper = request.app.state.door
        headers = request.headers
        request.state.identity = door.identify(headers.get("authorization", ""), headers.get("x-api-key", ""))
    identity: Identity = request.state.identity
    return identity


Caller = Annotated[Identity, Depends(_identity)]


class _Allowed:
    """The dependency that a route declares with `allow`."""

    def __init__(self, roles: Sequence[Role]) -> None:
        self.roles = tuple(roles)

    def __call__(self, caller: Caller) -> None:
        if caller.role not in self.roles:
            roles = ", ".join(self.roles)
            raise _refused(
                403, Words(zh=f"{caller.role} 不在其中：{roles}", en=f"{caller.role} is not one of: {roles}")
            )


def allow(*roles: Role) -> Any:
    """Declares who may call a route: `dependencies=[allow("buyer", "auditor")]`."""
    return Depends(_Allowed(roles))


OPEN = frozenset(
    {"/health/live", "/health/ready", "/metrics", "/docs", "/asyncapi", "/login", "/style.css", "/icon.svg"}
)
"""Paths that anybody may read: they tell nothing about anybody."""


def roles_of(route: APIRoute) -> tuple[Role, ...]:
    """The roles that a route names; none: it is closed."""
    declared: list[DependsClass] = list(route.dependencies)
    return tuple(role for one in declared if isinstance(one.dependency, _Allowed) for role in one.dependency.roles)


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    """Every route of an app, those of included routers too."""
    waiting: list[Any] = list(app.routes)
    while waiting:
        route = waiting.pop(0)
        if isinstance(route, APIRoute):
            yield route
        elif included := getattr(route, "original_router", None) or getattr(route, "router", None):
            waiting += included.routes


def check_closed(app: FastAPI) -> None:
    """Refuses to start with a route that names no role: deny by default."""
    for route in routes_of(app):
        if route.path not in OPEN and not roles_of(route):
            raise RuntimeError(f"route {route.path} names no role")
