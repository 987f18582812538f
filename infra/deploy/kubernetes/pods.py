"""One service as a StatefulSet: a pod that may do nothing but its work, under a name that stays."""

from __future__ import annotations

from typing import Any, NamedTuple

from infra.deploy.environment import SECRETS, STOP_SECONDS, USER, own
from infra.processes import HEALTH_PATH, READY_PATH, Process

Part = dict[str, Any]
SHARED = "watchbill"
"""The settings and the secrets that all services read; a service's own have its name behind it."""
SECRET_MODE = 0o440


class Need(NamedTuple):
    """What a pod is promised, and the most memory that it may take. Measured: docs/operations.md, Sizing."""

    cpu: str
    memory: str
    most: str


NEED = Need("50m", "192Mi", "512Mi")
MEMBERS = 2
"""Of each service that is proven with two (0023): one goes on where the other is away."""
ALONE = frozenset({"console"})
"""Nothing that people are told or paid by waits for it."""


def labels(process: Process) -> dict[str, str]:
    """By which everything of a service finds its pods."""
    return {"app.kubernetes.io/name": process.name, "app.kubernetes.io/part-of": SHARED}


def own_name(process: Process) -> str:
    """The name of what is this service's alone: settings, secret."""
    return f"{SHARED}-{process.name}"


def stateful_set(process: Process) -> Part:
    """Its members; the index of each is the instance by which broker and outbox know it, here as everywhere."""
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": str(process.http_port)}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": process.name, "labels": labels(process)},
        "spec": {
            "replicas": 1 if process.name in ALONE else MEMBERS,
            "serviceName": process.name,
            "selector": {"matchLabels": labels(process)},
            "template": {
                "metadata": {"labels": labels(process), "annotations": annotations},
                "spec": _pod(process),
            },
        },
    }


def _pod(process: Process) -> Part:
    return {
        "affinity": {"podAntiAffinity": _apart(process)},
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": STOP_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(process)],
        "volumes": [_secrets(process), {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}],
    }


def _apart(process: Process) -> Part:
    """Its members on different nodes, where there are several."""
    term = {"labelSelector": {"matchLabels": labels(process)}, "topologyKey": "kubernetes.io/hostname"}
    return {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}


def _container(process: Process) -> Part:
    """It has no liveness probe: what a restart helps ends itself (infra/runtime/watchdog.py), and a line that stopped
    because all it heard was bad would park more at every restart."""
    return {
        "name": process.name,
        "image": SHARED,
        "args": list(process.command),
        "env": [*({"name": name, "value": value} for name, value in own(process).items()), _instance()],
        "envFrom": [{"configMapRef": {"name": name}} for name in (SHARED, own_name(process))],
        "ports": [{"name": name, "containerPort": port} for name, port in ports(process).items()],
        "startupProbe": _probe(HEALTH_PATH, every=2, failures=60),
        "readinessProbe": _probe(READY_PATH, every=5, failures=2),
        "resources": {"requests": {"cpu": NEED.cpu, "memory": NEED.memory}, "limits": {"memory": NEED.most}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "secrets", "mountPath": SECRETS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def ports(process: Process) -> dict[str, int]:
    """Its ports by their names: `http`, and `gateway` for the setting `gateway_port`."""
    return {"http": process.http_port} | {name.removesuffix("_port"): port for name, port in process.ports.items()}


def _instance() -> Part:
    return {
        "name": "WATCHBILL_INSTANCE",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}},
    }


def _probe(path: str, every: int, failures: int) -> Part:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": every,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _secrets(process: Process) -> Part:
    """As files, none by `subPath`: what is changed reaches a pod that runs."""
    return {
        "name": "secrets",
        "projected": {
            "defaultMode": SECRET_MODE,
            "sources": [{"secret": {"name": name}} for name in (SHARED, own_name(process))],
        },
    }
