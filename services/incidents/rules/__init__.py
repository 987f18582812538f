"""The fault rules: what a site's readings say about its faults. Pure; time is the readings' own (W3, W5).

`observe` takes one reading, `fall_silent` takes the time at which nothing came. Both give the site's next `Watch`
and the signs that faults are opened, cleared or paused by.
"""

from services.incidents.rules.book import contradicts, opened_by_people, reopened_by_people, resolved_by_people
from services.incidents.rules.identity import fault_id
from services.incidents.rules.observe import observe
from services.incidents.rules.outages import outages_of
from services.incidents.rules.plan import Plan, plan_of
from services.incidents.rules.signs import Again, Gone, Rewritten, Seen, Sign
from services.incidents.rules.silence import fall_silent, silent_from
from services.incidents.rules.watch import Doubt, OpenFault, Watch

__all__ = [
    "Again",
    "Doubt",
    "Gone",
    "OpenFault",
    "Plan",
    "Rewritten",
    "Seen",
    "Sign",
    "Watch",
    "contradicts",
    "fall_silent",
    "fault_id",
    "observe",
    "opened_by_people",
    "outages_of",
    "plan_of",
    "reopened_by_people",
    "resolved_by_people",
    "silent_from",
]
