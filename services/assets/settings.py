"""Settings of assets: the gateway's port and its limits."""

from __future__ import annotations

from infra.runtime.settings import RuntimeSettings


class AssetsSettings(RuntimeSettings):
    """Settings of the assets service."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = 0
    gateway_idle_seconds: float = 3600.0
    """A logger that says nothing for so long is disconnected; it will call again."""
    gateway_rejections_per_minute: int = 300
    """Refused pieces of one connection that become events; the rest are counted only."""
    gateway_refused_in_a_row_max: int = 2000
    """A peer that sends nothing but noise is disconnected."""
    future_tolerance_seconds: float = 300.0
    """How far a logger's clock may be ahead."""
