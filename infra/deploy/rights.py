"""What each service may do with broker and database, from what it says and hears: least privilege, in one place.

`python -m infra.deploy.rights` writes the commands that give these rights, for `kafka-acls.sh` and `mongosh`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from contracts.events.catalog import OWNERS, TOPICS
from infra.deploy.asyncapi import rooms
from infra.processes import PROCESSES

Operation = Literal["Read", "Write", "Describe"]
KAFKA = Path(__file__).with_name("kafka-acls.sh")
MONGO = Path(__file__).with_name("mongo-users.js")
_HEAD = "Written by `python -m infra.deploy.rights`; do not edit."


class Right(NamedTuple):
    """What one principal may do. `by_prefix`: with everything whose name begins so."""

    principal: str
    operation: Operation
    resource: Literal["topic", "group"]
    name: str
    by_prefix: bool = False


def rights() -> Iterator[Right]:
    """Of all services, in the order of their names. Topics are made by the owner of the installation."""
    for room in sorted(rooms(), key=lambda one: one.name):
        says = {event.TOPIC for event in OWNERS[room.name]}
        hears = set(room.ears.topics)
        yield from (Right(room.name, "Write", "topic", topic) for topic in sorted(says))
        yield from (Right(room.name, "Read", "topic", topic) for topic in sorted(hears))
        yield from (Right(room.name, "Describe", "topic", topic) for topic in TOPICS if topic not in says | hears)
        yield Right(room.name, "Read", "group", f"watchbill.{room.name}.", by_prefix=True)


def kafka_commands() -> str:
    """A shell script; `$ADMIN` holds how the owner reaches the broker."""
    lines = (
        f"kafka-acls.sh $ADMIN --add --allow-principal User:{right.principal} --operation {right.operation}"
        f" --{right.resource} {right.name}{' --resource-pattern-type prefixed' if right.by_prefix else ''}"
        for right in rights()
    )
    how = "ADMIN='--bootstrap-server HOST:PORT --command-config owner.properties' sh kafka-acls.sh"
    return "\n".join(("#!/bin/sh", f"# {_HEAD}", f"# {how}", "set -eu", *lines, ""))


def mongo_commands() -> str:
    """A script for mongosh, run by an administrator: each service has a user that knows its own database only."""
    lines = (
        f'db.createUser({{ user: "{process.name}", pwd: passwords["{process.name}"],'
        f' roles: [{{ role: "readWrite", db: "watchbill_{process.name}" }}] }});'
        for process in PROCESSES
    )
    opens = 'const passwords = JSON.parse(require("fs").readFileSync(process.env.PASSWORDS, "utf8"));'
    how = "PASSWORDS=passwords.json mongosh URL/admin mongo-users.js   // passwords.json: {service: password}"
    return "\n".join((f"// {_HEAD}", f"// {how}", opens, *lines, ""))


if __name__ == "__main__":
    KAFKA.write_text(kafka_commands())
    MONGO.write_text(mongo_commands())
