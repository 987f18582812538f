"""What the console reads from its environment. Passwords and keys are files in the secrets folder, never values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from infra.runtime.settings import RuntimeSettings

CONSOLE_KEY = "console-key"


def _from_json(text: Any) -> Any:
    return json.loads(text) if isinstance(text, str) else text


class ConsoleSettings(RuntimeSettings):
    """Settings of the console. Secret files: `people.json` (who may sign in), `console-key` (to ask the services)."""

    services: Annotated[Mapping[str, str], NoDecode, BeforeValidator(_from_json)] = {}
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
