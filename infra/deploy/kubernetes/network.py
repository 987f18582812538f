"""Who reaches a service, and whom it reaches; and that one of its pods at most is taken away at once."""

from __future__ import annotations

from infra.deploy.kubernetes.pods import SHARED, Part, labels, ports
from infra.deploy.platform import KAFKA_PORT, MONGO_PORT, OTLP_HTTP_PORT
from infra.processes import Process

CALLERS = {"watchbill/callers": "true"}
"""The label of namespaces whose pods may call the services: of the ingress, of Prometheus."""
TALKS_TO_THE_WORLD = frozenset({"notify"})
"""Services that call what lies anywhere: SMS gateway and mail server."""


def http(process: Process) -> Part:
    """The address of its HTTP API."""
    return _service(process.name, process, "ClusterIP", ["http"])


def outer(process: Process) -> Part:
    """The address of its further ports, for what lies outside of the cluster, which stays known by its own address."""
    further = [name for name in ports(process) if name != "http"]
    service = _service(f"{process.name}-{'-'.join(further)}", process, "LoadBalancer", further)
    service["spec"]["externalTrafficPolicy"] = "Local"
    return service


def _service(name: str, process: Process, kind: str, named: list[str]) -> Part:
    opened = [{"name": port, "port": ports(process)[port], "targetPort": port} for port in named]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels(process)},
        "spec": {"type": kind, "selector": labels(process), "ports": opened},
    }


def policy(process: Process) -> Part:
    """Closed but for this: HTTP from each other and from callers, further ports from everywhere; out to names, broker,
    database and traces."""
    calls = [{"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": SHARED}}}]
    calls += [{"namespaceSelector": {"matchLabels": CALLERS}}]
    further = [port for name, port in ports(process).items() if name != "http"]
    peers = sorted({KAFKA_PORT, MONGO_PORT, OTLP_HTTP_PORT})
    out = [
        {"ports": [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]},
        {"ports": [_tcp(port) for port in peers]},
        {"to": calls[:1]},
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": process.name, "labels": labels(process)},
        "spec": {
            "podSelector": {"matchLabels": labels(process)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {"from": calls, "ports": [_tcp(process.http_port)]},
                *({"ports": [_tcp(one)]} for one in further),
            ],
            "egress": [{}] if process.name in TALKS_TO_THE_WORLD else out,
        },
    }


def _tcp(port: int) -> Part:
    return {"port": port, "protocol": "TCP"}


def disruption_budget(process: Process) -> Part:
    """Nodes may be emptied at any time, one member after the other; a service of one says and hears the rest when it is
    back."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": process.name, "labels": labels(process)},
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": labels(process)},
        },
    }
