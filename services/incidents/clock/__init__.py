"""The SLA clock: when a promise about a fault ends, derived from what is known of the fault and nothing else (W5)."""

from services.incidents.clock.derivation import clocks_of, derive
from services.incidents.clock.explanation import DayRun, Explanation, explain, explain_events
from services.incidents.clock.face import Clock, Segment, State

__all__ = ["Clock", "DayRun", "Explanation", "Segment", "State", "clocks_of", "derive", "explain", "explain_events"]
