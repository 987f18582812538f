"""Settings of assets: the gateway's port and its limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.runtime.settings import RuntimeSettings


class AssetsSettings(RuntimeSettings):
    """Settings of the assets service."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = 0
    gateway_idle_seconds: float = 3600.0
    """A logger that says nothing for so long is disconnected; it will call again."""
    gateway_connections_max: int = 500
    """Above it the oldest connection without a known logger gives way, or the newest where there is none. Each takes a
    file descriptor."""
    gateway_rejections_per_minute: int = 300
    """What no known logger says (noise, unknown MN, wrong password, wrong CRC): so many pieces of one connection become
    events, and are answered where that is due; the rest are counted only."""
    gateway_refused_in_a_row_max: int = 2000
    """A peer that sends more such pieces and nothing else is disconnected."""
    gateway_traced_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The share of frames whose traces begin with a span, whatever becomes of them. What is refused, and what turns out
    to matter, leaves its spans always."""
    future_tolerance_seconds: float = 300.0
    """How far a logger's clock may be ahead."""
