"""docker-compose.yml and the Prometheus configuration, made from infra/processes.py; `python -m infra.deploy.compose`
writes them anew."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from infra.deploy.environment import EVERYWHERE, SECRETS, STOP_SECONDS, asked, own
from infra.deploy.platform import (
    KAFKA_PORT,
    MONGO_PORT,
    OTLP_HTTP_PORT,
    RUN_AS,
    SECRETS_DIR,
    SET,
    healthcheck,
    platform,
)
from infra.processes import PROCESSES, READY_PATH, Process

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
PROMETHEUS = ROOT / "infra" / "deploy" / "prometheus.yaml"
ALERTS = ROOT / "infra" / "deploy" / "alerts.yaml"
HEAD = """\
# Made by `python -m infra.deploy.compose` from infra/processes.py: do not edit; a file docker-compose.override.yml may
# change anything. How to start, and what to set: infra/deploy/README.md.
"""
SHARED: Mapping[str, str] = {
    "WATCHBILL_KAFKA_SERVERS": f"kafka:{KAFKA_PORT}",
    "WATCHBILL_MONGO_URL": f"mongodb://mongo:{MONGO_PORT}/?replicaSet={SET}",
    "WATCHBILL_HTTP_HOST": EVERYWHERE,
    "WATCHBILL_SECRETS": SECRETS,
    "WATCHBILL_LOG_LEVEL": "${WATCHBILL_LOG_LEVEL:-INFO}",
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://otel-collector:{OTLP_HTTP_PORT}",
}


def compose_text() -> str:
    """docker-compose.yml: the services, each its own process of one image, and what they stand on."""
    document = {
        "name": "watchbill",
        "x-environment": dict(SHARED),
        "x-service": _service(),
        "services": {**{process.name: _process(process) for process in PROCESSES}, **platform()},
        "volumes": {name: {} for name in ("kafka-data", "mongo-data", "mongo-config", "prometheus-data")},
    }
    return HEAD + _anchored(yaml_text(document))


def prometheus_text() -> str:
    """The Prometheus configuration: the metrics of each service, under its name."""
    jobs = [
        {"job_name": process.name, "static_configs": [{"targets": [f"{process.name}:{process.http_port}"]}]}
        for process in PROCESSES
    ]
    head = "# Made by `python -m infra.deploy.compose` from infra/processes.py: do not edit.\n"
    return head + yaml_text({"global": {"scrape_interval": "15s"}, "rule_files": [ALERTS.name], "scrape_configs": jobs})


def write() -> None:
    """Writes both files."""
    COMPOSE.write_text(compose_text(), encoding="utf-8")
    PROMETHEUS.write_text(prometheus_text(), encoding="utf-8")


def _service() -> dict[str, Any]:
    """What they share. They open patiently, but waiting keeps the first log clean."""
    return {
        "image": "watchbill:${WATCHBILL_VERSION:-local}",
        "build": {"context": ".", "dockerfile": "infra/deploy/Dockerfile"},
        "restart": "unless-stopped",
        "init": True,
        "user": RUN_AS,
        "read_only": True,
        "tmpfs": ["/tmp"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "volumes": [f"{SECRETS_DIR}:{SECRETS}:ro"],
        "depends_on": {"kafka": {"condition": "service_healthy"}, "mongo": {"condition": "service_healthy"}},
        "stop_grace_period": f"{STOP_SECONDS}s",
    }


def _process(process: Process) -> dict[str, Any]:
    ready = f"http://127.0.0.1:{process.http_port}{READY_PATH}"
    return {
        "<<": "*service",
        "command": list(process.command),
        "environment": {"<<": "*environment", **_environment(process)},
        "ports": _ports(process),
        "healthcheck": healthcheck("python", "-m", "infra.deploy.probe", ready, start_seconds=60),
    }


def _environment(process: Process) -> dict[str, str]:
    """What the installer may set is taken from the environment of compose or its file `.env`."""
    return own(process) | {name: f"${{{name}:-{default}}}" for name, default in asked(process).items()}


def _ports(process: Process) -> list[str]:
    """HTTP for this machine only, where a proxy with TLS stands before it; the other ports for everybody."""
    http = f"${{WATCHBILL_HTTP_BIND:-127.0.0.1}}:{process.http_port}:{process.http_port}"
    return [http, *(f"{port}:{port}" for port in process.ports.values())]


def _anchored(text: str) -> str:
    """The shared parts as anchors that the services merge; no writer of YAML has a steady way to say this."""
    for name in ("environment", "service"):
        text = text.replace(f"\nx-{name}:\n", f"\nx-{name}: &{name}\n").replace(f"'<<': '*{name}'", f"<<: *{name}")
    return text


def yaml_text(document: dict[str, Any]) -> str:
    """The document as all of our files are written."""
    yaml = YAML()
    yaml.width = 120
    yaml.representer.ignore_aliases = lambda *_: True
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()


if __name__ == "__main__":
    write()
