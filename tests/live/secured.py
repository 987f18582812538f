"""Apache Kafka of one or three nodes and mongod, both behind TLS and passwords, each service with its own rights."""

from __future__ import annotations

import asyncio
import base64
import secrets
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from infra.deploy.rights import DEFAULT, Right, rights, users
from infra.local import kafka, mongo
from infra.local.child import Child
from infra.local.children import Supervisor
from infra.local.kafka import Java
from infra.local.ports import LOOPBACK
from infra.runtime import bus
from infra.runtime.connections import kafka_options, mongo_client
from infra.runtime.settings import RuntimeSettings
from tests.live.rooms import free_port

OWNER = "owner"
PRINCIPALS = (OWNER, *users())
_RESOURCES = {"topic": 2, "group": 3}
_OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8}
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3
_OURS = ("node.id", "controller.quorum", "listeners", "advertised", "offsets.topic.replication", "default.replication")

SECURED = """
node.id={node}
controller.quorum.voters={voters}
listeners=CLIENT://{host}:{client},INSIDE://{host}:{inside},CONTROLLER://{host}:{controller}
advertised.listeners=CLIENT://{host}:{client},INSIDE://{host}:{inside}
listener.security.protocol.map=CLIENT:SASL_SSL,INSIDE:SSL,CONTROLLER:SSL
inter.broker.listener.name=INSIDE
ssl.keystore.type=PEM
ssl.keystore.location=server.pem
ssl.truststore.type=PEM
ssl.truststore.location=../ca.pem
ssl.principal.mapping.rules=RULE:^.*$/broker/
listener.name.inside.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:owner;User:broker
default.replication.factor={copies}
min.insync.replicas={enough}
offsets.topic.replication.factor={copies}
replica.lag.time.max.ms=3000
"""

ADMIN = """
security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location={authority}
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
username="owner" password="{password}";
"""


@dataclass
class Secured:
    """The running pair. `nodes`: the brokers' addresses for clients."""

    folder: Path
    nodes: list[str]
    mongo: str
    children: Supervisor

    @property
    def authority(self) -> Path:
        """The certificate that all others are from."""
        return self.folder / "ca.pem"

    def password(self, principal: str) -> Path:
        """The secret file of a principal, for broker and database alike."""
        return self.folder / f"{principal}-password"

    def options(self, principal: str, **more: Any) -> dict[str, Any]:
        """The settings of a service that is this principal."""
        known = {
            "kafka_servers": ",".join(self.nodes), "kafka_ca": self.authority, "kafka_user": principal,
            "kafka_password_file": self.password(principal), "kafka_replicas": min(len(self.nodes), 3),
            "mongo_url": self.mongo, "mongo_ca": self.authority, "mongo_user": principal,
            "mongo_password_file": self.password(principal),
        }  # fmt: skip
        return known | more

    def variables(self, principal: str) -> dict[str, str]:
        """The same as an operator sets them."""
        return {f"WATCHBILL_{name.upper()}": str(value) for name, value in self.options(principal).items()}

    def settings(self, principal: str, **more: Any) -> RuntimeSettings:
        return RuntimeSettings(**self.options(principal, **more))


@asynccontextmanager
async def secured(folder: Path, nodes: int = 1) -> AsyncIterator[Secured]:
    """Both, with the rights of `infra.deploy.rights` given and all topics made by their owner."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for principal in PRINCIPALS:
        (folder / f"{principal}-password").write_text(secrets.token_urlsafe(18) + "\n")
    children = Supervisor()
    try:
        brokers, url = await asyncio.gather(
            _brokers(folder, authority, children, nodes), _database(folder, authority, children)
        )
        made = Secured(folder, brokers, url, children)
        await own(made)
        yield made
    finally:
        await children.stop()


def _certificate(authority: trustme.CA, file: Path) -> None:
    """Key and certificate in one file, as both servers read it; Kafka wants the key as PKCS 8."""
    made = authority.issue_cert(LOOPBACK, "localhost")
    key = load_pem_private_key(made.private_key_pem.bytes(), None)
    chain = b"".join(one.bytes() for one in made.cert_chain_pems)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain)


async def _brokers(folder: Path, authority: trustme.CA, children: Supervisor, nodes: int) -> list[str]:
    java = await asyncio.to_thread(kafka.java)
    ports = {node: [free_port() for _ in range(3)] for node in range(1, nodes + 1)}
    voters = ",".join(f"{node}@{LOOPBACK}:{controller}" for node, (_, _, controller) in ports.items())
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "a")
    common = "\n".join(line for line in kafka.PROPERTIES.splitlines() if not line.startswith(_OURS))
    for node, (client, inside, controller) in ports.items():
        place = folder / f"kafka-{node}"
        place.mkdir()
        _certificate(authority, place / "server.pem")
        own = SECURED.format(
            node=node, voters=voters, host=LOOPBACK, client=client, inside=inside, controller=controller,
            copies=min(nodes, 3), enough=2 if nodes >= 3 else 1,
        )  # fmt: skip
        (place / "server.properties").write_text(common.format(host=LOOPBACK) + own)
    await asyncio.gather(*(_broker(java, folder, cluster, children, node, ports[node][0]) for node in ports))
    return [f"{LOOPBACK}:{client}" for client, _, _ in ports.values()]


async def _broker(java: Java, folder: Path, cluster: str, children: Supervisor, node: int, port: int) -> None:
    place, log = folder / f"kafka-{node}", folder / f"kafka-{node}.log"
    people = [
        text
        for principal in PRINCIPALS
        for text in ("--add-scram", f"SCRAM-SHA-512=[name={principal},password={_password(folder, principal)}]")
    ]
    command = ("kafka.tools.StorageTool", "format", "-t", cluster, "-c", "server.properties", *people)
    assert await kafka.run(java.command(*command), java, place, log) == 0, log.read_text()
    name, main = f"kafka-{node}", java.command("kafka.Kafka", "server.properties")
    await children.add(Child(name=name, command=main, env=java.env, cwd=place, log=log, ready=kafka.port_answers(port)))


async def _database(folder: Path, authority: trustme.CA, children: Supervisor) -> str:
    port, place = free_port(), folder / "mongo"
    place.mkdir()
    _certificate(authority, place / "server.pem")
    key = place / "key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    tls = [
        "--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(place / "server.pem"),
        "--tlsCAFile", str(folder / "ca.pem"), "--tlsAllowConnectionsWithoutCertificates", "--keyFile", str(key),
    ]  # fmt: skip
    command = [str(mongo.mongod()), "--dbpath", str(place), *mongo.options(port), *tls]
    ready = kafka.port_answers(port)
    await children.add(Child(name="mongo", command=command, log=folder / "mongo.log", ready=ready))
    await _users(folder, f"mongodb://{LOOPBACK}:{port}/?directConnection=true")
    return f"mongodb://{LOOPBACK}:{port}/?replicaSet={mongo.SET}"


async def _users(folder: Path, url: str) -> None:
    """The first user is made over the exception that mongod makes for this machine, the others by the first."""
    trust: dict[str, Any] = {"tls": True, "tlsCAFile": str(folder / "ca.pem")}
    member = {"_id": 0, "host": url.split("/")[2]}
    password = _password(folder, OWNER)
    async with AsyncMongoClient(url, **trust) as nobody:
        await nobody.admin.command("replSetInitiate", {"_id": mongo.SET, "members": [member]})
        await _patiently(nobody, "createUser", OWNER, pwd=password, roles=["root"])
    async with AsyncMongoClient(url, username=OWNER, password=password, **trust) as owner:
        for user in users():
            await _patiently(owner, "createUser", user, pwd=_password(folder, user), roles=[])


async def _patiently(client: Any, *command: Any, **fields: Any) -> None:
    """Until the new set has its primary."""
    async with asyncio.timeout(60):
        while True:
            try:
                await client.admin.command(*command, **fields)
                return
            except PyMongoError as error:
                if getattr(error, "code", None) not in (10107, 13435, None):
                    raise
                await asyncio.sleep(0.2)


async def own(made: Secured, prefix: str = DEFAULT) -> None:
    """What the owner does once for an installation: the topics, and who may do what with them and its databases."""
    owner = made.settings(OWNER, database_prefix=prefix)
    async with asyncio.timeout(90):
        while True:
            try:
                await bus.ensure_topics(owner)
                break
            except Exception:  # brokers that have only just started
                await asyncio.sleep(0.5)
    await give(owner, list(rights(prefix)))
    client = mongo_client(owner, OWNER)
    for user, roles in users(prefix).items():
        await client.admin.command("grantRolesToUser", user, roles=roles)
    client.close()


async def give(owner: RuntimeSettings, allowed: Sequence[Right]) -> None:
    """Adds these rights."""
    admin = AIOKafkaAdminClient(**kafka_options(owner))
    await admin.start()
    try:
        for right in allowed:
            request = CreateAclsRequest(
                _RESOURCES[right.resource], right.name, _PREFIXED if right.by_prefix else _LITERAL,
                f"User:{right.principal}", "*", _OPERATIONS[right.operation], _ALLOW,
            )  # fmt: skip
            answer = await admin._send_to_controller(request)
            assert [code for code, _ in answer.creation_responses] == [0], answer
    finally:
        await admin.close()


def _password(folder: Path, principal: str) -> str:
    return (folder / f"{principal}-password").read_text().strip()


async def reach_kafka(settings: RuntimeSettings) -> None:
    producer = AIOKafkaProducer(**kafka_options(settings), request_timeout_ms=5_000)
    try:
        await producer.start()
    finally:
        await producer.stop()


async def reach_mongo(settings: RuntimeSettings) -> None:
    client = mongo_client(settings, "try")
    try:
        await client["watchbill_assets"].things.find_one({})
    finally:
        client.close()


async def change_passwords(made: Secured, principal: str, password: str) -> None:
    """What the owner does to change one: at the broker, at the database, in the secret file."""
    java = await asyncio.to_thread(kafka.java)
    known, log = made.folder / "owner.properties", made.folder / "change.log"
    known.write_text(ADMIN.format(authority=made.authority, password=_password(made.folder, OWNER)))
    user = ("--alter", "--entity-type", "users", "--entity-name", principal)
    how = ("--bootstrap-server", made.nodes[0], "--command-config", str(known))
    command = java.command(
        "kafka.admin.ConfigCommand", *how, *user, "--add-config", f"SCRAM-SHA-512=[password={password}]"
    )
    assert await kafka.run(command, java, made.folder, log) == 0, log.read_text()
    client = mongo_client(made.settings(OWNER), "owner")
    await client.admin.command("updateUser", principal, pwd=password)
    client.close()
    made.password(principal).write_text(password + "\n")
