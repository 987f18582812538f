"""Waiting for what happens by itself: asked again and again, with an end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 40) -> None:
    """Returns once it holds; TimeoutError where it never does."""
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)
