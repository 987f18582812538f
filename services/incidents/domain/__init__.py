"""The decisions about faults: open, move on, pause, resolve, and what their SLA clocks say (W5). Pure."""

from services.incidents.domain.fault import Alarm, Fault, Warned
from services.incidents.domain.opening import Found, open_fault
from services.incidents.domain.refusal import Refused
from services.incidents.domain.site import SiteWatch
from services.incidents.domain.sitting import Ruling, Sitting, Terms
from services.incidents.domain.sla import Derived, re_derive
from services.incidents.domain.steps import with_step

__all__ = [
    "Alarm",
    "Derived",
    "Fault",
    "Found",
    "Refused",
    "Ruling",
    "SiteWatch",
    "Sitting",
    "Terms",
    "Warned",
    "open_fault",
    "re_derive",
    "with_step",
]
