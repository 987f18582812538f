"""What a caller is shown of a story: whom a notice went to, as in the list of notices itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from infra.runtime.security import Identity
from services.console.domain.names import Names
from services.console.domain.story import Told


def told_to(caller: Identity, told: Sequence[Told], names: Names) -> tuple[Told, ...]:
    """Suppliers are shown their own people only, auditors no person at all; the group stays."""
    return tuple(one if _knows(caller, one, names) else replace(one, person="") for one in told)


def _knows(caller: Identity, told: Told, names: Names) -> bool:
    if caller.role in ("administrator", "buyer"):
        return True
    group = names.groups.get(told.group)
    return caller.role == "supplier" and group is not None and group.party == caller.organisation
