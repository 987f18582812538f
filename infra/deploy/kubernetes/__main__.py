"""`python -m infra.deploy.kubernetes` writes the manifests of all services into `base/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from infra.deploy.compose import yaml_text
from infra.deploy.environment import EVERYWHERE, SECRETS, asked, variables
from infra.deploy.kubernetes import network
from infra.deploy.kubernetes.pods import SHARED, Part, own_name, stateful_set
from infra.deploy.platform import KAFKA_PORT, MONGO_PORT, SET
from infra.processes import PROCESSES, Process

BASE = Path(__file__).with_name("base")
KUSTOMIZATION = "kustomization.yaml"
HEAD = "# Made by `python -m infra.deploy.kubernetes` from infra/processes.py; do not edit, write an overlay.\n"


def manifests() -> dict[str, str]:
    """The files of the base by name."""
    services = {f"{process.name}.yaml": documents(process) for process in PROCESSES}
    texts = {name: HEAD + "---\n".join(yaml_text(part) for part in parts) for name, parts in services.items()}
    return texts | {KUSTOMIZATION: HEAD + yaml_text(kustomization(sorted(services)))}


def documents(process: Process) -> list[Part]:
    """All of one service."""
    addresses = [network.http(process), *([network.outer(process)] if process.ports else [])]
    return [stateful_set(process), *addresses, network.policy(process), network.disruption_budget(process)]


def kustomization(resources: list[str]) -> Part:
    """The base: its settings are merged with the overlay's, and a pod starts anew when one of them changes."""
    settings = {SHARED: shared(), **{own_name(process): dict(secured(process)) for process in PROCESSES}}
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
        "images": [{"name": SHARED, "newTag": "local"}],
        "configMapGenerator": [
            {"name": name, "literals": [f"{variable}={value}" for variable, value in said.items()]}
            for name, said in settings.items()
        ],
    }


def shared() -> dict[str, str]:
    """Settings of all services. Broker and database are the installer's own, and ask who calls (0016)."""
    return variables(
        {
            "kafka_servers": f"kafka:{KAFKA_PORT}",
            "kafka_replicas": "3",
            "kafka_ca": f"{SECRETS}/kafka-ca.pem",
            "mongo_url": f"mongodb://mongo:{MONGO_PORT}/?replicaSet={SET}",
            "mongo_ca": f"{SECRETS}/mongo-ca.pem",
            "http_host": EVERYWHERE,
            "secrets": SECRETS,
            "log_level": "INFO",
        }
    ) | {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}


def secured(process: Process) -> Iterator[tuple[str, str]]:
    """Settings of one service: who it is to broker and database, and what only the installer knows."""
    for known in ("kafka", "mongo"):
        yield from variables(
            {f"{known}_user": process.name, f"{known}_password_file": f"{SECRETS}/{known}-password"}
        ).items()
    yield from asked(process).items()


def write() -> None:
    """Writes the base anew; a service that is no more leaves no file."""
    for old in BASE.glob("*.yaml"):
        old.unlink()
    for name, text in manifests().items():
        (BASE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
