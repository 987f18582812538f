"""The foreign images, pinned. The broker is the release that the tests run on; MongoDB is a release in support, which
the wheel of the embedded run is not."""

from __future__ import annotations

KAFKA = "apache/kafka:4.1.0"
MONGO = "mongo:8.0.13"
COLLECTOR = "otel/opentelemetry-collector:0.136.0"
JAEGER = "jaegertracing/jaeger:2.19.0"
PROMETHEUS = "prom/prometheus:v3.5.0"
