"""The AsyncAPI 3.0 document of one or more services: what they hear, by their ears, and what they may say, by the
catalog. Why FastStream's own generator is not used stands in docs/decisions/0004-asyncapi.md."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from contracts.events.catalog import EVENTS, OWNERS, owner_of
from contracts.events.event import Event
from contracts.events.published import example_of, schemas_of
from contracts.events.titles import EVENT_TITLES, SERVICE_TITLES, TOPIC_TITLES
from infra.runtime.bus import lines_of
from infra.runtime.ears import Ears

VERSION = "1.0.0"
"""Of the document as a whole; each event carries its own version in its name."""
CONTENT_TYPE = "application/json"
KAFKA_BINDING = "0.5.0"
Document = dict[str, Any]
Spoken = tuple[str, str, str, tuple[type[Event], ...]]
"""Service, "hears" or "says", topic, and the event types."""


def server_of(*, tls: bool = False, user: str = "") -> Document:
    """The broker as this installation speaks to it. Its address is nobody's business here."""
    server = {"host": "kafka:9092", "protocol": "kafka-secure" if tls else "kafka", "description": "Apache Kafka 4"}
    return {**server, "security": [{"type": "scramSha512"}]} if user else server


def asyncapi_document(*heard: Ears, database_prefix: str = "watchbill", server: Document | None = None) -> Document:
    """The document of the services with these ears: one room, or all of them in one.

    Channels are topics, messages are event types. `database_prefix` names the consumer groups, as `bus.group_of` does.
    `server`: from `server_of`; by default a broker that asks nobody.
    """
    spoken = [part for ears in heard for part in (*_heard_by(ears), *_said_by(ears.service))]
    events = _in_order({event for _, _, _, types in spoken for event in types})
    groups = {one.service: _groups_of(one, database_prefix) for one in heard}
    return {
        "asyncapi": "3.0.0",
        "info": _info([ears.service for ears in heard]),
        "defaultContentType": CONTENT_TYPE,
        "servers": {"kafka": server or server_of()},
        "channels": {topic: _channel(topic, events) for topic in sorted({event.TOPIC for event in events})},
        "operations": {f"{part[0]}-{part[1]}-{part[2]}": _operation(*part, groups.get(part[0], {})) for part in spoken},
        "components": {
            "messages": {event.type(): _message(event) for event in events},
            "schemas": schemas_of(events, "#/components/schemas/"),
        },
    }


def _info(services: list[str]) -> Document:
    titles = [SERVICE_TITLES[service] for service in services]
    zh, en = "、".join(title.zh for title in titles), ", ".join(title.en for title in titles)
    return {
        "title": "Watchbill" if len(services) > 1 else f"Watchbill {services[0]}",
        "version": VERSION,
        "description": f"{zh}：各服务之间的事件。/ {en}: the events between services.\n\n"
        "CloudEvents 1.0, binary mode over Kafka: attributes are `ce_` headers, the body is the event as JSON. "
        "A topic is an aggregate's stream; the key names the aggregate, whose events keep their order. "
        "Unknown fields are read over. Events are delivered at least once; `ce_id` is the same each time.",
    }


def _in_order(events: Iterable[type[Event]]) -> list[type[Event]]:
    """In the catalog's order."""
    wanted = set(events)
    return [event for event in EVENTS.values() if event in wanted]


def _groups_of(ears: Ears, prefix: str) -> dict[str, str]:
    """The consumer group of each stream that a service hears."""
    return {topic: f"{prefix}.{ears.service}.{line[0]}" for line in lines_of(ears.topics) for topic in line}


def _heard_by(ears: Ears) -> Iterator[Spoken]:
    for topic in ears.topics:
        yield ears.service, "hears", topic, tuple(_in_order(ears.events_on((topic,))))


def _said_by(service: str) -> Iterator[Spoken]:
    said = OWNERS[service]
    for topic in sorted({event.TOPIC for event in said}):
        yield service, "says", topic, tuple(event for event in said if topic == event.TOPIC)


def _channel(topic: str, events: Iterable[type[Event]]) -> Document:
    own = [event.type() for event in events if topic == event.TOPIC]
    return {
        "address": topic,
        "title": TOPIC_TITLES[topic].zh,
        "summary": TOPIC_TITLES[topic].en,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in own},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": KAFKA_BINDING}},
    }


def _operation(
    service: str, verb: str, topic: str, events: tuple[type[Event], ...], groups: Mapping[str, str]
) -> Document:
    title = SERVICE_TITLES[service]
    action, zh = ("receive", "接收") if verb == "hears" else ("send", "发布")
    operation = {
        "action": action,
        "title": f"{title.zh}：{zh} {topic}",
        "summary": f"{service} {verb} {topic}",
        "tags": [{"name": service}],
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{event.type()}"} for event in events],
    }
    if action == "receive":
        group = {"type": "string", "enum": [groups[topic]]}
        operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": KAFKA_BINDING}}
    return operation


def _message(event: type[Event]) -> Document:
    name, title = event.type(), EVENT_TITLES[event.type()]
    return {
        "name": name,
        "title": title.zh,
        "summary": title.en,
        "description": inspect.getdoc(event) or "",
        "contentType": CONTENT_TYPE,
        "tags": [{"name": owner_of(event)}],
        "headers": _headers(event),
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "correlationId": {"location": "$message.header#/ce_correlationid", "description": "The id of the first cause."},
        "bindings": {"kafka": {"key": _key(event), "bindingVersion": KAFKA_BINDING}},
        "examples": [{"name": name, "summary": title.zh, "payload": example_of(event)}],
    }


def _key(event: type[Event]) -> Document:
    return {
        "type": "string",
        "description": f"The aggregate, UTF-8; the same as ce_subject. {TOPIC_TITLES[event.TOPIC]}",
        "examples": [event.model_validate(example_of(event)).key],
    }


def _headers(event: type[Event]) -> Document:
    """What `letters.seal` writes; each header is UTF-8 text."""
    fixed = {
        "ce_specversion": "1.0",
        "ce_type": event.type(),
        "ce_source": f"/watchbill/{owner_of(event)}",
        "content-type": CONTENT_TYPE,
    }
    told = {
        "ce_id": "The same however often it is delivered: hearers drop repeats by it.",
        "ce_subject": "The aggregate: the same as the Kafka key.",
        "ce_correlationid": "The id of the first cause.",
        "ce_causationid": "The id of the event, timer or request that made this one.",
    }
    trace = {"traceparent": "W3C Trace Context.", "tracestate": "W3C Trace Context."}
    texts = {name: {"type": "string", "description": words} for name, words in {**told, **trace}.items()}
    time = {"type": "string", "format": "date-time", "description": "When it was said; the body's `at` is event time."}
    constants = {name: {"type": "string", "const": value} for name, value in fixed.items()}
    return {
        "type": "object",
        "properties": {**constants, "ce_time": time, **texts},
        "required": sorted({*fixed, *told, "ce_time"}),
    }
