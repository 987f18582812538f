"""Every metric there is, with its meaning. Alerts, dashboard and documents are checked against these names."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

HANDLED = Counter("watchbill_letters_handled", "Letters that had their effect", ["service", "handler"])
REPEATED = Counter("watchbill_letters_repeated", "Letters heard before, and so without effect", ["service"])
PARKED = Counter(
    "watchbill_letters_parked", "Letters put aside with a reason: look at `watchbill parked list`", ["service"]
)
RETRIED = Counter("watchbill_pages_retried", "Pages tried again after a passing error", ["service", "why"])
PAGE_SECONDS = Histogram(
    "watchbill_page_seconds",
    "Time from taking a batch to its commit",
    ["service"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
LAG = Gauge("watchbill_lag_records", "Records that are there and not heard yet, by topic", ["service", "topic"])
UNWELL = Gauge("watchbill_unwell_parts", "Parts that are not well: `/health/ready` says which and why", ["service"])
SAID = Counter("watchbill_letters_said", "Letters that Kafka has taken from the outbox", ["service"])
OUTBOX = Gauge("watchbill_outbox_waiting", "Letters committed and not yet taken by Kafka", ["service"])
TIMER_LAG = Gauge(
    "watchbill_timer_lag_seconds", "Now minus the oldest due timer: above a few seconds, timers are late", ["service"]
)
FIRED = Counter("watchbill_timers_fired", "Timers that had their effect", ["service", "timer"])
FRAMES = Counter("watchbill_gateway_frames", "Frames from loggers, by what became of them", ["outcome"])
CONNECTIONS = Gauge("watchbill_gateway_connections", "Open logger connections")
ACKNOWLEDGED = Counter("watchbill_gateway_acknowledged", "Frames answered with 9014, after Kafka had them")
NOTICES = Counter("watchbill_notices", "Notices by channel and what became of them", ["channel", "outcome"])
