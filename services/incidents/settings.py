"""What incidents reads from its environment: only what the runtime reads. Rules and clauses stand in agreements."""

from __future__ import annotations

from infra.runtime.settings import RuntimeSettings


class IncidentsSettings(RuntimeSettings):
    """Settings of incidents."""
