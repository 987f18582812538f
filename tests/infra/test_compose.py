"""docker-compose.yml: current, sound, and nothing in it but what the processes say. No engine runs here."""

from __future__ import annotations

import importlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import resources
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

from infra.deploy.compose import COMPOSE, PROMETHEUS, ROOT, compose_text, prometheus_text
from infra.deploy.environment import SECRETS
from infra.deploy.probe import answers
from infra.processes import PROCESSES, READY_PATH, Process
from infra.runtime.settings import RuntimeSettings
from infra.runtime.telemetry import TRACE_KEY

DOCUMENT: dict[str, Any] = yaml.safe_load(compose_text())
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
OURS = {process.name for process in PROCESSES}
DEPLOY = ROOT / "infra" / "deploy"
each_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)


def filled(text: str, given: Mapping[str, str] | None = None) -> str:
    """The text as compose fills it: `${NAME:-default}`."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: (given or {}).get(found[1]) or found[2], text)


def settings_of(process: Process) -> RuntimeSettings:
    """The settings that a service reads in its container; a name that it does not know is an error here."""
    model: type[RuntimeSettings] = type(importlib.import_module(f"{process.module}.app").room.settings)
    environment = {name: filled(value) for name, value in SERVICES[process.name]["environment"].items()}
    read = {
        name.removeprefix("WATCHBILL_").lower(): value
        for name, value in environment.items()
        if name.startswith("WATCHBILL_")
    }
    assert read.keys() <= model.model_fields.keys()
    return model.model_validate(read)


def test_committed_files_are_current() -> None:
    assert COMPOSE.read_text(encoding="utf-8") == compose_text()
    assert PROMETHEUS.read_text(encoding="utf-8") == prometheus_text()


def test_services_and_processes_are_the_same() -> None:
    built = {name for name, service in SERVICES.items() if "build" in service}
    assert built == OURS


@each_process
def test_command_is_that_of_the_process(process: Process) -> None:
    assert tuple(SERVICES[process.name]["command"]) == process.command


@each_process
def test_environment_is_that_of_the_process(process: Process) -> None:
    settings = settings_of(process)
    assert (settings.http_host, settings.http_port) == ("0.0.0.0", process.http_port)
    for name, port in process.ports.items():
        assert getattr(settings, name) == port
        assert getattr(settings, name.replace("_port", "_host")) == "0.0.0.0"
    environment = SERVICES[process.name]["environment"]
    for name, value in process.settings.items():
        assert environment[f"WATCHBILL_{name.upper()}"] == value
    assert environment.items() >= DOCUMENT["x-environment"].items()


@each_process
def test_other_settings_keep_their_defaults(process: Process) -> None:
    settings = settings_of(process)
    plain = type(settings)()
    named = {"http_host", "http_port", "kafka_servers", "mongo_url", "secrets", *process.ports, *process.settings}
    named |= {name.replace("_port", "_host") for name in process.ports} | {"services"}
    for name in type(settings).model_fields.keys() - named:
        assert getattr(settings, name) == getattr(plain, name), name


@each_process
def test_ports_are_those_of_the_process(process: Process) -> None:
    published = [filled(port) for port in SERVICES[process.name]["ports"]]
    assert published[0] == f"127.0.0.1:{process.http_port}:{process.http_port}"
    assert published[1:] == [f"{port}:{port}" for port in process.ports.values()]


@each_process
def test_health_check_asks_the_process(process: Process) -> None:
    test = SERVICES[process.name]["healthcheck"]["test"]
    assert test == ["CMD", "python", "-m", "infra.deploy.probe", f"http://127.0.0.1:{process.http_port}{READY_PATH}"]


@each_process
def test_services_are_locked_down(process: Process) -> None:
    service = SERVICES[process.name]
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not filled(service["user"]).startswith("0")
    assert [filled(volume) for volume in service["volumes"]] == [f"./.watchbill/secrets:{SECRETS}:ro"]
    assert str(settings_of(process).secrets) == SECRETS


def test_only_loggers_reach_us_from_outside() -> None:
    published = [filled(port) for service in SERVICES.values() for port in service.get("ports", ())]
    outside = {port for port in published if not port.startswith("127.0.0.1:")}
    assert outside == {f"{port}:{port}" for process in PROCESSES for port in process.ports.values()}
    hosts = [port.rpartition(":")[0] for port in published]
    assert len(hosts) == len(set(hosts))


def test_addresses_lead_to_services_of_ours() -> None:
    shared = DOCUMENT["x-environment"]
    kafka = SERVICES["kafka"]["environment"]
    assert kafka["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{shared['WATCHBILL_KAFKA_SERVERS']}"
    (member,) = re.findall(r'host: "([^"]+)"', (DEPLOY / "mongo-set.js").read_text(encoding="utf-8"))
    (replica_set,) = re.findall(r'_id: "([^"]+)"', (DEPLOY / "mongo-set.js").read_text(encoding="utf-8"))
    assert shared["WATCHBILL_MONGO_URL"] == f"mongodb://{member}/?replicaSet={replica_set}"
    assert replica_set in SERVICES["mongo"]["command"]
    collector = yaml.safe_load((DEPLOY / "otel-collector.yaml").read_text(encoding="utf-8"))
    port = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    assert shared["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://otel-collector:{port}"
    assert collector["exporters"]["otlp/jaeger"]["endpoint"].partition(":")[0] in SERVICES
    console = next(process for process in PROCESSES if process.name == "console")
    to_console = collector["exporters"]["otlphttp/console"]
    assert to_console["endpoint"] == f"http://console:{console.http_port}"
    (key,) = re.findall(r"^\$\{file:(.+)\}$", to_console["headers"]["x-api-key"])
    mounted = [filled(volume).split(":")[:2] for volume in SERVICES["otel-collector"]["volumes"]]
    assert [f"./.watchbill/secrets/{TRACE_KEY}", key] in mounted
    asked = json.loads(SERVICES["console"]["environment"]["WATCHBILL_SERVICES"])
    assert asked == {process.name: f"http://{process.name}:{process.http_port}" for process in PROCESSES}


def test_collector_uses_only_what_it_declares() -> None:
    collector = yaml.safe_load((DEPLOY / "otel-collector.yaml").read_text(encoding="utf-8"))
    pipeline = collector["service"]["pipelines"]["traces"]
    for kind in ("receivers", "processors", "exporters"):
        assert pipeline[kind] == list(collector[kind])


def test_prometheus_scrapes_each_process() -> None:
    jobs = yaml.safe_load(prometheus_text())["scrape_configs"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    assert targets == {process.name: [f"{process.name}:{process.http_port}"] for process in PROCESSES}


def test_everything_named_exists() -> None:
    volumes = [filled(volume) for service in SERVICES.values() for volume in service.get("volumes", ())]
    named = {volume.partition(":")[0] for volume in volumes}
    sources = {source for source in named if not source.startswith("./.watchbill/secrets")}
    files = {source for source in sources if source.startswith("./")}
    assert all((ROOT / file).is_file() for file in files)
    assert sources - files == DOCUMENT["volumes"].keys()
    waited = {name for service in SERVICES.values() for name in service.get("depends_on", ())}
    assert waited <= SERVICES.keys()
    assert all("healthcheck" in SERVICES[name] for name in SERVICES["assets"]["depends_on"])


def test_every_image_is_pinned() -> None:
    foreign = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    assert all(re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*", image) for image in foreign)


def test_compose_fits_its_published_schema() -> None:
    """The schema of the Compose specification comes with the package check-jsonschema."""
    vendored = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(vendored.read_text(encoding="utf-8"))
    validator = validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    assert not validator.is_valid({**DOCUMENT, "services": {"assets": {"imagine": "watchbill"}}})


@contextmanager
def server(status: int) -> Iterator[str]:
    """Something that always answers with this status."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    http = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/health/ready"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False)])
def test_probe_tells_ready_from_not(status: int, well: bool) -> None:
    with server(status) as url:
        assert answers(url) is well


def test_probe_of_nobody_ends_badly() -> None:
    with server(200) as url:
        pass
    assert answers(url) is False
