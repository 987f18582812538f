"""Every metric there is: what it means, and what to do about it.

Alerts, dashboard and the table in docs/operations.md are made of these, or checked against them.
"""

from __future__ import annotations

from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

M = TypeVar("M", bound=MetricWrapperBase)
ADVICE: dict[str, str] = {}
"""By the name of a metric: what to do about it."""


def _with(metric: M, advice: str) -> M:
    ADVICE.update({family.name: advice for family in metric.describe()})
    return metric


HANDLED = _with(
    Counter("watchbill_letters_handled", "Letters that had their effect", ["service", "handler"]),
    "nothing; where it stands still while letters come, look at the lag",
)
REPEATED = _with(
    Counter("watchbill_letters_repeated", "Letters heard before, and so without effect", ["service"]),
    "nothing after a crash or a rebalance; all the time: a consumer that cannot commit, see its log",
)
PARKED = _with(
    Counter("watchbill_letters_parked", "Letters put aside with a reason", ["service"]),
    "`watchbill parked list` says why; mend it, then `parked redrive`",
)
PARKED_NOW = _with(
    Gauge("watchbill_parked_letters", "Letters and timers that lie parked now", ["service"]),
    "`watchbill parked list`; it goes back to 0 when they are heard again",
)
RETRIED = _with(
    Counter("watchbill_pages_retried", "Pages tried again after a passing error", ["service", "why"]),
    "look at Kafka and MongoDB: elections, connections; `conflict`: two writers of one state",
)
PAGE_SECONDS = _with(
    Histogram(
        "watchbill_page_seconds",
        "Time from taking a batch to its commit",
        ["service"],
        buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
    ),
    "above a second: the database's load, disk and indexes (`watchbill doctor`)",
)
LAG = _with(
    Gauge("watchbill_lag_records", "Records that are there and not heard yet, by topic", ["service", "topic"]),
    "growing for hours: the machine is too small, see sizing; growing and nothing handled: `/health/ready`",
)
UNWELL = _with(
    Gauge("watchbill_unwell_parts", "Parts that are not well", ["service"]),
    "`/health/ready` says which and why",
)
BUILD = _with(
    Gauge("watchbill_build", "1, with the version of the code that runs", ["service", "version"]),
    "more than one version for longer than a rolling upgrade: some instance was left behind",
)
SAID = _with(
    Counter("watchbill_letters_said", "Letters that Kafka has taken from the outbox", ["service"]),
    "nothing; where it stands still, look at the outbox",
)
OUTBOX = _with(
    Gauge("watchbill_outbox_waiting", "Letters committed and not yet taken by Kafka, or only just", ["service"]),
    "look at Kafka; nothing is lost, they go out when it is back",
)
OUTBOX_AGE = _with(
    Gauge(
        "watchbill_outbox_oldest_seconds", "Age of the oldest letter that waits, or was only just taken", ["service"]
    ),
    "above a minute: look at Kafka; where an instance is gone for good, start it once more under its name",
)
TIMER_LAG = _with(
    Gauge("watchbill_timer_lag_seconds", "Now minus the oldest due timer", ["service"]),
    "above a few seconds timers are late: the service's log; breaches keep their true second",
)
OVERDUE = _with(
    Gauge("watchbill_timers_overdue", "Timers that are due and have not fired", ["service"]),
    "above 0 for longer than seconds: the service's log, then `watchbill parked list`",
)
FIRED = _with(
    Counter("watchbill_timers_fired", "Timers that had their effect", ["service", "timer"]),
    "nothing",
)
FRAMES = _with(
    Counter("watchbill_gateway_frames", "Frames from loggers, by what became of them", ["outcome"]),
    "many refused: `watchbill doctor` names reasons and stations; none at all: port, firewall, network",
)
CONNECTIONS = _with(
    Gauge("watchbill_gateway_connections", "Open logger connections"),
    "fewer than stations: `watchbill doctor` names the silent ones; near `GATEWAY_CONNECTIONS_MAX`: who connects?",
)
ACKNOWLEDGED = _with(
    Counter("watchbill_gateway_acknowledged", "Frames answered with 9014, after Kafka had them"),
    "nothing; far fewer than frames taken: Kafka is slow or away",
)
NOTICES = _with(
    Counter("watchbill_notices", "Notices by channel and what became of them", ["channel", "outcome"]),
    "`failed`: the account at the SMS gateway or mail server, then `POST /v1/messages/{id}/resend`",
)
MESSAGES = _with(
    Gauge("watchbill_messages_waiting", "Messages that have not gone out: quiet hours, storms, tries", ["state"]),
    "`queued` and growing: the SMS gateway or mail server refuses or is away, see notify's log",
)
