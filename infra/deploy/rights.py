"""What each service may do with broker and database, from what it says and hears: least privilege, in one place.

Whoever takes backups reads everything and writes nothing, whoever restores one writes everything (0017).

`python -m infra.deploy.rights` writes the commands that give these rights, for `kafka-acls.sh` and `mongosh`; with a
`DATABASE_PREFIX` as its argument it prints those of that installation.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

from contracts.events.catalog import OWNERS, TOPICS
from infra.deploy.asyncapi import rooms
from infra.processes import PROCESSES
from infra.runtime.settings import RuntimeSettings

Operation = Literal["Read", "Write", "Describe"]
KAFKA = Path(__file__).with_name("kafka-acls.sh")
MONGO = Path(__file__).with_name("mongo-users.js")
DEFAULT = "watchbill"
BACKUP, RESTORE = "backup", "restore"
_HEAD = "Written by `python -m infra.deploy.rights`; do not edit."


class Right(NamedTuple):
    """What one principal may do. `by_prefix`: with everything whose name begins so."""

    principal: str
    operation: Operation
    resource: Literal["topic", "group"]
    name: str
    by_prefix: bool = False


def rights(prefix: str = DEFAULT) -> Iterator[Right]:
    """Of all services, in the order of their names. Topics are made by the owner of the installation.

    `prefix`: the installation's `DATABASE_PREFIX`.
    """
    streams = RuntimeSettings(database_prefix=prefix).streams
    for room in sorted(rooms(), key=lambda one: one.name):
        says = {event.TOPIC for event in OWNERS[room.name]}
        hears = set(room.ears.topics)
        others = set(TOPICS) - says - hears
        operations: tuple[tuple[Operation, set[str]], ...] = (("Write", says), ("Read", hears), ("Describe", others))
        for operation, topics in operations:
            yield from (Right(room.name, operation, "topic", streams + topic) for topic in sorted(topics))
        yield Right(room.name, "Read", "group", f"{prefix}.{room.name}.", by_prefix=True)
    yield from (Right(BACKUP, "Read", "topic", streams + topic) for topic in sorted(TOPICS))
    yield Right(BACKUP, "Describe", "group", f"{prefix}.", by_prefix=True)
    yield from (Right(RESTORE, "Write", "topic", streams + topic) for topic in sorted(TOPICS))


def users(prefix: str = DEFAULT) -> dict[str, list[dict[str, str]]]:
    """The users of the database, with their roles: a service knows its own only."""
    known = [process.name for process in PROCESSES]
    own = {name: [{"role": "readWrite", "db": f"{prefix}_{name}"}] for name in known}
    all_of = {BACKUP: "read", RESTORE: "readWrite"}
    return own | {user: [{"role": role, "db": f"{prefix}_{name}"} for name in known] for user, role in all_of.items()}


def kafka_commands(prefix: str = DEFAULT) -> str:
    """A shell script; `$ADMIN` holds how the owner reaches the broker."""
    alike = groupby(rights(prefix), key=lambda one: (one.principal, one.operation, one.resource, one.by_prefix))
    lines = (
        f"kafka-acls.sh $ADMIN --add --allow-principal User:{principal} --operation {operation}"
        f"{''.join(f' --{resource} {right.name}' for right in same)}"
        f"{' --resource-pattern-type prefixed' if by_prefix else ''}"
        for (principal, operation, resource, by_prefix), same in alike
    )
    how = "ADMIN='--bootstrap-server HOST:PORT --command-config owner.properties' sh kafka-acls.sh"
    return "\n".join(("#!/bin/sh", f"# {_HEAD}", f"# {how}", "set -eu", *lines, ""))


def mongo_commands(prefix: str = DEFAULT) -> str:
    """A script for mongosh, run by an administrator."""
    lines = (
        f'db.createUser({{ user: "{user}", pwd: passwords["{user}"], roles: {json.dumps(roles)} }});'
        for user, roles in users(prefix).items()
    )
    opens = 'const passwords = JSON.parse(require("fs").readFileSync(process.env.PASSWORDS, "utf8"));'
    how = "PASSWORDS=passwords.json mongosh URL/admin mongo-users.js   // passwords.json: {user: password}"
    return "\n".join((f"// {_HEAD}", f"// {how}", opens, *lines, ""))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(kafka_commands(sys.argv[1]), mongo_commands(sys.argv[1]), sep="\n")  # noqa: T201
    else:
        KAFKA.write_text(kafka_commands())
        MONGO.write_text(mongo_commands())
