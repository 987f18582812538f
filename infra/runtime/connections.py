"""Connections: how a service reaches broker and database, by its settings and by secret files."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from faststream.security import BaseSecurity, SASLScram512
from motor.motor_asyncio import AsyncIOMotorClient

from infra.runtime.settings import RuntimeSettings

SELECTION_MS = 3000


def kafka_options(settings: RuntimeSettings) -> dict[str, Any]:
    """What every aiokafka client is given: where the broker is, whom it trusts, and who it is (SCRAM-SHA-512)."""
    trust, user = _trust(settings.kafka_ca), settings.kafka_user
    protocol = ("SASL_" if user else "") + ("SSL" if trust else "PLAINTEXT")
    options = {"bootstrap_servers": settings.brokers, "security_protocol": protocol, "ssl_context": trust}
    if user:
        password = _secret(settings.kafka_password_file)
        options |= {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": user, "sasl_plain_password": password}
    return options


def kafka_security(settings: RuntimeSettings) -> BaseSecurity | None:
    """The same for FastStream; None: plain text, and nobody asks who it is."""
    trust, user = _trust(settings.kafka_ca), settings.kafka_user
    if user:
        return SASLScram512(user, _secret(settings.kafka_password_file), ssl_context=trust, use_ssl=trust is not None)
    return BaseSecurity(ssl_context=trust, use_ssl=True) if trust else None


def mongo_options(settings: RuntimeSettings) -> dict[str, Any]:
    """What every client of the database is given besides the address: whom it trusts, and who it is."""
    options: dict[str, Any] = {}
    if settings.mongo_ca:
        options |= {"tls": True, "tlsCAFile": str(settings.mongo_ca)}
    if settings.mongo_user:
        options |= {"username": settings.mongo_user, "password": _secret(settings.mongo_password_file)}
        options |= {"authSource": settings.mongo_auth_source, "authMechanism": "SCRAM-SHA-256"}
    return options


def mongo_client(settings: RuntimeSettings, service: str) -> AsyncIOMotorClient[dict[str, Any]]:
    """A client of the database. It connects when it is first asked."""
    return AsyncIOMotorClient(
        settings.mongo_url,
        tz_aware=True,
        serverSelectionTimeoutMS=SELECTION_MS,
        appname=f"watchbill-{service}",
        retryWrites=True,
        **mongo_options(settings),
    )


def _trust(authority: Path | None) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=str(authority)) if authority else None


def _secret(file: Path | None) -> str:
    assert file is not None  # the settings see to that
    return file.read_text().strip()
