"""What inspections reads from its environment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from infra.runtime.settings import RuntimeSettings


class InspectionsSettings(RuntimeSettings):
    """Settings of inspections."""

    horizon_days: int = Field(default=7, ge=1, le=62)
    """How far ahead tasks are put on the list."""

    @property
    def horizon(self) -> timedelta:
        """The same, as a duration."""
        return timedelta(days=self.horizon_days)
