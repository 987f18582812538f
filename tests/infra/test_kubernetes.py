"""The Kubernetes manifests: current, sound, and what compose says too. No cluster runs here."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import kubernetes_validate
import pytest
import yaml

from contracts.events.catalog import TOPICS
from infra.deploy.environment import SECRETS, STOP_SECONDS, asked, own
from infra.deploy.kubernetes.__main__ import BASE, KUSTOMIZATION, manifests
from infra.processes import HEALTH_PATH, PROCESSES, READY_PATH, Process
from infra.runtime.settings import RuntimeSettings
from tests.live.pairs import SERVICES

OVERLAY = BASE.parent / "overlays" / "example"
OLDEST, NEWEST = "1.30", kubernetes_validate.latest_version()
PARTS: list[dict[str, Any]] = [
    part for name, text in manifests().items() if name != KUSTOMIZATION for part in yaml.safe_load_all(text)
]
SETTINGS: dict[str, dict[str, str]] = {
    made["name"]: dict(literal.split("=", 1) for literal in made["literals"])
    for made in yaml.safe_load(manifests()[KUSTOMIZATION])["configMapGenerator"]
}
each_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)


def named(part: Mapping[str, Any]) -> str:
    return f"{part['kind']} {part['metadata']['name']}"


def part(kind: str, process: Process) -> dict[str, Any]:
    """The part of this kind that has the service's name."""
    return {named(one): one for one in PARTS}[f"{kind} {process.name}"]


def pod(process: Process) -> dict[str, Any]:
    found: dict[str, Any] = part("StatefulSet", process)["spec"]["template"]["spec"]
    return found


def container(process: Process) -> dict[str, Any]:
    (found,) = pod(process)["containers"]
    return dict(found)


def environment(process: Process) -> dict[str, str]:
    """What the container's environment is, but for its instance."""
    given = [SETTINGS[source["configMapRef"]["name"]] for source in container(process)["envFrom"]]
    plain = {one["name"]: one["value"] for one in container(process)["env"] if "value" in one}
    return {name: value for some in [*given, plain] for name, value in some.items()}


def settings_of(process: Process, said: Mapping[str, str]) -> RuntimeSettings:
    """The settings that a service reads of this environment; a name that it does not know is an error here."""
    model: type[RuntimeSettings] = type(importlib.import_module(f"{process.module}.app").room.settings)
    ours = {name for name in said if name.startswith("WATCHBILL_")}
    read = {name.removeprefix("WATCHBILL_").lower(): said[name] for name in ours if said[name]}
    assert {name.removeprefix("WATCHBILL_").lower() for name in ours} <= model.model_fields.keys()
    return model.model_validate(read)


def selectors(one: Any) -> Iterator[dict[str, str]]:
    """Every set of labels by which a part looks for pods."""
    if isinstance(one, dict):
        found = one.get("selector") or one.get("podSelector")
        if found:
            yield found.get("matchLabels", found)
        for inner in one.values():
            yield from selectors(inner)
    for inner in one if isinstance(one, list) else ():
        yield from selectors(inner)


def test_committed_manifests_are_current() -> None:
    assert {file.name: file.read_text(encoding="utf-8") for file in BASE.iterdir()} == manifests()


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("one", PARTS, ids=named)
def test_manifest_fits_the_published_schema(one: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(one, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**one, "spec": {**one["spec"], "imagined": 1}}, version, strict=True)


@each_process
def test_pod_runs_the_process(process: Process) -> None:
    ran = container(process)
    assert (ran["image"], tuple(ran["args"])) == ("watchbill", process.command)
    said = environment(process)
    assert said.items() >= {**own(process), **asked(process)}.items()
    settings = settings_of(process, said)
    assert (settings.http_host, settings.http_port, str(settings.secrets)) == ("0.0.0.0", process.http_port, SECRETS)
    assert (settings.kafka_user, settings.mongo_user) == (process.name, process.name)
    files = (settings.kafka_ca, settings.mongo_ca, settings.kafka_password_file, settings.mongo_password_file)
    assert {str(file.parent) for file in files if file} == {SECRETS}


@each_process
def test_instance_is_the_index_of_the_pod(process: Process) -> None:
    """As in compose and `up`, the first is `0`: what it has in the outbox is its own wherever it moves."""
    (instance,) = [one for one in container(process)["env"] if one["name"] == "WATCHBILL_INSTANCE"]
    assert instance["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"
    assert RuntimeSettings().instance == "0"


@each_process
def test_services_have_the_members_they_are_proven_with(process: Process) -> None:
    """By `tests/live/test_two_members.py`, which plays these. They lie on different nodes, and one of them stays."""
    assert part("StatefulSet", process)["spec"]["replicas"] == (2 if process.name in SERVICES else 1)
    (wish,) = pod(process)["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert wish["podAffinityTerm"] == {
        "labelSelector": {"matchLabels": _labels(process)},
        "topologyKey": "kubernetes.io/hostname",
    }
    assert part("PodDisruptionBudget", process)["spec"]["maxUnavailable"] == 1


@each_process
def test_probes_ask_what_the_service_answers(process: Process) -> None:
    """None of them starts a service again: it ends itself when that helps, and stands still when people are to look."""
    asks = {name: ask["httpGet"] for name, ask in container(process).items() if name.endswith("Probe")}
    assert {name: ask["path"] for name, ask in asks.items()} == {
        "startupProbe": HEALTH_PATH,
        "readinessProbe": READY_PATH,
    }
    assert {ask["port"] for ask in asks.values()} == {"http"}


@each_process
def test_pod_may_do_nothing_but_its_work(process: Process) -> None:
    body, ran = pod(process), container(process)
    assert body["securityContext"]["runAsNonRoot"] and body["securityContext"]["runAsUser"] == 10001
    assert body["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (body["automountServiceAccountToken"], body["enableServiceLinks"]) == (False, False)
    assert body["terminationGracePeriodSeconds"] == STOP_SECONDS
    assert ran["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["mountPath"]: mount.get("readOnly", False) for mount in ran["volumeMounts"]} == {
        SECRETS: True,
        "/tmp": False,
    }
    assert {mount["name"] for mount in ran["volumeMounts"]} == {volume["name"] for volume in body["volumes"]}
    assert ran["resources"]["requests"].keys() == {"cpu", "memory"} and ran["resources"]["limits"].keys() == {"memory"}


@each_process
def test_every_port_of_the_process_is_reached(process: Process) -> None:
    opened = {one["name"]: one["containerPort"] for one in container(process)["ports"]}
    assert sorted(opened.values()) == sorted([process.http_port, *process.ports.values()])
    services = [one for one in PARTS if one["kind"] == "Service" and one["spec"]["selector"] == _labels(process)]
    assert {port["port"]: port["targetPort"] for one in services for port in one["spec"]["ports"]} == {
        port: name for name, port in opened.items()
    }
    outer = [one for one in services if one["spec"]["type"] == "LoadBalancer"]
    assert {port["port"] for one in outer for port in one["spec"]["ports"]} == set(process.ports.values())
    let_in = part("NetworkPolicy", process)["spec"]["ingress"]
    open_to_all = {port["port"] for rule in let_in if "from" not in rule for port in rule["ports"]}
    assert open_to_all == set(process.ports.values())


def _labels(process: Process) -> dict[str, str]:
    found: dict[str, str] = part("StatefulSet", process)["spec"]["template"]["metadata"]["labels"]
    return found


def test_selectors_find_pods_of_ours() -> None:
    pods = [_labels(process).items() for process in PROCESSES]
    looked_for = [labels for one in PARTS for labels in selectors(one)]
    assert len(looked_for) > len(PARTS)
    assert all(any(labels.items() <= found for found in pods) for labels in looked_for)


def test_kustomization_names_every_file() -> None:
    base = yaml.safe_load(manifests()[KUSTOMIZATION])
    assert sorted([*base["resources"], KUSTOMIZATION]) == sorted(file.name for file in BASE.iterdir())
    secrets = {source["secret"]["name"] for process in PROCESSES for source in _secrets(process)}
    assert secrets == SETTINGS.keys()


def _secrets(process: Process) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pod(process)["volumes"][0]["projected"]["sources"]
    return found


def test_example_changes_what_the_base_has() -> None:
    overlay = yaml.safe_load((OVERLAY / KUSTOMIZATION).read_text(encoding="utf-8"))
    for made in overlay["configMapGenerator"]:
        assert made["behavior"] == "merge"
        assert {literal.partition("=")[0] for literal in made["literals"]} <= SETTINGS[made["name"]].keys()
    (namespace,) = yaml.safe_load_all((OVERLAY / "namespace.yaml").read_text(encoding="utf-8"))
    kubernetes_validate.validate(namespace, NEWEST, strict=True)
    assert namespace["metadata"]["name"] == overlay["namespace"]


def test_readme_makes_every_topic() -> None:
    """Where rights are in force, services make none."""
    readme = (BASE.parents[1] / "README.md").read_text(encoding="utf-8")
    (named_there,) = re.findall(r"for topic in ([\w ]+); do", readme)
    assert set(named_there.split()) == set(TOPICS)
