"""Producers: whoever says something says it idempotently, and waits for all replicas."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from contracts.events.catalog import OWNERS
from infra.runtime import bus
from infra.runtime.settings import RuntimeSettings
from watchbill.installation import ROOT

PRODUCT = ("contracts", "infra", "services", "watchbill")
CLOCK = "watchbill/commands/doctor/brokers.py"
"""Says nothing that is kept: it asks the broker what time it is, on a topic that it makes for that."""
ALL_REPLICAS = -1


def made() -> Iterator[tuple[str, dict[str | None, str]]]:
    """Each place of the product that makes a producer, with what it is given."""
    for path in (path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("AIOKafkaProducer"):
                yield str(path.relative_to(ROOT)), {word.arg: ast.unparse(word.value) for word in call.keywords}


def test_producers_are_idempotent_wherever_they_are_made() -> None:
    found = {place: given for place, given in made() if place != CLOCK}
    assert found.keys() == {"infra/runtime/bus.py", "watchbill/backups/streams.py"}
    for given in found.values():
        assert given["acks"] == "'all'" and given["enable_idempotence"] != "False"


@pytest.mark.parametrize("service", OWNERS)
async def test_producer_of_who_says_something_is_idempotent(service: str) -> None:
    """Who says nothing has no right to be."""
    producer = bus.new_producer(RuntimeSettings(), service)
    assert (producer._txn_manager is not None) == bool(OWNERS[service])
    assert producer._sender._acks == ALL_REPLICAS
    await producer.stop()
