"""The id of a fault: the same fault, found again, has the same id."""

from __future__ import annotations

import uuid
from datetime import datetime

from contracts.ids import id_of
from services.incidents.rules.instants import ms_of

_FAULTS = uuid.UUID("3d0c0a1e-5a6b-4d3e-9d0f-2f0a8c6f7b11")


def fault_id(agreement: str, asset: str, kind: str, opened_at: datetime) -> str:
    """The UUID (version 5, as text) of the fault of this kind that opened on this asset then (aware)."""
    return id_of(_FAULTS, f"{agreement}|{asset}|{kind}|{ms_of(opened_at)}")
