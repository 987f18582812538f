"""The AsyncAPI document: current, sound by the rules of AsyncAPI 3.0.0, and true of the wired rooms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from asyncapi3 import AsyncAPI3
from faststream.specification import AsyncAPI
from jsonschema import Draft7Validator, Draft202012Validator

from contracts.events.catalog import EVENTS, OWNERS, TOPICS
from contracts.events.published import example_of, text_of
from infra.deploy.asyncapi import FILE, rooms, whole_document, write
from infra.runtime.asyncapi import Document, asyncapi_document, server_of
from infra.runtime.bus import Bus, group_of, lines_of
from infra.runtime.letters import seal
from infra.runtime.room import Room

WHOLE = whole_document()
ROOMS = rooms()
DOCUMENTS = {"whole": WHOLE, **{room.name: asyncapi_document(room.ears) for room in ROOMS}}
NAME = re.compile(r"^[\w\d.\-_]+$")
each_document = pytest.mark.parametrize("name", DOCUMENTS)
each_room = pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)


def refs(part: Any) -> Iterator[str]:
    """Every reference in a document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for below in part:
            yield from refs(below)


def followed(document: Document, ref: str) -> Any:
    """What a reference leads to; KeyError where it leads nowhere."""
    found: Any = document
    for step in ref.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def schema_in(document: Document, part: dict[str, Any]) -> dict[str, Any]:
    """A schema of the document that stands by itself."""
    return {**part, "components": document["components"]}


def types_of(document: Document, operation: dict[str, Any]) -> set[str]:
    return {ref["$ref"].rpartition("/")[2] for ref in operation["messages"]}


def test_committed_document_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == text_of(WHOLE)
    assert [path.name for path in FILE.parent.glob("*.json")] == [FILE.name]


def test_document_is_written_anew(tmp_path: Any) -> None:
    write(tmp_path / "new" / "asyncapi.json")
    assert json.loads((tmp_path / "new" / "asyncapi.json").read_text(encoding="utf-8")) == WHOLE


@each_document
def test_document_fits_a_model_of_asyncapi_3(name: str) -> None:
    """A strict model of the specification that is not ours; unknown fields are errors."""
    AsyncAPI3.model_validate(DOCUMENTS[name])


@each_document
def test_every_reference_leads_somewhere(name: str) -> None:
    found = {ref: followed(DOCUMENTS[name], ref) for ref in refs(DOCUMENTS[name])}
    assert found
    assert all(ref.startswith("#/") and isinstance(part, dict) for ref, part in found.items())


@each_document
def test_document_has_what_the_standard_requires(name: str) -> None:
    document = DOCUMENTS[name]
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    assert all({"host", "protocol"} <= server.keys() for server in document["servers"].values())
    assert all(operation["action"] in ("send", "receive") for operation in document["operations"].values())
    assert all(NAME.match(part) for parts in document["components"].values() for part in parts)
    assert all(
        message["correlationId"]["location"].startswith("$message.header#/")
        for message in document["components"]["messages"].values()
    )


@each_document
def test_operations_use_messages_of_their_channel(name: str) -> None:
    document = DOCUMENTS[name]
    for operation in document["operations"].values():
        channel = operation["channel"]["$ref"]
        assert channel.startswith("#/channels/")
        offered = followed(document, channel)["messages"]
        assert operation["messages"]
        for message in operation["messages"]:
            place, _, type_name = message["$ref"].rpartition("/messages/")
            assert place == channel
            assert type_name in offered


@each_document
def test_schemas_are_schemas_and_take_the_examples(name: str) -> None:
    document = DOCUMENTS[name]
    for message in document["components"]["messages"].values():
        for part in (message["payload"], message["headers"], message["bindings"]["kafka"]["key"]):
            Draft7Validator.check_schema(part)
            Draft202012Validator.check_schema(part)
        validator = Draft7Validator(schema_in(document, message["payload"]))
        assert [error.message for one in message["examples"] for error in validator.iter_errors(one["payload"])] == []
    for schema in document["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)


def test_payload_schemas_refuse_a_wrong_example() -> None:
    for type_name, message in WHOLE["components"]["messages"].items():
        example = {**example_of(EVENTS[type_name]), "at": 1}
        assert not Draft7Validator(schema_in(WHOLE, message["payload"])).is_valid(example)


@pytest.mark.parametrize("type_name", EVENTS)
def test_sealed_letter_fits_the_document(type_name: str) -> None:
    event = EVENTS[type_name].model_validate(example_of(EVENTS[type_name]))
    message = WHOLE["components"]["messages"][type_name]
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    letter = seal(event, id="1", said_at=event.at, correlation="1", causation="1", trace=trace)
    headers = {name: value.decode() for name, value in letter.headers}
    validator = Draft7Validator(message["headers"] | {"additionalProperties": False})
    assert [error.message for error in validator.iter_errors(headers)] == []
    assert WHOLE["channels"][letter.topic]["messages"][type_name]
    assert letter.key.decode() in message["bindings"]["kafka"]["key"]["examples"]


def test_all_topics_and_events_are_there() -> None:
    assert set(WHOLE["channels"]) == set(TOPICS)
    assert set(WHOLE["components"]["messages"]) == set(EVENTS)


def test_each_event_is_said_by_its_owner() -> None:
    said = {
        (operation["tags"][0]["name"], name)
        for operation in WHOLE["operations"].values()
        if operation["action"] == "send"
        for name in types_of(WHOLE, operation)
    }
    assert said == {(owner, event.type()) for owner, events in OWNERS.items() for event in events}


@dataclass(frozen=True)
class Silent:
    """A line of these topics that nothing comes in on."""

    topics: tuple[str, ...]


@each_room
def test_faststream_hears_the_same(room: Room) -> None:
    """What bus.py subscribes to, as FastStream's own generator sees it."""
    lines: Any = [Silent(topics) for topics in lines_of(room.ears.topics)]
    broker = Bus(room.settings, room.ears, lines, room.health).broker
    theirs = AsyncAPI(broker, schema_version="3.0.0").to_specification().to_jsonable()
    payloads = [part for name, part in theirs["components"]["schemas"].items() if name.endswith(":Payload")]
    topics = {channel["address"] for channel in theirs["channels"].values()}
    heard = {ref.rpartition("/")[2] for ref in refs(payloads)}
    operations = [one for one in asyncapi_document(room.ears)["operations"].values() if one["action"] == "receive"]
    assert heard == {name for one in operations for name in types_of(WHOLE, one)}
    assert topics == {one["channel"]["$ref"].rpartition("/")[2] for one in operations}


@each_room
def test_room_is_part_of_the_whole(room: Room) -> None:
    document = DOCUMENTS[room.name]
    for key, operation in document["operations"].items():
        assert WHOLE["operations"][key] == operation
    assert {key for key in WHOLE["operations"] if key.startswith(f"{room.name}-")} == document["operations"].keys()
    for kind, parts in document["components"].items():
        assert {name: WHOLE["components"][kind][name] for name in parts} == parts


@each_room
def test_consumer_group_is_the_one_in_use(room: Room) -> None:
    operations = asyncapi_document(room.ears, database_prefix=room.settings.database_prefix)["operations"].values()
    groups = {json.dumps(one["bindings"]["kafka"]["groupId"]["enum"]) for one in operations if "bindings" in one}
    lines = lines_of(room.ears.topics)
    assert groups == {json.dumps([group_of(room.settings, room.name, line)]) for line in lines}


def test_secured_broker_is_documented_as_such() -> None:
    secured = asyncapi_document(*(room.ears for room in ROOMS), server=server_of(tls=True, user="assets"))
    (server,) = secured["servers"].values()
    assert (server["protocol"], server["security"]) == ("kafka-secure", [{"type": "scramSha512"}])
    assert {**secured, "servers": WHOLE["servers"]} == WHOLE
