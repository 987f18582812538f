"""Long answers of a service, line by line: JSON lines are never held whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from watchbill.addresses import AWAY, Addresses, fail


def lines_from(addresses: Addresses, service: str, path: str, **params: str) -> Iterator[dict[str, Any]]:
    """The JSON lines of an answer. Exits: 1 where the service refuses, 3 where it is away or goes away."""
    try:
        with addresses.client(service) as client, client.stream("GET", path, params=params) as answer:
            if answer.is_error:
                answer.read()
                raise fail(f"{service}：{answer.status_code}", f"{service}: {answer.status_code} {answer.text[:500]}")
            yield from (json.loads(line) for line in answer.iter_lines() if line)
    except httpx.TransportError as error:
        raise fail(
            f"服务 {service} 没有应答，请用 watchbill doctor 查看",
            f"{service} does not answer ({type(error).__name__}): see `watchbill doctor`",
            AWAY,
        ) from error
