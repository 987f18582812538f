"""The database: whether it takes transactions, and whether its indexes are those that the rooms declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pymongo import IndexModel

from infra.deploy.asyncapi import rooms
from infra.runtime.ledger import runtime_indexes
from watchbill.commands.doctor.asking import Asking
from watchbill.commands.doctor.finding import Finding, bad, ok, warn

HEALTHY = (1, 2, 7)
"""States of a member of a replica set: primary, secondary, arbiter."""


def check_mongo(asking: Asking) -> Iterator[Finding]:
    """The database is the primary of its replica set: without one there are no transactions."""
    log, hello = asking.addresses.place.log("mongo"), asking.primary
    todo = (f"查看日志 {log}", f"see {log}")
    if hello is None:
        found = ("MongoDB 没有应答，或没有主节点", "MongoDB does not answer, or its set has no primary")
        yield bad("mongo", found, todo)
    elif not (hello.get("setName") and hello.get("isWritablePrimary")):
        yield bad("mongo", ("MongoDB 不是副本集主节点", "MongoDB is no primary of a replica set"), todo)
    elif ill := _ill_members(asking, hello):
        said = ", ".join(ill)
        found = (f"副本集成员异常：{said}", f"members of the replica set are not well: {said}")
        yield bad("mongo", found, ("检查这些节点", "look at these machines"), members=ill)
    else:
        named = f"{hello['setName']}, {hello['version']}"
        yield ok(
            "mongo", f"MongoDB 正常，主节点（{named}）", f"MongoDB answers as primary ({named})", set=hello["setName"]
        )


def _ill_members(asking: Asking, hello: Mapping[str, Any]) -> list[str]:
    """Asked where there are several: it takes a right that a user of one database does not have."""
    if len(hello.get("hosts", ())) < 2:
        return []
    members = asking.mongo.admin.command("replSetGetStatus")["members"]
    return [f"{one['name']} {one['stateStr']}" for one in members if one["state"] not in HEALTHY]


def check_indexes(asking: Asking) -> Iterator[Finding]:
    """Each room's indexes are there, and no others. Says nothing where the database is away."""
    if asking.primary is None:
        return
    wrong: list[Finding] = []
    number = 0
    for room in rooms():
        declared = runtime_indexes(asking.settings.inbox_keep_days) | {
            name: list(indexes) for name, indexes in room.indexes.items()
        }
        database = asking.mongo[f"{asking.settings.database_prefix}_{room.name}"]
        for collection, indexes in declared.items():
            wrong += compared(f"{room.name}.{collection}", indexes, database[collection].index_information())
            number += len(indexes)
    yield from wrong
    if not wrong:
        yield ok("indexes", f"{number} 个索引齐全，没有多余的", f"all {number} indexes are there, and no others")


def compared(where: str, declared: Sequence[IndexModel], there: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """What is missing or foreign in `there`, the database's own words for a collection's indexes. Pure."""
    wanted = {_key(one.document["key"].items()): one.document for one in declared}
    known = {_key(one["key"]): one for name, one in there.items() if name != "_id_"}
    service = where.partition(".")[0]
    for key, document in wanted.items():
        if key not in known or bool(document.get("unique")) != bool(known[key].get("unique")):
            found = (f"{where} 缺少索引 {key}", f"{where} lacks the index {key}")
            todo = (f"重启服务 {service}，启动时会建立", f"start {service} again: it makes its indexes then")
            yield bad("indexes", found, todo, collection=where, index=key)
    for key in known.keys() - wanted.keys():
        found = (f"{where} 有多余的索引 {key}", f"{where} has a foreign index {key}")
        todo = ("若无人使用请删除：每次写入都要维护它", "drop it if nobody needs it: every write pays for it")
        yield warn("indexes", found, todo, collection=where, index=key)


def _key(fields: Any) -> str:
    return ", ".join(f"{name} {int(way) if not isinstance(way, str) else way}" for name, way in fields)
