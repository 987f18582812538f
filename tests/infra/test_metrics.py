"""Alerts, dashboard and documents speak of the metrics that there are, and of all of them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import prometheus_client
import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from infra.deploy.compose import ALERTS, ROOT
from infra.deploy.dashboard import DASHBOARD, PANELS, dashboard_text
from infra.deploy.metrics_table import table, written
from infra.runtime import metrics

ALERTS_DOCUMENT = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS_DOCUMENT["groups"] for rule in group["rules"]]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
KINDS = {name for name, kind in vars(prometheus_client).items() if kind in MetricWrapperBase.__subclasses__()}
_METRIC = re.compile(r"\bwatchbill_\w+")


def declared() -> Iterator[tuple[str, str, list[str]]]:
    """(name as it is declared, what it means, the names that it is asked by)."""
    for metric in vars(metrics).values():
        for family in metric.describe() if isinstance(metric, MetricWrapperBase) else ():
            more = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
            yield family.name, family.documentation, [family.name + end for end in more]


def asked(query: str) -> set[str]:
    return set(_METRIC.findall(query))


NAMES = {name for _, _, names in declared() for name in names}


def test_queries_ask_known_metrics() -> None:
    queries = [rule["expr"] for rule in RULES] + [panel.query for panel in PANELS]
    assert NAMES and all(asked(query) <= NAMES for query in queries)
    assert all(query == "up == 0" or asked(query) for query in queries)


def test_dashboard_shows_every_metric() -> None:
    shown = set().union(*(asked(panel.query) for panel in PANELS))
    assert [name for name, _, names in declared() if not shown.intersection(names)] == []
    assert DASHBOARD.read_text(encoding="utf-8") == dashboard_text()


def test_alerts_say_what_to_do() -> None:
    for rule in RULES:
        said = rule["annotations"]
        assert set(said) == {"summary", "action"} and rule["labels"]["severity"] in ("critical", "warning")
        assert all(re.search(r"[\u4e00-\u9fff].* / .*[a-z]", text) for text in said.values()), rule["alert"]
        assert f"| `{rule['alert']}` |" in OPERATIONS


def test_every_metric_is_documented() -> None:
    assert metrics.ADVICE.keys() == {name for name, _, _ in declared()}
    assert table() in OPERATIONS and written(OPERATIONS) == OPERATIONS


def test_names_are_in_the_registry() -> None:
    """So that a metric that nobody serves is not alarmed on."""
    known = {name for collector in list(REGISTRY._collector_to_names.values()) for name in collector}
    assert known >= NAMES


@pytest.mark.parametrize(
    "text",
    [
        "from prometheus_client import {kind} as Level",
        "from prometheus_client.metrics import {kind}",
        "import prometheus_client\nprometheus_client.{kind}('x', 'x')",
        "import prometheus_client.metrics as m\nm.{kind}('x', 'x')",
        "from prometheus_client import metrics\nmetrics.{kind}('x', 'x')",
        "from infra.runtime import metrics\nmetrics.{kind}('x', 'x')",
    ],
)
def test_metric_is_declared_in_one_module(text: str) -> None:
    """Of no kind anywhere else, however it is taken: `make check` refuses it."""
    for kind in KINDS:
        assert "TID251" in told(text.format(kind=kind), "services/notify/counter.py"), kind
    other = "from collections import Counter\nfrom infra.runtime import metrics\nCounter()\nmetrics.LAG\n"
    assert told(other, "services/notify/counter.py") == ""
    assert told("from prometheus_client import Gauge\nGauge\n", "infra/runtime/metrics.py") == ""


def told(text: str, place: str) -> str:
    """What ruff finds in a source file that says this and would stand there."""
    command = (sys.executable, "-m", "ruff", "check", "--select", "TID251", "--quiet", "--stdin-filename", place, "-")
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False).stdout
