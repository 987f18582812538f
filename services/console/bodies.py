"""Bodies of requests, read up to a length: nobody fills the memory of this process."""

from __future__ import annotations

from fastapi import Request

from contracts.values import Words
from infra.runtime.problems import Problem


async def body_of(request: Request, bytes_max: int) -> bytes:
    """The body. Raises the problem 413 where it is longer."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > bytes_max:
            raise Problem(413, "too-large", Words(zh="内容过大", en="Too large"), f"{bytes_max:,} bytes at most")
    return bytes(body)
