"""The notice templates there are: a route may name these, and notify has a text for each."""

from __future__ import annotations

TEMPLATES = frozenset(
    {
        "fault-opened",
        "fault-resolved",
        "inspection-missed",
        "settlement-computed",
        "sla-breach-withdrawn",
        "sla-breached",
        "sla-warned",
    }
)
