"""What the services stand on, as compose services: broker, database, and what watches them."""

from __future__ import annotations

from typing import Any

from infra.deploy import images
from infra.deploy.environment import USER

Part = dict[str, Any]
FOLDER = "./infra/deploy"
KAFKA_PORT, MONGO_PORT, OTLP_HTTP_PORT = 9092, 27017, 4318
SET = "rs0"
NO_SLOW_STATEMENT_MS = "2147483647"
"""A slow statement would be logged with its document, numbers of people among them (0022)."""
RUN_AS = f"${{WATCHBILL_UID:-{USER}}}:${{WATCHBILL_GID:-{USER}}}"
"""Who may read the secrets."""
SECRETS_DIR = "${WATCHBILL_SECRETS_DIR:-./.watchbill/secrets}"
FOREVER_MS = 9223372036854775807


def platform() -> dict[str, Part]:
    """The compose services that are not ours, by name. None of them is reachable from outside this machine."""
    return {
        "kafka": kafka(),
        "mongo": mongo(),
        "otel-collector": collector(),
        "jaeger": jaeger(),
        "prometheus": prometheus(),
    }


def healthcheck(*test: str, seconds: int = 10, start_seconds: int = 30) -> Part:
    """A check every `seconds`; failures in the first `start_seconds` do not count."""
    return {
        "test": ["CMD", *test],
        "interval": f"{seconds}s",
        "timeout": f"{seconds}s",
        "retries": 6,
        "start_period": f"{start_seconds}s",
    }


def kafka() -> Part:
    """One node in KRaft mode. Given any setting, the image drops its defaults: all of them stand here."""
    return {
        "image": images.KAFKA,
        "restart": "unless-stopped",
        "environment": {
            "CLUSTER_ID": "d2F0Y2hiaWxsLWthZmthMQ",
            "KAFKA_HEAP_OPTS": "-Xms128M -Xmx512M",
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": f"PLAINTEXT://:{KAFKA_PORT},CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://kafka:{KAFKA_PORT}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@kafka:9093",
            "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_DEFAULT_REPLICATION_FACTOR": "1",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_OFFSETS_RETENTION_MINUTES": "2147483647",
            "KAFKA_LOG_RETENTION_MS": "-1",
            "KAFKA_LOG_RETENTION_BYTES": "1073741824",
            "KAFKA_LOG_MESSAGE_TIMESTAMP_BEFORE_MAX_MS": str(FOREVER_MS),
            "KAFKA_LOG_MESSAGE_TIMESTAMP_AFTER_MAX_MS": str(FOREVER_MS),
        },
        "volumes": ["kafka-data:/var/lib/kafka/data"],
        "healthcheck": healthcheck(
            "/opt/kafka/bin/kafka-topics.sh", "--bootstrap-server", f"kafka:{KAFKA_PORT}", "--list", seconds=15
        ),
        "stop_grace_period": "60s",
    }


def mongo() -> Part:
    """A replica set of one, because transactions need a set; the check makes it when the folder is new."""
    script = "/etc/watchbill/mongo-set.js"
    return {
        "image": images.MONGO,
        "restart": "unless-stopped",
        "command": [
            "mongod", "--replSet", SET, "--bind_ip_all", "--port", str(MONGO_PORT),
            "--setParameter", "transactionLifetimeLimitSeconds=3", "--slowms",
            NO_SLOW_STATEMENT_MS,
        ],
        "volumes": ["mongo-data:/data/db", "mongo-config:/data/configdb", f"{FOLDER}/mongo-set.js:{script}:ro"],
        "healthcheck": healthcheck("mongosh", "--quiet", "--port", str(MONGO_PORT), "--file", script),
        "stop_grace_period": "60s",
    }  # fmt: skip


def collector() -> Part:
    """Takes spans and hands them on, to Jaeger and, with its key, to the console. No shell: no health check."""
    return {
        "image": images.COLLECTOR,
        "restart": "unless-stopped",
        "command": ["--config=/etc/otelcol/config.yaml"],
        "user": RUN_AS,
        "volumes": [
            f"{FOLDER}/otel-collector.yaml:/etc/otelcol/config.yaml:ro",
            f"{SECRETS_DIR}/trace-key:/run/watchbill/trace-key:ro",
        ],
        "depends_on": ["jaeger"],
        "read_only": True,
    }


def jaeger() -> Part:
    """Shows traces. It keeps them in memory: a trace is for looking into yesterday, not evidence."""
    return {
        "image": images.JAEGER,
        "restart": "unless-stopped",
        "environment": {"JAEGER_LISTEN_HOST": "0.0.0.0"},
        "ports": ["127.0.0.1:16686:16686"],
    }


def prometheus() -> Part:
    """Scrapes the services' metrics."""
    return {
        "image": images.PROMETHEUS,
        "restart": "unless-stopped",
        "command": [
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            "--storage.tsdb.retention.time=90d",
        ],
        "volumes": [
            f"{FOLDER}/prometheus.yaml:/etc/prometheus/prometheus.yml:ro",
            f"{FOLDER}/alerts.yaml:/etc/prometheus/alerts.yaml:ro",
            "prometheus-data:/prometheus",
        ],
        "ports": ["127.0.0.1:9090:9090"],
        "healthcheck": healthcheck("wget", "-q", "-O", "/dev/null", "http://127.0.0.1:9090/-/ready"),
    }
