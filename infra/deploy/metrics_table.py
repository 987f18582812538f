"""The table of metrics in docs/operations.md; `python -m infra.deploy.metrics_table` writes it anew."""

from __future__ import annotations

import re
from collections.abc import Iterator

from prometheus_client.metrics import MetricWrapperBase

from infra.deploy.compose import ROOT
from infra.runtime import metrics

OPERATIONS = ROOT / "docs" / "operations.md"
_BEGINS, _ENDS = "<!-- metrics: made by python -m infra.deploy.metrics_table -->", "<!-- end of metrics -->"


def table() -> str:
    """One row a metric, as `infra/runtime/metrics.py` declares them."""
    head = "| metric | kind | labels | meaning | what to do |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(_rows())


def _rows() -> Iterator[str]:
    for metric in vars(metrics).values():
        for family in metric.describe() if isinstance(metric, MetricWrapperBase) else ():
            labels = ", ".join(metric._labelnames)
            cells = f"`{family.name}`", family.type, labels, family.documentation, metrics.ADVICE[family.name]
            yield f"| {' | '.join(cells)} |\n"


def written(text: str) -> str:
    """The text with the table between its marks."""
    return re.sub(f"{_BEGINS}.*?{_ENDS}", lambda _: f"{_BEGINS}\n{table()}{_ENDS}", text, flags=re.DOTALL)


if __name__ == "__main__":
    OPERATIONS.write_text(written(OPERATIONS.read_text("utf-8")), "utf-8")
