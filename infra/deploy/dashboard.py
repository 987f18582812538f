"""The Grafana dashboard of the metrics; `python -m infra.deploy.dashboard` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

DASHBOARD = Path(__file__).with_name("grafana-dashboard.json")
_WIDE, _HIGH = 8, 7


class Panel(NamedTuple):
    """One picture: a query, what its lines are called, and their unit in Grafana's words."""

    title: str
    query: str
    legend: str
    unit: str = "short"


PANELS = (
    Panel("不正常的部分 / parts not well", "watchbill_unwell_parts", "{{service}}"),
    Panel("落后条数 / records behind", "sum by (service, topic) (watchbill_lag_records)", "{{service}} {{topic}}"),
    Panel("待发事件 / events waiting to be said", "watchbill_outbox_waiting", "{{service}}"),
    Panel("最旧待发 / oldest waiting", "watchbill_outbox_oldest_seconds", "{{service}}", "s"),
    Panel(
        "处理的事件 / events handled",
        "sum by (service) (rate(watchbill_letters_handled_total[1m]))",
        "{{service}}",
        "ops",
    ),
    Panel(
        "发出的事件 / events said", "sum by (service) (rate(watchbill_letters_said_total[1m]))", "{{service}}", "ops"
    ),
    Panel(
        "一批耗时 p99 / time of a batch, p99",
        "histogram_quantile(0.99, sum by (le, service) (rate(watchbill_page_seconds_bucket[5m])))",
        "{{service}}",
        "s",
    ),
    Panel(
        "重复听到 / heard again", "sum by (service) (rate(watchbill_letters_repeated_total[5m]))", "{{service}}", "ops"
    ),
    Panel("搁置 / parked in an hour", "sum by (service) (increase(watchbill_letters_parked_total[1h]))", "{{service}}"),
    Panel("搁置中 / parked now", "watchbill_parked_letters", "{{service}}"),
    Panel(
        "重试 / tried again",
        "sum by (service, why) (rate(watchbill_pages_retried_total[5m]))",
        "{{service}} {{why}}",
        "ops",
    ),
    Panel("定时滞后 / timers late by", "watchbill_timer_lag_seconds", "{{service}}", "s"),
    Panel("逾期定时 / timers overdue", "watchbill_timers_overdue", "{{service}}"),
    Panel(
        "定时触发 / timers fired",
        "sum by (service, timer) (rate(watchbill_timers_fired_total[5m]))",
        "{{service}} {{timer}}",
        "ops",
    ),
    Panel(
        "站点报文 / frames from loggers",
        "sum by (outcome) (rate(watchbill_gateway_frames_total[1m]))",
        "{{outcome}}",
        "ops",
    ),
    Panel("数采仪连接 / logger connections", "watchbill_gateway_connections", "gateway"),
    Panel("已应答报文 / frames answered", "rate(watchbill_gateway_acknowledged_total[1m])", "9014", "ops"),
    Panel(
        "通知 / notices",
        "sum by (channel, outcome) (increase(watchbill_notices_total[1h]))",
        "{{channel}} {{outcome}}",
    ),
    Panel("未发出的通知 / messages waiting", "watchbill_messages_waiting", "{{state}}"),
    Panel("版本 / versions", "count by (service, version) (watchbill_build)", "{{service}} {{version}}"),
)


def dashboard_text() -> str:
    """The dashboard as Grafana imports it."""
    panels = [
        {
            "id": number + 1,
            "type": "timeseries",
            "title": panel.title,
            "gridPos": {"x": number % 3 * _WIDE, "y": number // 3 * _HIGH, "w": _WIDE, "h": _HIGH},
            "datasource": {"type": "prometheus", "uid": "${source}"},
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
            "targets": [{"refId": "A", "expr": panel.query, "legendFormat": panel.legend}],
        }
        for number, panel in enumerate(PANELS)
    ]
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    document = {
        "uid": "watchbill", "title": "值守单 Watchbill", "timezone": "Asia/Shanghai", "schemaVersion": 39,
        "refresh": "15s", "time": {"from": "now-6h", "to": "now"}, "templating": {"list": [source]}, "panels": panels,
    }  # fmt: skip
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    DASHBOARD.write_text(dashboard_text(), encoding="utf-8")
