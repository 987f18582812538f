"""What the console reads from its environment. Passwords and keys are files in the secrets folder, never values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from infra.runtime.settings import RuntimeSettings

CONSOLE_KEY = "console-key"


class ConsoleSettings(RuntimeSettings):
    """Settings of the console. Secret files: `people.json` (who may sign in), `console-key` (to ask the services)."""

    services: Mapping[str, str] = {}
    """By service its address, as JSON: `{"assets": "http://assets:8101"}`."""
    span_keep_days: int = 30
    """So long a span is kept. Spans are for looking into, not evidence."""
    session_hours: int = 12
    https: bool = False
    """Whether people come through a proxy with TLS: their cookie then never leaves it."""

    @property
    def span_keep(self) -> timedelta:
        """How long a span is kept."""
        return timedelta(days=self.span_keep_days)

    @property
    def session(self) -> timedelta:
        """How long a session lasts."""
        return timedelta(hours=self.session_hours)

    @property
    def key(self) -> str:
        """The key by which the console asks the services; empty where there is none."""
        path = self.secrets / CONSOLE_KEY
        return path.read_text().strip() if path.exists() else ""
